/** Autoscaling on a whole system: instances come with the load and go with it, no stream is cut, and a control that is killed goes on where it was. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ScalingAnswer } from '../../src/control/api/scaling.ts'
import type { SystemStatus } from '../../src/control/status.ts'
import type { Resource } from '../../src/resources/index.ts'
import { keepAsking } from '../harness/load.ts'
import { strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

/** Knative's shortest window: in a test nobody waits for a minute. */
const POLICY = '{ knative: { target: 4, window: 6s } }'
/** An answer of 50 tokens takes a second. */
const version = (name: string, scaling: string) => `---
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: ${name} }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: ${name}-v1 }
spec:
  model: ${name}
  version: v1
  source: { engine: { kind: simulated, parameters: { timeToFirstToken: 20ms, tokensPerSecond: 50, answerTokens: 600, sequences: 32 } } }
  scaling: ${scaling}
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: ${name} }
spec: { models: [${name}], targets: [{ version: ${name}-v1, weight: 100 }] }
`
const MAX = 3
const bootstrap =
  version('busy', `{ min: 1, max: ${MAX}, policy: ${POLICY}, cooldown: { down: 2s } }`) +
  version('sleeper', `{ min: 0, max: 1, policy: ${POLICY}, cooldown: { down: 2s }, hold: { most: 0 } }`)

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap, gateways: 2 })
})
afterAll(() => system?.stop())

const scalingOf = (name: string) => system.control<ScalingAnswer>('GET', `/modelversions/${name}-v1/scaling`)
const versionOf = (name: string) => system.control<Resource<'ModelVersion'>>('GET', `/modelversions/${name}-v1`)
async function instancesOf(name: string) {
  const { versions } = await system.control<SystemStatus>('GET', '/status')
  return versions.find((each) => each.name === `${name}-v1`)!.instances.list
}
const staying = async (name: string) => (await instancesOf(name)).filter(({ state }) => state !== 'draining').length

async function until<T>(what: () => Promise<T>, accept: (found: T) => boolean, timeoutMs = 20_000): Promise<T> {
  for (const end = performance.now() + timeoutMs; ; await sleep(50)) {
    const found = await what().catch(() => undefined) // control may be away
    if (found !== undefined && accept(found)) return found
    expect(performance.now(), `it did not come to that: ${JSON.stringify(found)}\n${system.logs().slice(-4_000)}`).toBeLessThan(end)
  }
}

/** A streamed answer of so many tokens; what is wrong with it, if anything is. */
async function stream(model: string, tokens: number): Promise<string | undefined> {
  const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, max_tokens: tokens, messages: [{ role: 'user', content: 'Tell me.' }] }),
  })
  const text = await response.text()
  if (response.status !== 200) return `HTTP ${response.status}: ${text.slice(0, 300)}`
  return text.trimEnd().endsWith('data: [DONE]') && !text.includes('"error"') ? undefined : `cut: ${text.slice(-300)}`
}

/** So many askers at the same time, until told to stop. */
function load(askers: number) {
  let answers = 0
  const wrong: string[] = []
  const asking = keepAsking(askers, async () => {
    const problem = await stream('busy', 50)
    if (problem === undefined) answers += 1
    else wrong.push(problem)
  })
  return { wrong, answers: () => answers, stop: asking.stop }
}

/** The most instances that were there at any look and were to stay. */
function watchMost() {
  let most = 0
  let watching = true
  const watched = (async () => {
    for (; watching; await sleep(50)) most = Math.max(most, await staying('busy').catch(() => 0))
  })()
  return async () => {
    watching = false
    await watched
    return most
  }
}

test('instances come with the load and go with it, though control is killed in between; no stream notices', async () => {
  const most = watchMost()
  const some = load(7)
  // Seven at a time, four each.
  const two = await until(
    () => scalingOf('busy'),
    ({ now }) => now!.ready === 2,
  )
  expect(two.decisions.map(({ from, wanted }) => [from, wanted])).toEqual([[1, 2]])
  expect(two.decisions[0]!.reason).toMatch(/requests at a time over 6 s/)

  const more = load(23)
  await until(
    () => scalingOf('busy'),
    ({ now }) => now!.wanted === MAX,
  )
  await system.kill('control')
  const full = await until(
    () => scalingOf('busy'),
    ({ now }) => now!.ready === MAX,
  )
  expect(full.now!.wanted).toBe(MAX)
  expect((await versionOf('busy')).status).toMatchObject({
    state: 'Ready',
    instances: { wanted: MAX, ready: MAX },
    scaling: { wanted: MAX },
  })

  // Streams that will outlast the instances they run on.
  const long = Promise.all(Array.from({ length: 9 }, () => stream('busy', 500)))
  await Promise.all([some.stop(), more.stop()])
  await until(
    () => scalingOf('busy'),
    ({ now }) => now!.wanted < MAX,
  )
  expect(await long).toEqual(new Array(9).fill(undefined))
  await until(
    () => instancesOf('busy'),
    (list) => list.length === 1 && list[0]!.state === 'ready',
  )

  expect([...some.wrong, ...more.wrong]).toEqual([])
  expect(some.answers() + more.answers()).toBeGreaterThan(30)
  expect(await most()).toBe(MAX)
  const { decisions, now } = await scalingOf('busy')
  // Each change once, each from where the one before had left it, also across the kill.
  expect(decisions.map(({ from }) => from)).toEqual([1, ...decisions.slice(0, -1).map(({ wanted }) => wanted)])
  expect(decisions.at(-1)!.wanted).toBe(1)
  expect(now!.startup.measured).toBe(true)
})

describe('with `min: 0`', () => {
  test('nothing runs, the first request starts an instance, and it goes when nobody asks', async () => {
    expect((await versionOf('sleeper')).status).toMatchObject({ state: 'Stopped', message: 'Nobody asks; the first request starts one.' })
    expect(await instancesOf('sleeper')).toEqual([])
    const from = performance.now()
    const answered = await until(
      async () => (await stream('sleeper', 5)) ?? 'whole',
      (found) => found === 'whole',
    )
    expect(answered).toBe('whole')
    expect(performance.now() - from).toBeLessThan(8_000)
    expect(await instancesOf('sleeper')).toMatchObject([{ state: 'ready' }])
    await until(
      () => instancesOf('sleeper'),
      (list) => list.length === 0,
    )
    const { decisions } = await scalingOf('sleeper')
    expect(decisions.map(({ from: before, wanted }) => `${before} → ${wanted}`)).toEqual(['0 → 1', '1 → 0'])
    expect(decisions[0]!.reason).toMatch(/ no instance runs, so one starts\.$/)
  })
})

test('the command line says all of it', async () => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await strata(args, { home: system.home })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  expect(await run('autoscale', 'get')).toMatch(
    /^NAME +POLICY +MIN +MAX +WANTED +READY +LOAD +REASON\nbusy-v1 +knative +1 +3 +1 +1 +0 at a time +0 requests at a time/,
  )
  const told = await run('autoscale', 'explain', 'busy-v1', '--inputs')
  expect(told).toMatch(
    /^Policy: +knative \{"metric":"concurrency","target":4,"window":"6s"\}\nBounds: +1 to 3 instances; after a change none leaves within 2s\n/,
  )
  expect(told).toMatch(/\nStart-up: +[\d.]+ s, the median of the last ones\n/)
  expect(told).toMatch(/\nTIME +CHANGE +REASON +INPUTS\n\S+Z +1 → 2 +.*stable=/)
  const none = await strata(['autoscale', 'explain', 'nowhere'], { home: system.home })
  expect(none).toMatchObject({ code: 5, stdout: '' })
  expect(none.stderr).toContain('There is no ModelVersion "nowhere".')
})
