/** TorchServe through the whole system: a real one behind the gateway, with its tokens on, and the adapter that looks after it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest'
import { backendContract } from '../../src/serving/backends/backend.contract.ts'
import { tensorModel } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { INSTALL_TIMEOUT_MS } from './python.ts'
import { startTorchserve, type Torchserve } from './torchserve.ts'

const MODELS = ['linear', 'echo', 'stream', 'dying', 'slow'] as const

let server: Torchserve
let system: System
let secrets: string
const keyFile = (name: string) => join(secrets, name)
const writeKeys = () => {
  writeFileSync(keyFile('inference'), server.keys()!.inference)
  writeFileSync(keyFile('management'), server.keys()!.management)
}

const manifest = () => `
apiVersion: strata.dev/v1alpha1
kind: Backend
metadata: { name: torch }
spec:
  protocol: torchserve
  address: "${server.inferenceUrl}"
  credentials: { bearer: { file: "${keyFile('inference')}" } }
  management: { address: "${server.managementUrl}", credentials: { bearer: { file: "${keyFile('management')}" } } }
  health: { period: 300ms }
  discovery: { models: true }
${MODELS.map((name) =>
  tensorModel(
    name,
    'v1',
    `name: torch${name === 'linear' ? ', version: "1.0"' : ''}`,
    'retries: { attempts: 1, on: [connect, unavailable] }',
  ),
).join('')}`

interface VersionStatus {
  readonly status?: { readonly state?: string; readonly message?: string }
}
const statusOf = async (name: string) => (await system.control<VersionStatus>('GET', `/modelversions/${name}-v1`)).status
const isReady = (name: string, timeoutMs: number) =>
  vi.waitFor(async () => expect(await statusOf(name)).toMatchObject({ state: 'Ready' }), timeoutMs)

beforeAll(async () => {
  secrets = mkdtempSync(join(tmpdir(), 'strata-keys-'))
  server = await startTorchserve({ load: MODELS, authorization: true, responseTimeoutSeconds: 5 })
  writeKeys()
  system = await startSystem({ bootstrap: manifest() })
  for (const name of MODELS) await isReady(name, 30_000)
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await system?.stop()
  await server?.close()
  rmSync(secrets, { recursive: true, force: true })
})

const call = (path: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(system.gatewayUrl + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.apiKey}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal,
  })

backendContract('TorchServe’s API', () => ({
  spec: {
    protocol: 'torchserve',
    address: server.inferenceUrl,
    credentials: { bearer: { file: keyFile('inference') } },
    management: { address: server.managementUrl, credentials: { bearer: { file: keyFile('management') } } },
  },
  model: 'linear',
  server: /^TorchServe/,
}))

describe('TorchServe in, TorchServe out', () => {
  it('the handler gets what was sent, and the client what it returned', async () => {
    const answer = await call('/predictions/my-linear', { x: [1, 2.5] })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-strata-model-version')).toBe('linear@v1')
    expect(await answer.json()).toMatchObject({ y: [3, 6] })
    expect((await call('/predictions/my-linear/v1', { x: [0] })).status).toBe(200)
    const form = await call('/predictions/my-echo', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' })
    expect(form.status).toBe(200)
  })

  it('pieces of a stream come as the handler yields them', async () => {
    const answer = await call('/predictions/my-stream', { pieces: ['one ', 'two ', 'three'], delay_ms: 300 })
    const times: number[] = []
    let text = ''
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      times.push(performance.now())
      text += Buffer.from(chunk).toString()
    }
    expect(text).toBe('one two three')
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(400)
  })

  it('a stream that its worker does not live to end is broken off, not ended', async () => {
    const answer = await call('/predictions/my-stream', { pieces: Array.from({ length: 100 }, (_, i) => `${i} `), delay_ms: 100 })
    const read = (async () => {
      let text = ''
      for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString()
        if (text.includes('3 ')) await server.stop('SIGKILL')
      }
      return text
    })()
    await expect(read).rejects.toThrow()
    await vi.waitFor(async () => expect((await statusOf('linear'))?.message).toMatch(/^Backend torch: nobody listens there/), 10_000)
    await server.restart()
    // New keys came with it; until they are in our files it refuses us, and that is said.
    await vi.waitFor(
      async () => expect((await statusOf('linear'))?.message).toMatch(/refuses our credentials \(HTTP 400 InvalidKeyException/),
      20_000,
    )
    const refused = await call('/predictions/my-linear', { x: [1] })
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 503, type: 'ServiceUnavailableException' }])
    writeKeys()
    await isReady('linear', 30_000)
    await vi.waitFor(async () => expect((await call('/predictions/my-linear', { x: [1] })).status).toBe(200), 10_000)
  }, 90_000)

  it('a handler that throws is a failure in TorchServe’s shape; a worker that dies is started again, and the next request is answered', async () => {
    const thrown = await call('/predictions/my-linear', { nothing: 1 })
    expect(thrown.status).toBe(503)
    expect(await thrown.json()).toMatchObject({ type: 'InternalServerException' })
    const died = await call('/predictions/my-dying', {})
    expect(died.status).toBeGreaterThanOrEqual(500)
    expect(((await died.json()) as { type: string }).type).toMatch(/Exception$/)
    const unknown = await call('/predictions/nobody', {})
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: 404, type: 'ModelNotFoundException' }])
  }, 60_000)
})

describe('other protocols in, TorchServe out', () => {
  it('an inference request reaches the handler in the protocol’s own JSON; what it returns is a tensor', async () => {
    const sent = { id: 'q', inputs: [{ name: 'x', shape: [2], datatype: 'FP32', data: [1, 2] }] }
    const answer = await call('/v2/models/my-echo/infer', sent)
    expect(answer.status).toBe(200)
    const { outputs, ...names } = (await answer.json()) as { outputs: { name: string; datatype: string; data: string[] }[] }
    expect(names).toMatchObject({ id: 'q', model_name: 'my-echo', model_version: 'v1' })
    expect(outputs).toHaveLength(1)
    expect(outputs[0]).toMatchObject({ name: 'output', datatype: 'BYTES' })
    expect(JSON.parse(outputs[0]!.data[0]!)).toMatchObject({ body: sent })
  })

  it('rows reach the handler as instances; what it returns are the predictions', async () => {
    const answer = await call('/v1/models/my-echo:predict', { instances: [[1, 2]] })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ predictions: [{ body: { instances: [[1, 2]] } }] })
    const columns = await call('/v1/models/my-echo:predict', { inputs: [1] })
    expect([columns.status, await columns.json()]).toEqual([400, { error: expect.stringContaining('"instances"') }])
  })
})

test('a model without workers, and one that is not there, are named in the status', async () => {
  const manage = (method: string, path: string) =>
    fetch(server.managementUrl + path, { method, headers: { authorization: `Bearer ${server.keys()!.management}` } })
  expect((await manage('PUT', '/models/echo?min_worker=0&max_worker=0&synchronous=true')).status).toBeLessThan(300)
  await vi.waitFor(
    async () => expect((await statusOf('echo'))?.message).toBe('Backend torch: "echo" is not loaded there (it has no workers)'),
    10_000,
  )
  expect((await manage('PUT', '/models/echo?min_worker=1&max_worker=1&synchronous=true')).status).toBeLessThan(300)
  await isReady('echo', 20_000)
  expect((await manage('DELETE', '/models/echo')).status).toBeLessThan(300)
  await vi.waitFor(async () => expect((await statusOf('echo'))?.message).toMatch(/^Backend torch: it has no model "echo"; it has /), 10_000)
}, 60_000)
