/**
 * How long until the first token? From a fresh clone with a cold npm cache (weights in place already, so that the network to the hub is
 * not what is measured), and from a warm start.
 *
 *   npx strata --node bench/start.ts [--rounds 3]
 *
 * Prints the table of docs/performance.md. Uses the Node and npm that a person on this machine would use.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DEFAULT_MODEL } from '../src/control/bootstrap.ts'
import { homeAt, makeHome } from '../src/kernel/home.ts'
import type { Weights } from '../src/resources/model-version.ts'
import { fetchWeights } from '../src/serving/weights/index.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
const rounds = Number(values.rounds)
const root = join(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'strata-bench-start-'))

interface Start {
  /** Milliseconds from the command to the lines that say it is up, and to the first token of a streamed answer. */
  readonly up: number
  readonly firstToken: number
}

async function startOnce(folder: string, env: NodeJS.ProcessEnv, port: number): Promise<Start> {
  const from = performance.now()
  const child = spawn('npm', ['start', '--', '--port', String(port)], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  try {
    let said = ''
    const up = await new Promise<number>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        said += chunk
        if (/^ {2}Stop /m.test(said)) resolve(performance.now() - from)
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${said}`)))
      setTimeout(() => reject(new Error(`npm start took more than 5 minutes:\n${said}`)), 300_000).unref()
    })
    const key = /Bearer (\S+)"/.exec(said)![1]!
    const res = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'assistant', stream: true, max_tokens: 8, messages: [{ role: 'user', content: 'Hello!' }] }),
    })
    if (res.headers.get('x-strata-simulated')) throw new Error('the simulated engine answered: the weights were not found')
    let text = ''
    for await (const chunk of res.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (/"content":"[^"]/.test(text)) break
    }
    return { up, firstToken: performance.now() - from }
  } finally {
    child.kill('SIGINT')
    await ended
  }
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

try {
  const { spec } = DEFAULT_MODEL[1] as { spec: { source: { engine: { weights: Weights } } } }
  const store = homeAt(join(work, 'weights-home'))
  makeHome(store)
  process.stderr.write('Fetching the weights beforehand (not measured) …\n')
  await fetchWeights(spec.source.engine.weights, { home: store })

  const fresh: Start[] = []
  const warm: Start[] = []
  let megabytes = 0
  for (let round = 0; round < rounds; round++) {
    const folder = join(work, `clone ${round}`)
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', root, folder])
    const home = join(work, `home-${round}`)
    cpSync(store.weights, join(home, 'weights'), { recursive: true })
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('STRATA_')))
    Object.assign(env, { STRATA_HOME: home, npm_config_cache: join(work, `npm-cache-${round}`) })
    process.stderr.write(`Round ${round + 1} of ${rounds}: fresh clone …\n`)
    fresh.push(await startOnce(folder, env, 7610))
    process.stderr.write(`Round ${round + 1} of ${rounds}: warm start …\n`)
    warm.push(await startOnce(folder, env, 7610))
    megabytes = Number(execFileSync('du', ['-sm', folder], { encoding: 'utf8' }).split('\t')[0])
    rmSync(folder, { recursive: true })
    rmSync(env.npm_config_cache!, { recursive: true })
  }
  const row = (name: string, starts: Start[]) =>
    `| ${name} | ${seconds(median(starts.map(({ up }) => up)))} | ${seconds(median(starts.map(({ firstToken }) => firstToken)))} | ${seconds(Math.max(...starts.map(({ firstToken }) => firstToken)))} |`
  process.stdout.write(
    [
      `${rounds} rounds, ${cpus().length} cores (${cpus()[0]!.model.trim()}), ${process.platform} ${process.arch}; whole install ${megabytes} MB`,
      '',
      '| start | up (median) | first token (median) | first token (slowest) |',
      '|---|---:|---:|---:|',
      row('fresh clone, cold npm cache', fresh),
      row('warm', warm),
      '',
    ].join('\n'),
  )
} finally {
  if (existsSync(work)) rmSync(work, { recursive: true, force: true })
}
