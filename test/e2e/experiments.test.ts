/** A/B tests on a whole system: callers stay in their arms, each is counted once though control is killed, and it is decided and said why. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Resource } from '../../src/resources/index.ts'
import { keepAsking } from '../harness/load.ts'
import { type System, startSystem } from '../harness/system.ts'

type Experiment = Resource<'Experiment'>

const SPEED = '{ timeToFirstToken: 5ms, tokensPerSecond: 2000, answerTokens: 4, sequences: 64 }'
const version = (name: string, parameters = SPEED) => `---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-${name} }
spec: { model: assistant, version: ${name}, source: { engine: { kind: simulated, parameters: ${parameters} } } }
`
const route = (name: string) => `---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: ${name} }
spec: { models: [${name}], targets: [{ version: assistant-v1, weight: 100 }] }
`
const ROUTES = ['equal', 'failing', 'liked', 'stopped']
const bootstrap = `apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: { task: chat }
${version('v1')}${version('v2')}${version('failing', SPEED.replace('}', ', errorRate: 0.4 }'))}${ROUTES.map(route).join('')}`

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap, gateways: 2 })
})
afterAll(() => system?.stop())

function manifest(name: string, to: string, rest: object): object {
  return {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Experiment',
    metadata: { name },
    spec: {
      route: name,
      assignBy: { header: 'x-user-id', else: 'consumer' },
      arms: [
        { name: 'control', version: 'assistant-v1', weight: 50 },
        { name: 'other', version: to, weight: 50 },
      ],
      primary: { name: 'errorRate', minimumEffect: 2 },
      guardrails: [],
      analysis: { window: '1s', unitWindow: '1s', feedbackWindow: '1s' },
      ...rest,
    },
  }
}

const apply = (...documents: object[]) => system.control('POST', '/apply', { documents })

async function until(name: string, accept: (status: NonNullable<Experiment['status']>) => boolean, timeoutMs = 60_000) {
  for (const end = performance.now() + timeoutMs; ; await sleep(100)) {
    const { status } = await system.control<Experiment>('GET', `/experiments/${name}`).catch(() => ({ status: undefined })) // control may be away
    if (status && accept(status)) return status
    expect(performance.now(), JSON.stringify(status)).toBeLessThan(end)
  }
}

const runs = (name: string) => until(name, ({ phase }) => phase === 'Running')
const isDecided = ({ phase }: NonNullable<Experiment['status']>) => phase === 'Decided'

async function ask(model: string, user: string): Promise<{ id: string; status: number; version: string }> {
  const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json', 'x-user-id': user },
    body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await response.text()
  return {
    id: response.headers.get('x-request-id') ?? '',
    status: response.status,
    version: response.headers.get('x-strata-model-version') ?? '',
  }
}

/** New users, eight at a time, each once, until told to stop. */
function users(model: string, then: (answer: Awaited<ReturnType<typeof ask>>) => Promise<unknown> = async () => undefined) {
  let count = 0
  return keepAsking(8, async () => then(await ask(model, `user-${count++}`)))
}

test('each caller is counted once and stays in its arm, though control is killed again and again', { timeout: 120_000 }, async () => {
  await apply(manifest('equal', 'assistant-v2', { decision: { error: 0.1 } }))
  await runs('equal')
  const first = new Map<string, string>()
  for (let i = 0; i < 400; i++) {
    const user = `user-${i % 200}`
    const { status, version: by } = await ask('equal', user)
    expect(status).toBe(200)
    expect(by).toBe(first.get(user) ?? by)
    first.set(user, by)
    if (i % 100 !== 50) continue
    await system.until((processes) => processes.some(({ name, state }) => name === 'control' && state === 'ready'))
    await system.kill('control')
  }
  const arms = ['assistant@v1', 'assistant@v2'].map((by) => [...first.values()].filter((each) => each === by).length)
  const exposed = (status: NonNullable<Experiment['status']>) => status.arms?.map((arm) => arm.exposed)
  await until('equal', (status) => exposed(status)?.reduce((sum, count) => sum + count, 0) === 200)
  const counted = (status: NonNullable<Experiment['status']>) => status.arms?.[1]?.metrics?.[0]
  const status = await until('equal', (each) => (counted(each)?.baseline.units ?? 0) + (counted(each)?.candidate.units ?? 0) === 200)
  expect(exposed(status)).toEqual(arms)
  expect(status).toMatchObject({ phase: 'Running', sampleRatio: { p: expect.any(Number) } })
  expect(status.message).toMatch(/^other: /)
})

describe('it is decided', () => {
  test('for harm, and all callers are back where the route says', async () => {
    await apply(manifest('failing', 'assistant-failing', {}))
    await runs('failing')
    const traffic = users('failing')
    const status = await until('failing', isDecided)
    expect(status).toMatchObject({ decision: 'harm', arm: 'other' })
    expect(status.message).toMatch(/^other is worse: failed are \d+ % of/)
    expect(status.arms?.[1]).toMatchObject({ name: 'other', stopped: 'harm', worse: expect.any(Number) })
    await traffic.stop()
    for (let i = 0; i < 20; i++) expect(await ask('failing', `after-${i}`)).toMatchObject({ status: 200, version: 'assistant@v1' })
  })

  test('for the arm whose answers are liked better, by feedback, after callers were watched before', { timeout: 120_000 }, async () => {
    await apply(manifest('liked', 'assistant-v2', { primary: { name: 'feedback', minimumEffect: 5 }, preparation: '3s' }))
    await until('liked', ({ phase }) => phase === 'Preparing')
    const traffic = users('liked', async ({ id, version: by }) => {
      const score = by === 'assistant@v2' ? 0.9 : 0.4
      await fetch(`${system.gatewayUrl}/v1/feedback`, {
        method: 'POST',
        headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ request: id, score }),
      })
    })
    const status = await until('liked', isDecided, 90_000)
    await traffic.stop()
    expect(status).toMatchObject({ decision: 'ship', arm: 'other' })
    expect(status.prepared).toBeGreaterThan(0)
    expect(status.message).toMatch(/^other is better than control by feedback: \+\d+ points/)
    expect(status.history.map(({ event }) => event)).toEqual(['Preparing', 'Running', 'Decided'])
  })

  test('by a person', async () => {
    await apply(manifest('stopped', 'assistant-v2', {}))
    await runs('stopped')
    const { experiment, confirmed } = await system.control<{ experiment: Experiment; confirmed: boolean }>(
      'POST',
      '/experiments/stopped/stop',
    )
    expect(experiment.status).toMatchObject({
      phase: 'Decided',
      decision: 'inconclusive',
      message: expect.stringMatching(/ has stopped it before it was decided\.$/),
    })
    expect(confirmed).toBe(true)
    for (let i = 0; i < 20; i++) expect(await ask('stopped', `user-${i}`)).toMatchObject({ version: 'assistant@v1' })
    await expect(system.control('POST', '/experiments/stopped/stop')).rejects.toThrow(/decided already/)
    await expect(system.control('POST', '/experiments/stoped/stop')).rejects.toThrow(/There is no Experiment ..stoped/)
  })
})

test('beside a release on the same route it is refused, and a release beside it', async () => {
  await expect(apply(manifest('equal-again', 'assistant-v2', { route: 'equal' }))).rejects.toThrow(
    /Experiment\/equal divides the callers of this route already/,
  )
  const release = {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'beside' },
    spec: { route: 'equal', from: 'assistant-v1', to: 'assistant-v2' },
  }
  await expect(apply(release)).rejects.toThrow(/Experiment\/equal divides the callers of this route/)
})
