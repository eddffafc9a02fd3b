/** Instances are replaced again and again under streams that last longer than a replacement takes, and no stream notices. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SystemStatus } from '../../src/control/status.ts'
import { keepAsking } from '../harness/load.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

const REPLACEMENTS = 30
/** An answer takes some two seconds: many a replacement begins and ends in the middle of it. */
const TOKENS = 100
const STREAMS = 8

let system: System
beforeAll(async () => {
  system = await startSystem({
    bootstrap: simulatedAssistant({ parameters: `{ timeToFirstToken: 20ms, tokensPerSecond: 50, answerTokens: ${TOKENS} }` }),
    gateways: 2,
  })
})
afterAll(() => system?.stop())

async function instances() {
  const { versions } = await system.control<SystemStatus>('GET', '/status')
  return versions.find(({ name }) => name === 'assistant-v1')!.instances
}

/** One streamed answer; what is wrong with it, if anything is. */
async function stream(): Promise<string | undefined> {
  const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'assistant', stream: true, max_tokens: TOKENS, messages: [{ role: 'user', content: 'Tell me.' }] }),
  })
  const text = await response.text()
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
  if (response.status !== 200) return `HTTP ${response.status}: ${text.slice(0, 200)}`
  if (events.at(-1) !== 'data: [DONE]' || text.includes('"error"')) return `cut: ${text.slice(-300)}`
  return events.length > TOKENS ? undefined : `${events.length} events`
}

test(`${REPLACEMENTS} replacements under ${STREAMS} streams at a time: none is broken`, { timeout: 300_000 }, async () => {
  let whole = 0
  const wrong: string[] = []
  const streams = keepAsking(STREAMS, async () => {
    const problem = await stream()
    if (problem === undefined) whole += 1
    else wrong.push(problem)
  })
  let replaced = new Set((await instances()).list.map(({ id }) => id))
  for (let i = 0; i < REPLACEMENTS; i++) {
    const restarted = await strata(['restart', 'assistant-v1'], { home: system.home })
    expect(restarted).toMatchObject({ code: 0, stderr: '' })
    for (const end = performance.now() + 20_000; ; await sleep(50)) {
      const { list, ready } = await instances()
      // Never fewer than wanted: the new one takes over first.
      expect(ready).toBeGreaterThanOrEqual(1)
      if (list.some(({ id, state }) => !replaced.has(id) && state === 'ready')) {
        replaced = new Set(list.map(({ id }) => id))
        break
      }
      expect(performance.now(), JSON.stringify(list)).toBeLessThan(end)
    }
  }
  await streams.stop()
  expect(wrong).toEqual([])
  expect(whole).toBeGreaterThan(STREAMS)
  // And all but the last are gone.
  await system.until((processes) => processes.filter(({ role, state }) => role === 'engine' && state !== 'ended').length === 1)
})
