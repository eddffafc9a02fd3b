/**
 * How fast the engine writes, beside llama-server on the same weights with as many threads and as much context for each answer. Both are asked
 * over HTTP without a gateway: N streamed answers at the same time, greedy, distinct prompts (no prefix is in a cache), fixed lengths.
 * _Decode_: tokens a second of all answers together, while all are being written. _Total_: tokens of prompts and answers over the whole
 * time. Rounds are interleaved; the quieter half of them counts, by what other processes had of the cores, and of those the medians are quoted.
 * The ratio is the figure. Threads: as the engine has them by default, one for every two cores.
 *
 *   npx strata --node bench/engine.ts [--rounds 5] [--seconds 600, after which no round begins] [--concurrency 1,2,4,8] [--prompt 96] [--tokens 64] [--threads 1] [--context 1024]
 *       [--peer FOLDER] [--weights FILE.gguf] [--flags="--cpu-prof --cpu-prof-dir=FOLDER"]
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultModel } from '../test/fixtures/weights.ts'
import { fetchLlamaServer, PEER_VERSION } from '../test/peers/llama-server.ts'
import { type Ask, measure, type Speed } from './engine/measure.ts'
import { watchNeighbours } from './engine/neighbours.ts'
import { type Server, startLlamaServer, startStrata } from './engine/servers.ts'
import { median } from './load/index.ts'

interface Pair {
  readonly strata: Speed
  readonly peer: Speed
  /** What other processes had of the cores. */
  readonly neighbours: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '600' },
    concurrency: { type: 'string', default: '1,2,4,8' },
    prompt: { type: 'string', default: '96' },
    tokens: { type: 'string', default: '64' },
    context: { type: 'string', default: '1024' },
    threads: { type: 'string', default: String(Math.max(1, availableParallelism() >> 1)) },
    weights: { type: 'string' },
    peer: { type: 'string' },
    flags: { type: 'string', default: '' },
  },
})
const concurrencies = values.concurrency.split(',').map(Number)
const rounds = Number(values.rounds)
const promptTokens = Number(values.prompt)
const maxTokens = Number(values.tokens)
const room = { threads: Number(values.threads), slots: Math.max(...concurrencies), contextSize: Number(values.context) }
const say = (line: string) => process.stdout.write(`${line}\n`)

const weights = values.weights ? { path: values.weights, sha256: '' } : await defaultModel()
const servers: Server[] = []
try {
  servers.push(await startStrata(weights, room, values.flags.split(' ').filter(Boolean)))
  servers.push(await startLlamaServer(values.peer ?? fetchLlamaServer(), weights, room))
  const [strata, peer] = servers as [Server, Server]
  const asks = await asker(peer)
  say(
    `${PEER_VERSION}, no gateway in between; ${room.threads} threads, ${room.slots} slots of ${room.contextSize} tokens, ` +
      `prompts of ${promptTokens} tokens, answers of ${maxTokens}; medians of the quieter half of at most ${rounds} rounds.\n`,
  )
  const warm = asks(room.slots)
  for (const server of servers) await measure(server.port, warm)

  const seen = new Map<number, Pair[]>(concurrencies.map((n) => [n, []]))
  const started = performance.now()
  let round = 0
  for (; round < rounds && (round === 0 || performance.now() - started < Number(values.seconds) * 1000); round++) {
    for (const n of concurrencies) {
      const asked = asks(n)
      const watch = watchNeighbours(servers.map(({ pid }) => pid))
      const speeds = new Map<Server, Speed>()
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) speeds.set(server, await measure(server.port, asked))
      seen.get(n)!.push({ strata: speeds.get(strata)!, peer: speeds.get(peer)!, neighbours: watch.share() })
    }
  }

  const ratios: number[] = []
  say(
    '| at the same time | decode, tok/s | llama-server | ratio | total, tok/s | llama-server | ratio | first token, ms | llama-server | neighbours |',
  )
  say('|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|')
  for (const n of concurrencies) {
    const pairs = seen
      .get(n)!
      .toSorted((a, b) => a.neighbours - b.neighbours)
      .slice(0, Math.ceil(round / 2))
    const of = (server: 'strata' | 'peer', what: keyof Speed) => median(pairs.map((pair) => pair[server][what]))
    const cells = (['decode', 'total'] as const).flatMap((what) => {
      const ratio = median(pairs.map(({ strata, peer }) => strata[what] / peer[what]))
      ratios.push(ratio)
      return [of('strata', what).toFixed(1), of('peer', what).toFixed(1), ratio.toFixed(2)]
    })
    const firstTokens = (['strata', 'peer'] as const).map((server) => (of(server, 'firstToken') * 1000).toFixed(0))
    say(`| ${[n, ...cells, ...firstTokens].join(' | ')} | ${(median(pairs.map(({ neighbours }) => neighbours)) * 100).toFixed(0)} % |`)
  }
  const geometric = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
  say(`\nGeometric mean of the ratios ${geometric.toFixed(2)} (to reach: 0.90), lowest ${Math.min(...ratios).toFixed(2)} (0.80).`)
} finally {
  for (const server of servers) await server.close()
}

/** Prompts from the text of the licence. No two begin with the same token, so that no cache knows the beginning of one. */
async function asker(peer: Server): Promise<(count: number) => Ask[]> {
  const tokens = await tokenize(peer, readFileSync(join(import.meta.dirname, '..', 'LICENSE'), 'utf8'))
  const ends = await Promise.all(['<|im_end|>', '<|endoftext|>', '<|eot_id|>', '</s>'].map((mark) => tokenize(peer, mark)))
  const never = ends.filter(({ length }) => length === 1).map(([token]) => token!)
  let next = 0
  const begun = new Set<number>()
  return (count) =>
    Array.from({ length: count }, () => {
      while (begun.has(tokens[next]!)) next++
      if (next + promptTokens > tokens.length) throw new Error('The licence has no more words to begin with: ask for fewer rounds.')
      begun.add(tokens[next]!)
      return { prompt: tokens.slice(next, next + promptTokens), maxTokens, never }
    })
}

async function tokenize({ port }: Server, content: string): Promise<number[]> {
  const response = await fetch(`http://127.0.0.1:${port}/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ content, add_special: false, parse_special: true }),
  })
  return ((await response.json()) as { tokens: number[] }).tokens
}
