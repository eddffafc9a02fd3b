/**
 * Control is away under load, with two gateways: no request needs it, gateways that restart meanwhile answer from the snapshot on their disk,
 * and one whose snapshot is spoiled leaves its requests to the other and says why. STRATA_CONTROL_DOWN_SECONDS says for how long (10).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSnapshotFile } from '../../src/gateway/snapshot/disk.ts'
import { homeAt } from '../../src/kernel/home.ts'
import { type Answer, judgePlain, judgeStream, type Verdict } from '../chaos/answers.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { isAlive, type System, startSystem } from '../harness/system.ts'
import { answersAll, chat, killAndWait, linesOf, manifest, warnings } from './observe.ts'

const AWAY_MS = Number(process.env.STRATA_CONTROL_DOWN_SECONDS ?? 10) * 1000
const TOKENS = 40
const READERS = 6
/** A killed process stops answering when the system has torn it down, not in the instant of the signal. */
const TEARDOWN_MS = 500

let system: System
let text: string
let away: number | undefined
beforeAll(async () => {
  system = await startSystem({
    bootstrap: simulatedAssistant({ parameters: `{ timeToFirstToken: 20ms, tokensPerSecond: 120, answerTokens: ${TOKENS} }` }),
    gateways: 2,
  })
  const { body } = await chat(system, { max_tokens: TOKENS })
  text = (JSON.parse(body) as { choices: { message: { content: string } }[] }).choices[0]!.message.content
})
afterAll(async () => {
  if (away !== undefined && isAlive(away)) process.kill(away, 'SIGCONT')
  await system?.stop()
})

/** Kills control and stops its successor before it has begun anything. */
async function takeControlAway(): Promise<void> {
  const killed = await system.kill('control')
  for (;;) {
    const pid = (await system.processes()).find(({ name }) => name === 'control')?.pid
    if (pid !== undefined && pid !== killed) {
      process.kill(pid, 'SIGSTOP')
      away = pid
      break
    }
    await sleep(2)
  }
  await expect(system.control('GET', '/status')).rejects.toThrow()
}

async function bringControlBack(): Promise<void> {
  process.kill(away!, 'SIGCONT')
  away = undefined
  await system.until((all) => all.some(({ name, state }) => name === 'control' && state === 'ready'), 30_000)
}

interface Asked {
  readonly answer: Answer
  readonly verdict: Verdict
}

async function read(stopped: AbortSignal, asked: Asked[]): Promise<void> {
  for (let i = 0; !stopped.aborted; i++) {
    const stream = i % 4 !== 0
    const answer = await chat(system, { stream, max_tokens: TOKENS })
    const one = { answer, verdict: (stream ? judgeStream : judgePlain)(answer, text) }
    asked.push(one)
    if (one.verdict.outcome !== 'ok') await sleep(20)
  }
}

/** What `work` takes is spent under load; returns all that was asked. */
async function underLoad(work: () => Promise<void>): Promise<Asked[]> {
  const stop = new AbortController()
  const asked: Asked[] = []
  const readers = Array.from({ length: READERS }, () => read(stop.signal, asked))
  try {
    await work()
  } finally {
    stop.abort()
    await Promise.all(readers)
  }
  return asked
}

/** No request failed but those that a gateway held, or was about to get, when it was killed. */
function noneFailed(asked: readonly Asked[], kills: readonly number[] = []): void {
  for (const { answer, verdict } of asked) {
    expect(verdict.lie, JSON.stringify(answer)).toBeUndefined()
    if (verdict.outcome === 'ok') continue
    const held = kills.some((at) => answer.began < at + TEARDOWN_MS && answer.ended > at)
    expect(held, `${JSON.stringify(answer)} with kills at ${kills.join(', ')}`).toBe(true)
  }
}

interface GatewayStatus {
  readonly pid: number
  readonly snapshot: { readonly source: string; readonly connected: boolean }
  readonly troubles: readonly string[]
}

/** What a gateway says on its own socket; undefined while it does not listen there. */
function statusOf(gateway: string): Promise<GatewayStatus | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: homeAt(system.home).socket(gateway), path: '/status' }, (response) => {
      let body = ''
      response.on('data', (part: Buffer) => (body += part))
      response.on('end', () => resolve(JSON.parse(body) as GatewayStatus))
    })
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}

test('no request fails, and gateways that restart meanwhile come up from the snapshot on disk', async () => {
  await takeControlAway()
  noneFailed(await underLoad(() => sleep(AWAY_MS)))
  const health = await (await fetch(`${system.gatewayUrl}/health/ready`)).json()
  expect(health).toMatchObject({ status: 'ready', snapshot: { connected: false, source: 'feed', silentMs: expect.any(Number) } })
  const said = await strata(['status'], { home: system.home })
  expect(said.code).not.toBe(0)
  expect(said.stderr).toMatch(/Control does not answer at \S+ \(killed by SIGKILL\)\. 2 of 2 gateways are ready and go on without it/)

  const kills: number[] = []
  const asked = await underLoad(async () => {
    for (const name of ['gateway-0', 'gateway-1']) {
      kills.push(performance.now())
      await killAndWait(system, name)
      expect(await statusOf(name)).toMatchObject({ snapshot: { source: 'disk', connected: false }, troubles: [] })
      expect(linesOf(system, name, /answering from the snapshot on disk until control is heard/)).toHaveLength(1)
    }
    await sleep(1_000)
  })
  noneFailed(asked, kills)
  expect(asked.length).toBeGreaterThan(20)

  noneFailed(await underLoad(bringControlBack))
  await system.control('POST', '/apply', { documents: [manifest('Consumer', 'afterwards', {})] })
  await expect
    .poll(async () => (await statusOf('gateway-0'))?.snapshot, { timeout: 10_000 })
    .toMatchObject({ source: 'feed', connected: true })
  await expect.poll(() => warnings(system), { timeout: 20_000 }).toBe('')
})

test('a snapshot that is spoiled is noticed and told; its gateway leaves the requests to the other until control is back', async () => {
  const file = join(homeAt(system.home).snapshots, 'gateway-0.ndjson')
  const good = readFileSync(file)
  await takeControlAway()
  const spoiled: [string, Buffer | string, string][] = [
    ['empty', '', 'the file is empty'],
    ['half-written', good.subarray(0, good.length / 2), 'it is cut short: it ends after'],
    ['of an older version', good.toString().replace('"format":3', '"format":2'), 'it is of format 2, and this program reads format 3'],
    ['corrupt', good.toString().replace('"weight":100', '"weight":101'), 'it was altered after it was written'],
  ]
  for (const [what, content, words] of spoiled) {
    expect(good.equals(Buffer.from(content)), what).toBe(false)
    writeFileSync(file, content)
    let killedAt = 0
    const asked = await underLoad(async () => {
      killedAt = performance.now()
      const pid = await system.kill('gateway-0')
      await expect
        .poll(async () => [(await statusOf('gateway-0'))?.pid !== pid, (await statusOf('gateway-0'))?.troubles], { timeout: 20_000 })
        .toEqual([true, [expect.stringContaining(`The snapshot on disk could not be used at the last start: ${words}`)]])
      await sleep(500)
    })
    noneFailed(asked, [killedAt])
    expect(linesOf(system, 'gateway-0', /the snapshot on disk is not usable/).at(-1)).toContain(words)
    // Not ready is what an orchestrator goes by.
    expect((await system.processes()).find(({ name }) => name === 'gateway-0')?.state).toBe('starting')
  }

  await bringControlBack()
  await system.until((all) => all.some(({ name, state }) => name === 'gateway-0' && state === 'ready'))
  await expect
    .poll(() => warnings(system), { timeout: 10_000 })
    .toMatch(/gateway-0: The snapshot on disk could not be used at the last start: it was altered after it was written/)
  expect((await strata(['status'], { home: system.home })).stdout).toMatch(/! gateway-0: The snapshot on disk could not be used/)
  await expect.poll(() => readFileSync(file).length, { timeout: 5_000 }).toBeGreaterThan(0)
  await expect.poll(() => readSnapshotFile(file).tables.routesByModel.get('default')?.has('assistant'), { timeout: 5_000 }).toBe(true)
  await answersAll(system, 10)
})
