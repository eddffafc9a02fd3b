/**
 * kill -9, again and again, at random moments of a system at work: streams run, things are applied, keys come and go, weights are being
 * downloaded. What is promised then is checked after every kill. STRATA_CHAOS_ROUNDS says how many rounds; a failing run prints its seed, and
 * STRATA_CHAOS_SEED replays its choices (the machine's own timing is not replayed).
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { homeAt } from '../../src/kernel/home.ts'
import { randomFrom } from '../../src/kernel/random.ts'
import { QUICK_END_MS } from '../../src/supervisor/restart-policy.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { noneLeft, type System, startSystem } from '../harness/system.ts'
import { type Answer, ask, judgePlain, judgeStream, type Verdict } from './answers.ts'
import { countedRequests, finishedRecords } from './ledger.ts'
import { type SlowWeights, serveSlowWeights } from './slow-weights.ts'
import { createWrites, type Writes } from './writes.ts'

const ROUNDS = Number(process.env.STRATA_CHAOS_ROUNDS ?? 20)
const SEED = Number(process.env.STRATA_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const random = randomFrom(SEED).uniform

const VICTIMS = ['control', 'gateway-0', 'gateway-1', 'engine-assistant-v1'] as const
type Victim = (typeof VICTIMS)[number]

/**
 * The promise: from the kill until it answers again. Without the time in which it was ready to run and others had the processor: that says
 * something about the machine.
 */
const BACK_MS = 5_000
/** Records are flushed every 100 ms; what is on top is what two busy cores add to both ends of the measurement. */
const LOST_MS = 250
/** A killed process stops answering when the system has torn it down, not in the instant of the signal. */
const TEARDOWN_MS = 500
const READERS = 6
const PROMPTS = ['Tell me of rivers.', 'What is a harbour?', 'Count the lanterns.', 'Why is copper red?']
const TOKENS = 60

interface Asked {
  readonly stream: boolean
  readonly answer: Answer
  readonly verdict: Verdict
}

let system: System
let weights: SlowWeights
let writes: Writes
let ports: number[]
const texts = new Map<string, string>()
const downloads: { name: string; sha256: string; bytes: number }[] = []
/** Ends soon after a start, in a row, as the supervisor counts them: it makes a third one wait, and so on. */
const MOST_QUICK_ENDS = 2
const quickEnds = new Map<string, number>()
const tally = { ok: 0, cut: 0, refused: 0, lost: 0 }
/** Milliseconds until each killed one was there again, for whoever reads the log. */
const away: Record<Victim, number[]> = { control: [], 'gateway-0': [], 'gateway-1': [], 'engine-assistant-v1': [] }

const question = (prompt: string, stream: boolean, maxTokens = TOKENS) => ({
  url: system.gatewayUrl,
  key: system.apiKey,
  body: { model: 'assistant', stream, max_tokens: maxTokens, messages: [{ role: 'user', content: prompt }] },
})

async function askOnce(): Promise<Asked> {
  const prompt = PROMPTS[Math.floor(Math.random() * PROMPTS.length)]!
  const stream = Math.random() < 0.75
  const answer = await ask(question(prompt, stream))
  return { stream, answer, verdict: (stream ? judgeStream : judgePlain)(answer, texts.get(prompt)!) }
}

beforeAll(async () => {
  console.log(`chaos: ${ROUNDS} rounds, STRATA_CHAOS_SEED=${SEED}`)
  weights = await serveSlowWeights(100)
  system = await startSystem({
    bootstrap: simulatedAssistant({ parameters: `{ timeToFirstToken: 50ms, tokensPerSecond: 120, answerTokens: ${TOKENS} }` }),
    gateways: 2,
  })
  ports = [system.gatewayUrl, system.consoleUrl].map((url) => Number(new URL(url).port))
  writes = createWrites(system)
  for (const prompt of PROMPTS) {
    const { body } = await ask(question(prompt, false))
    texts.set(prompt, (JSON.parse(body) as { choices: { message: { content: string } }[] }).choices[0]!.message.content)
  }
})
afterAll(async () => {
  await system?.stop()
  await weights?.close()
})

/** A download that is under way in the next seconds. The version runs nothing: its weights are all that is wanted of it. */
async function beginDownload(round: number): Promise<void> {
  const name = `slow-${round}`
  const bytes = Buffer.alloc(320 * 1024 + round, `${SEED}-${round}-`)
  const { url, sha256 } = weights.add(name, bytes)
  const engine = { kind: 'llama', weights: { sha256, from: [url] } }
  await system.control('POST', '/apply', {
    documents: [
      {
        apiVersion: 'strata.dev/v1alpha1',
        kind: 'ModelVersion',
        metadata: { name },
        spec: { model: 'assistant', version: name, source: { engine }, scaling: { min: 0 } },
      },
    ],
  })
  downloads.push({ name, sha256, bytes: bytes.length })
}

async function chooseVictim(): Promise<{ victim: Victim; process: string }> {
  const all = await system.processes()
  const processOf = (victim: Victim) => all.find(({ name }) => name.startsWith(victim))!
  for (const each of VICTIMS) {
    const { state, since } = processOf(each)
    if (state === 'ready' && Date.now() - since >= QUICK_END_MS) quickEnds.set(each, 0)
  }
  const candidates = VICTIMS.filter((each) => (quickEnds.get(each) ?? 0) < MOST_QUICK_ENDS)
  const victim = candidates[Math.floor(random() * candidates.length)]!
  quickEnds.set(victim, (quickEnds.get(victim) ?? 0) + 1)
  return { victim, process: processOf(victim).name }
}

/** Resolves with the time that it took until the killed one was there again and answered. */
async function backAgain(name: string, killed: number, killedAt: number): Promise<number> {
  for (;;) {
    const now = (await system.processes()).find((each) => each.name === name)
    if (now?.state === 'ready' && now.pid !== killed) {
      // Control says that it is ready a moment before it is asked; the next look decides.
      const answers = name === 'control' ? await system.control('GET', '/status').then(yes, no) : (await askOnce()).verdict.outcome === 'ok'
      if (answers) return performance.now() - killedAt - waitedForProcessor(now.pid!)
    }
    if (performance.now() - killedAt > 8 * BACK_MS) throw new Error(`${name} did not come back: ${JSON.stringify(now)}\n${system.logs()}`)
    await sleep(25)
  }
}
const yes = () => true
const no = () => false

/** Milliseconds in which its main thread was ready to run and did not (proc(5): the second field of schedstat). */
function waitedForProcessor(pid: number): number {
  if (process.platform !== 'linux') return 0
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
}

/** Asks until `stopped` is aborted; what was asked by then is answered to its end. */
async function read(stopped: AbortSignal, asked: Asked[]): Promise<void> {
  while (!stopped.aborted) {
    const one = await askOnce()
    asked.push(one)
    if (one.verdict.outcome !== 'ok') await sleep(20)
  }
}

function checkAnswers(victim: Victim, killedAt: number, asked: readonly Asked[]): void {
  for (const { answer, verdict, stream } of asked) {
    const what = `${stream ? 'stream' : 'plain answer'}, begun ${Math.round(answer.began - killedAt)} ms and ended ${Math.round(answer.ended - killedAt)} ms after the kill of ${victim}: ${JSON.stringify(answer)}`
    expect(verdict.lie, what).toBeUndefined()
    tally[verdict.outcome] += 1
    if (verdict.outcome === 'ok') continue
    expect(victim, `no request needs control. ${what}`).not.toBe('control')
    expect(answer.ended, `over before anything happened. ${what}`).toBeGreaterThan(killedAt)
    expect(answer.began, `begun when it was over. ${what}`).toBeLessThan(killedAt + TEARDOWN_MS)
  }
}

/** Every request that was over is in the records once; a killed gateway may have lost those of its last moment. */
async function checkRecords(victim: Victim, killedAt: number, asked: readonly Asked[]): Promise<void> {
  const over = asked.filter(({ answer }) => answer.id !== undefined && answer.whole)
  const mayBeLost = ({ answer }: Asked) =>
    victim.startsWith('gateway') && answer.ended > killedAt - LOST_MS && answer.began < killedAt + TEARDOWN_MS
  for (const deadline = performance.now() + 3_000; ; await sleep(50)) {
    const records = finishedRecords(system)
    const missing = over.filter(({ answer }) => !records.has(answer.id!))
    const lost = missing.filter(mayBeLost)
    for (const { answer } of over) expect(records.get(answer.id!)?.length ?? 1, answer.id).toBe(1)
    if (missing.length === lost.length) {
      tally.lost += lost.length
      return
    }
    const late = missing.filter((each) => !mayBeLost(each)).map(({ answer }) => [answer.id, Math.round(answer.ended - killedAt)])
    expect(performance.now(), `without a record after the kill of ${victim}: ${JSON.stringify(late)}`).toBeLessThan(deadline)
  }
}

async function checkCounted(): Promise<void> {
  await expect.poll(async () => (await countedRequests(system)) - finishedRecords(system).size, { timeout: 10_000, interval: 100 }).toBe(0)
}

async function checkKeys(): Promise<void> {
  const { working, revoked } = writes.sample()
  const status = async (key: string) => (await ask({ ...question(PROMPTS[0]!, false, 1), key })).status
  // A gateway that has just come back, or follows a control that has, needs a moment for the newest snapshot.
  if (working) await expect.poll(async () => [await status(working), await status(working)], { timeout: 5_000 }).toEqual([200, 200])
  if (revoked) await expect.poll(async () => [await status(revoked), await status(revoked)], { timeout: 5_000 }).toEqual([401, 401])
}

describe(`kill -9, ${ROUNDS} times (seed ${SEED})`, () => {
  test.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))('round %i', async (round) => {
    const downloading = random() < 0.4
    const afterMs = 150 + random() * 900
    if (downloading) await beginDownload(round)
    const stop = new AbortController()
    const asked: Asked[] = []
    const busy = [...Array.from({ length: READERS }, () => read(stop.signal, asked)), writes.run(stop.signal)]
    let victim: Victim
    let killedAt: number
    try {
      await sleep(afterMs)
      const chosen = await chooseVictim()
      victim = chosen.victim
      killedAt = performance.now()
      const pid = await system.kill(chosen.process)
      const tookMs = await backAgain(chosen.process, pid, killedAt)
      away[victim].push(Math.round(tookMs))
      expect(tookMs, `${chosen.process} was away for ${Math.round(tookMs)} ms`).toBeLessThan(BACK_MS)
    } finally {
      stop.abort()
      await Promise.all(busy)
    }
    checkAnswers(victim, killedAt, asked)
    await checkRecords(victim, killedAt, asked)
    expect(await writes.problems()).toEqual([])
    await checkKeys()
    if (victim === 'control') await checkCounted()
  })

  test('the downloads are whole, and nothing of them lies about', async () => {
    const { weights: folder } = homeAt(system.home)
    await expect.poll(() => readdirSync(join(folder, 'parts')), { timeout: 30_000, interval: 200 }).toEqual([])
    for (const { name, sha256, bytes } of downloads) {
      const file = readFileSync(join(folder, 'sha256', sha256))
      expect(file.length, name).toBe(bytes)
      expect(createHash('sha256').update(file).digest('hex'), name).toBe(sha256)
    }
    const names = downloads.flatMap(({ sha256 }) => [sha256, `${sha256}.json`])
    expect(readdirSync(join(folder, 'sha256')).sort()).toEqual(names.sort())
  })

  test('all is counted once, and no process and no port is left', async () => {
    await checkCounted()
    console.log(
      `chaos: ${JSON.stringify({ ...tally, writes: writes.acknowledged, downloads: downloads.length, resumed: weights.resumed() })}`,
    )
    console.log(`chaos: away for (ms) ${JSON.stringify(away)}`)
    expect(tally.ok).toBeGreaterThan(ROUNDS)
    expect(writes.acknowledged).toBeGreaterThan(ROUNDS)
    await system.signal('SIGINT')
    await noneLeft(system.home, 5_000)
    for (const port of ports) {
      const server = createServer()
      await new Promise<void>((done, fail) => {
        server.once('error', fail)
        server.listen({ host: '127.0.0.1', port, exclusive: true }, done)
      })
      await new Promise((done) => server.close(done))
    }
  })
})
