/** Real processes: what runs follows what the versions say, and no request fails while it changes. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SystemStatus, VersionStatus } from '../../src/control/status.ts'
import { storyModel } from '../fixtures/weights.ts'
import { keepAsking } from '../harness/load.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'

const head = { apiVersion: 'strata.dev/v1alpha1' }

async function ask(system: System, model = 'assistant') {
  const response = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 8, temperature: 0, messages: [{ role: 'user', content: 'Once upon a time' }] }),
  })
  const body = (await response.json()) as { system_fingerprint?: string; choices?: { message: { content: string } }[] }
  return { status: response.status, fingerprint: body.system_fingerprint ?? '', text: body.choices?.[0]?.message.content, body }
}

/** Waits for a state of a version. */
async function until(
  system: System,
  name: string,
  accept: (version: VersionStatus) => boolean,
  timeoutMs = 30_000,
): Promise<VersionStatus> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const { versions } = await system.control<SystemStatus>('GET', '/status')
    const version = versions.find((each) => each.name === name)
    if (version && accept(version)) return version
    if (performance.now() > end) throw new Error(`${name} did not come to that: ${JSON.stringify(version)}\n${system.logs()}`)
    await sleep(50)
  }
}

/** Asks without a pause, several at a time, until told to stop; collects what was not a 200. */
function load(system: System, clients = 4) {
  const failed: unknown[] = []
  let answered = 0
  const asking = keepAsking(clients, async () => {
    const answer = await ask(system)
    if (answer.status === 200) answered += 1
    else failed.push(answer.body)
    await sleep(10)
  })
  return {
    async stop() {
      await asking.stop()
      return { answered, failed }
    },
  }
}

describe('instances follow the versions', () => {
  let system: System
  beforeAll(async () => {
    system = await startSystem({ bootstrap: simulatedAssistant({ instances: 2 }), gateways: 2 })
  })
  afterAll(() => system?.stop())

  const apply = (spec: object) =>
    system.control('POST', '/apply', {
      documents: [
        {
          ...head,
          kind: 'ModelVersion',
          metadata: { name: 'assistant-v1' },
          spec: {
            model: 'assistant',
            version: 'v1',
            source: { engine: { kind: 'simulated', parameters: { timeToFirstToken: '5ms', tokensPerSecond: 500 } } },
            ...spec,
          },
        },
      ],
    })

  test('scaled down and up under load, no request fails', async () => {
    await until(system, 'assistant-v1', ({ instances }) => instances.ready === 2)
    const traffic = load(system)
    await apply({ scaling: { min: 1 } })
    await until(system, 'assistant-v1', ({ instances, state }) => instances.list.length === 1 && state === 'Ready')
    await apply({ scaling: { min: 3 } })
    await until(system, 'assistant-v1', ({ instances }) => instances.ready === 3)
    const { answered, failed } = await traffic.stop()
    expect(failed).toEqual([])
    expect(answered).toBeGreaterThan(20)
  })

  test('control killed under load: no request fails, the same instances go on, and it is back', async () => {
    const before = await until(system, 'assistant-v1', ({ instances }) => instances.ready === 3)
    const traffic = load(system)
    await system.kill('control')
    await system.until((processes) =>
      processes.some(({ name, state, restarts }) => name === 'control' && state === 'ready' && restarts > 0),
    )
    const after = await until(system, 'assistant-v1', ({ instances }) => instances.ready === 3)
    await sleep(500)
    const { failed } = await traffic.stop()
    expect(failed).toEqual([])
    const picture = ({ instances }: VersionStatus) => instances.list.map(({ id, restarts, since }) => `${id} ${restarts} ${since}`).sort()
    expect(picture(after)).toEqual(picture(before))
  })

  test('a killed engine is back by itself', async () => {
    const [instance] = (await until(system, 'assistant-v1', ({ instances }) => instances.ready === 3)).instances.list
    await system.kill(`engine-${instance!.id}`)
    await until(
      system,
      'assistant-v1',
      ({ instances }) => instances.ready === 3 && instances.list.some(({ id, restarts }) => id === instance!.id && restarts === 1),
    )
  })

  test('what a version answered with cannot change; deleted, its instances leave', async () => {
    await expect(apply({ prompt: { system: 'other' } })).rejects.toThrow(/cannot change any more/)
    await system.control('DELETE', '/routes/assistant')
    await system.control('DELETE', '/modelversions/assistant-v1')
    await system.until((processes) => processes.every(({ role }) => role !== 'engine'))
    expect((await ask(system)).status).toBe(404)
  })
})

test('weights that no place has yet: the simulated engine stands in and says so, and leaves without an outage when they are there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-place-'))
  const story = await storyModel()
  const place = join(folder, 'story.gguf')
  const bootstrap = `
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: {}
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-v1 }
spec:
  model: assistant
  version: v1
  source:
    engine:
      kind: llama
      weights: { from: [${JSON.stringify(`file:${place}`)}] }
      parameters: { contextSize: 256, sequences: 2, threads: 1 }
      whenUnavailable: simulate
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec: { models: [assistant], targets: [{ version: assistant-v1 }] }
`
  await using system = await startSystem({ bootstrap })
  try {
    const standIn = await until(system, 'assistant-v1', ({ simulated }) => simulated)
    expect(standIn).toMatchObject({ state: 'Degraded', message: expect.stringContaining('SIMULATED') })
    expect((await ask(system)).fingerprint).toContain('simulated')
    const { warnings } = await system.control<SystemStatus>('GET', '/status')
    expect(warnings[0]).toMatchObject({ code: 'simulated' })

    const traffic = load(system, 2)
    copyFileSync(story.path, place)
    const real = await until(
      system,
      'assistant-v1',
      ({ simulated, state, instances }) => !simulated && state === 'Ready' && instances.list.length === 1,
      60_000,
    )
    const { failed } = await traffic.stop()
    expect(failed).toEqual([])
    expect(real.weights?.sha256).toBe(story.sha256)
    expect((await ask(system)).fingerprint).not.toContain('simulated')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
