/** Releases under load, on a whole system: a bad version goes back by itself, a good one gets everything, and a control that is killed goes on where it was. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { keepAsking } from '../harness/load.ts'
import { type System, startSystem } from '../harness/system.ts'

type Rollout = Resource<'Rollout'>

const version = (name: string, parameters: string) => `---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-${name} }
spec:
  model: assistant
  version: ${name}
  source: { engine: { kind: simulated, parameters: ${parameters} } }
`
const GOOD = '{ timeToFirstToken: 5ms, tokensPerSecond: 2000, answerTokens: 4, jitter: 0.2, sequences: 64, contextSize: 20000 }'
const bootstrap = `apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: { task: chat }
${version('v1', GOOD)}
${version('good', GOOD)}
${version('failing', GOOD.replace('}', ', errorRate: 0.2 }'))}
${version('slow', GOOD.replace('5ms', '120ms'))}
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec: { models: [assistant], targets: [{ version: assistant-v1, weight: 100 }] }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: callers }
spec: { models: [callers], targets: [{ version: assistant-v1, weight: 100 }], stickyBy: { header: x-user-id } }
`

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap, gateways: 2 })
})
afterAll(() => system?.stop())

function manifest(name: string, to: string, rest: object): object {
  return {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name },
    spec: { route: 'assistant', from: 'assistant-v1', to, ...rest },
  }
}

const apply = (...documents: object[]) => system.control('POST', '/apply', { documents })
const get = (name: string) => system.control<Rollout>('GET', `/rollouts/${name}`)
const act = (name: string, action: string) =>
  system.control<{ rollout: Rollout; confirmed: boolean }>('POST', `/rollouts/${name}/${action}`)
const phaseOf = ({ status }: Rollout) => status?.phase

async function until(name: string, accept: (rollout: Rollout) => boolean, timeoutMs = 60_000): Promise<Rollout> {
  for (const end = performance.now() + timeoutMs; ; await sleep(100)) {
    const rollout = await get(name).catch(() => undefined) // control may be away
    if (rollout && accept(rollout)) return rollout
    expect(performance.now(), JSON.stringify(rollout?.status)).toBeLessThan(end)
  }
}

async function ask(headers: Record<string, string> = {}, model = 'assistant'): Promise<{ status: number; version: string | null }> {
  const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await response.text()
  return { status: response.status, version: response.headers.get('x-strata-model-version') }
}

/** So many askers at once, until told to stop. */
function load(askers: number) {
  const statuses = new Map<number, number>()
  const versions = new Map<string | null, number>()
  const asking = keepAsking(askers, async () => {
    const { status, version: by } = await ask()
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    versions.set(by, (versions.get(by) ?? 0) + 1)
  })
  return { statuses, versions, stop: asking.stop }
}

const QUICK = { steps: [{ weight: 20 }, { pause: '2s' }, { weight: 50 }], analysis: { minSamples: 50 } }

/** A streamed answer of some four seconds from the new version; its text once it has ended. */
async function longStream(): Promise<string> {
  let last = ''
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(20)) {
    const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json', 'x-preview': 'yes' },
      body: JSON.stringify({
        model: 'assistant',
        stream: true,
        max_tokens: 8_000,

        messages: [{ role: 'user', content: 'Tell me.' }],
      }),
    })
    const isNew = response.headers.get('x-strata-model-version') !== 'assistant@v1'
    if (response.status === 200 && isNew) return response.text()
    last = `${response.status} ${response.headers.get('x-strata-model-version')} ${response.status === 200 ? '' : await response.text()}`
    await response.body?.cancel().catch(() => undefined) // it fails now and then, and is no preview before the release begins
  }
  return `no stream began: ${last}`
}

describe('a bad version', () => {
  test.each([
    ['fails', 'failing', [{ name: 'errorRate' }], /^assistant-failing is worse: failed are/],
    ['is slow', 'slow', [{ name: 'errorRate' }, { name: 'totalTime', quantile: 95 }], /^assistant-slow is worse: slow \(over \d+ ms\) are/],
  ])('that %s goes back by itself, and it is said why', async (_, name, metrics, message) => {
    const traffic = load(12)
    const preview = { headers: { 'x-preview': 'yes' } }
    await apply(manifest(`to-${name}`, `assistant-${name}`, { ...QUICK, preview, analysis: { ...QUICK.analysis, metrics } }))
    const streams = Promise.all([longStream(), longStream()])
    const { status } = await until(`to-${name}`, (each) => phaseOf(each) === 'Degraded')
    await traffic.stop()
    expect(status!.message).toMatch(message)
    expect(status!.weight).toBe(0)
    const route = await system.control<Resource<'Route'>>('GET', '/routes/assistant')
    expect(route.status!.effective).toEqual({ targets: [{ version: 'assistant-v1', weight: 100 }], by: 'spec' })
    for (let i = 0; i < 20; i++) expect(await ask()).toMatchObject({ version: 'assistant@v1' })
    // Answers that the version was giving are finished.
    for (const text of await streams) expect(text).toMatch(/data: \[DONE\]\s*$/)
  })
})

describe('a good version', () => {
  test('is promoted when it is shown to be no worse, though control is killed again and again', { timeout: 300_000 }, async () => {
    const traffic = load(12)
    const margins = {
      metrics: [
        { name: 'errorRate', margin: 2 },
        { name: 'totalTime', quantile: 95, margin: 40 },
      ],
      minSamples: 50,
    }
    await apply(manifest('to-good', 'assistant-good', { ...QUICK, preview: { headers: { 'x-preview': 'good' } }, analysis: margins }))
    await until('to-good', (each) => phaseOf(each) === 'Progressing')
    expect(await ask({ 'x-preview': 'good' })).toMatchObject({ version: 'assistant@good' })
    for (let i = 0; i < 3; i++) {
      await sleep(1_500)
      await system.kill('control')
      await system.until((processes) => processes.some(({ name, state }) => name === 'control' && state === 'ready'))
    }
    const { status } = await until('to-good', (each) => phaseOf(each) === 'Healthy', 180_000)
    expect(status!.history.map(({ event }) => event)).toEqual(['Started', 'Weight', 'Weight', 'Promoted'])
    await traffic.stop()
    expect([...traffic.statuses.keys()]).toEqual([200])
    for (let i = 0; i < 20; i++) expect(await ask()).toEqual({ status: 200, version: 'assistant@good' })
  })

  test('stays while its route is applied again, is not deleted by mistake, and may be undone and tried again', async () => {
    const route = await system.control<Resource<'Route'>>('GET', '/routes/assistant')
    await apply({
      apiVersion: route.apiVersion,
      kind: 'Route',
      metadata: { name: 'assistant', labels: { again: 'yes' } },
      spec: route.spec,
    })
    expect(await ask()).toMatchObject({ version: 'assistant@good' })
    await expect(system.control('DELETE', '/rollouts/to-good')).rejects.toThrow(/still says assistant-v1/)
    expect(await act('to-good', 'undo')).toMatchObject({ confirmed: true, rollout: { status: { phase: 'Degraded', weight: 0 } } })
    expect(await ask()).toMatchObject({ version: 'assistant@v1' })
    await act('to-good', 'retry')
    const again = await until('to-good', (each) => phaseOf(each) === 'Progressing')
    expect(again.status).toMatchObject({ attempt: 2, weight: 20 })
    await expect(act('to-good', 'undo')).rejects.toThrow(/can be undone only while it is Healthy/)
    await act('to-good', 'pause')
    expect(phaseOf(await get('to-good'))).toBe('Paused')
    await act('to-good', 'promote-full')
    expect(await ask()).toMatchObject({ version: 'assistant@good' })
    const written = { ...route.spec, targets: [{ version: 'assistant-good', weight: 100 }] }
    await apply({ apiVersion: route.apiVersion, kind: 'Route', metadata: { name: 'assistant' }, spec: written })
    await expect(act('to-good', 'undo')).rejects.toThrow(/the route itself says assistant-good by now/)
    await expect(act('to-failing', 'retry')).rejects.toThrow(/sends nothing to/)
    await apply({ apiVersion: route.apiVersion, kind: 'Route', metadata: { name: 'assistant' }, spec: route.spec })
    const audit = await system.control<{ items: { action: string; name: string }[] }>('GET', '/audit?kind=Rollout&name=to-good')
    expect(audit.items.map(({ action }) => action)).toEqual(['promote-full', 'pause', 'retry', 'undo', 'create'])
  })
})

test('callers who stay on a version count once each, and one who is in the new one stays in it', async () => {
  const spec = {
    route: 'callers',
    steps: [{ weight: 30 }, { pause: {} }],
    analysis: { unitWindow: '20s', window: '5s', metrics: [{ name: 'errorRate' }] },
  }
  await apply(manifest('callers-to-failing', 'assistant-failing', spec))
  await until('callers-to-failing', ({ status }) => status?.weight === 30)
  const seen = new Map<string, Set<string | null>>()
  let stop = false
  const askers = Array.from({ length: 8 }, async (_, asker) => {
    for (let i = 0; !stop; i++) {
      // Each caller asks three times.
      const caller = `caller-${asker}-${Math.floor(i / 3)}`
      const { version: by } = await ask({ 'x-user-id': caller }, 'callers')
      seen.set(caller, (seen.get(caller) ?? new Set()).add(by))
    }
  })
  const { status } = await until('callers-to-failing', (each) => phaseOf(each) === 'Degraded')
  stop = true
  await Promise.all(askers)
  expect(status!.message).toMatch(/^assistant-failing is worse: failed are [3-7]\d % of \d+ there/)
  // Of three requests in a row to a version that fails one in five, half of the callers meet a failure; each of them is one unit.
  const { baseline, candidate } = status!.analysis![0]!
  expect(baseline.units + candidate.units).toBeLessThanOrEqual(seen.size)
  const moved = [...seen.values()].filter((versions) => versions.size > 1)
  // Those who were asking when it went back.
  expect(moved.length).toBeLessThanOrEqual(8)
})

test('what cannot be is refused, with the reason', async () => {
  const refusal = (rollout: object) =>
    apply(rollout).then(
      () => 'accepted',
      (error: Error) => error.message,
    )
  expect(await refusal(manifest('none', 'assistant-v1', {}))).toContain('to itself')
  expect(await refusal(manifest('none', 'assistant-nobody', {}))).toContain('there is no ModelVersion')
  expect(
    await refusal({
      ...manifest('none', 'assistant-good', {}),
      spec: { route: 'assistant', from: 'assistant-slow', to: 'assistant-good' },
    }),
  ).toContain('sends nothing to')
})
