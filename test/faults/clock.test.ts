/** The wall clock is set back an hour while the system works: told in words, and nothing works again, stops, or is counted twice. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { judgeStream } from '../chaos/answers.ts'
import { countedRequests, finishedRecords } from '../chaos/ledger.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'
import { answersAll, chat, killAndWait, linesOf, manifest, warnings } from './observe.ts'

const HOUR_MS = 3_600_000
const folder = mkdtempSync(join(tmpdir(), 'strata-clock-'))
const file = join(folder, 'offset')
const env = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'set-clock.mjs')}`, FAULTS_CLOCK: file }
let system: System

function setClock(ms: number): void {
  writeFileSync(`${file}.new`, String(ms))
  renameSync(`${file}.new`, file)
}

beforeAll(async () => {
  setClock(0)
  system = await startSystem({
    bootstrap: simulatedAssistant({ parameters: '{ timeToFirstToken: 5ms, tokensPerSecond: 40, answerTokens: 80 }' }),
    gateways: 2,
    env,
  })
})
afterAll(async () => {
  await system?.stop()
  rmSync(folder, { recursive: true })
})

test('an hour back, in the middle of everything', async () => {
  const made = async (name: string, expires?: string, consumer = 'default') => {
    const { secret } = await system.control<{ secret: string }>('POST', '/keys', { consumer, name, expires })
    return secret
  }
  const expiring = await made('expiring', new Date(Date.now() + 2_000).toISOString())
  const statusOf = async (key: string) => (await chat(system, {}, key)).status
  await expect.poll(() => statusOf(expiring)).toBe(200)
  await expect.poll(() => statusOf(expiring), { timeout: 10_000 }).toBe(401)
  await system.control('POST', '/apply', {
    documents: [manifest('Limit', 'few', { rules: [{ requests: 4, every: '1h' }] }), manifest('Consumer', 'few', { limits: ['few'] })],
  })
  const limited = await made('limited', undefined, 'few')
  await expect.poll(() => statusOf(limited)).toBe(200)
  for (let i = 0; i < 20; i++) await statusOf(limited)
  expect(await statusOf(limited)).toBe(429)

  const { body: whole } = await chat(system, { max_tokens: 80 })
  const text = (JSON.parse(whole) as { choices: { message: { content: string } }[] }).choices[0]!.message.content
  const streams = Array.from({ length: 6 }, () => chat(system, { stream: true, max_tokens: 80 }))
  await sleep(700)
  setClock(-HOUR_MS)
  for (const answer of await Promise.all(streams)) {
    expect(answer.ended - answer.began).toBeGreaterThan(1_000)
    expect(judgeStream(answer, text)).toEqual({ outcome: 'ok' })
  }
  await answersAll(system, 6)
  for (let i = 0; i < 6; i++) expect([await statusOf(expiring), await statusOf(limited)]).toEqual([401, 429])

  // Told where a person looks.
  expect(await warnings(system)).toMatch(/^The clock of this machine was set back by \d+m: /)
  expect((await strata(['status'], { home: system.home })).stdout).toMatch(/! The clock of this machine was set back/)
  await expect.poll(() => linesOf(system, 'control', /the clock was set back/).length, { timeout: 10_000 }).toBe(1)

  // What is changed now counts from now on.
  const fresh = await made('fresh')
  await expect.poll(() => statusOf(fresh)).toBe(200)

  // Whoever starts under the new time takes up where it was left under the old one.
  for (const name of ['gateway-0', 'control', 'gateway-1']) {
    await killAndWait(system, name)
    await answersAll(system, 4)
  }
  await expect.poll(async () => (await countedRequests(system)) - finishedRecords(system).size, { timeout: 10_000 }).toBe(0)
  for (const [id, records] of finishedRecords(system)) expect(records.length, id).toBe(1)

  setClock(0)
  await answersAll(system, 4)
  expect(await warnings(system)).toBe('')
  await expect.poll(async () => (await countedRequests(system)) - finishedRecords(system).size, { timeout: 10_000 }).toBe(0)
})
