/** The Open Inference Protocol through the whole system: a real MLServer behind the gateway, and the adapter that looks after it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest'
import { backendContract, backendSpec } from '../../src/serving/backends/backend.contract.ts'
import { connectBackend } from '../../src/serving/backends/index.ts'
import { HEADER_LENGTH_HEADER, writeBinary } from '../../src/wire/oip/binary.ts'
import { tensorModel } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { type Mlserver, startMlserver } from './mlserver.ts'
import { INSTALL_TIMEOUT_MS, pythonEnvironment } from './python.ts'

const manifest = (address: string) => `
apiVersion: strata.dev/v1alpha1
kind: Backend
metadata: { name: mlserver }
spec: { protocol: oip, address: "${address}", health: { period: 300ms }, discovery: { models: true } }
${['linear', 'upper', 'raising'].map((name) => tensorModel(name, 'v7', 'name: mlserver')).join('')}`

let server: Mlserver
let system: System
beforeAll(async () => {
  server = await startMlserver()
  system = await startSystem({ bootstrap: manifest(server.url) })
  for (const name of ['linear', 'upper', 'raising'])
    await vi.waitFor(async () => expect((await versionOf(name)).status?.state).toBe('Ready'), 20_000)
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await system?.stop()
  await server?.close()
})

interface VersionStatus {
  readonly status?: { readonly state?: string; readonly message?: string; readonly signature?: unknown }
}
const versionOf = (name: string) => system.control<VersionStatus>('GET', `/modelversions/${name}-v7`)

const call = (path: string, init: RequestInit = {}) =>
  fetch(system.gatewayUrl + path, { ...init, headers: { authorization: `Bearer ${system.apiKey}`, ...(init.headers as object) } })
const infer = (model: string, body: unknown) => call(`/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(body) })

backendContract('the Open Inference Protocol', () => ({
  spec: { protocol: 'oip', address: server.url },
  model: 'linear',
  server: /^mlserver \d/,
}))

describe('OIP in, OIP out', () => {
  it('answers health, metadata and readiness as the protocol says', async () => {
    expect((await fetch(`${system.gatewayUrl}/v2/health/live`)).status).toBe(200)
    expect((await fetch(`${system.gatewayUrl}/v2/health/ready`)).status).toBe(200)
    expect(await (await call('/v2')).json()).toMatchObject({ name: 'strata', extensions: ['binary_tensor_data'] })
    await expect
      .poll(async () => (await call('/v2/models/my-linear')).json(), { timeout: 10_000 })
      .toMatchObject({
        name: 'my-linear',
        versions: ['v7'],
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
      })
    expect((await call('/v2/models/my-linear/ready')).status).toBe(200)
    expect((await call('/v2/models/my-linear/versions/v7/ready')).status).toBe(200)
    const unknown = await call('/v2/models/nobody/ready')
    expect([unknown.status, Object.keys((await unknown.json()) as object)]).toEqual([404, ['error']])
    const anonymous = await fetch(`${system.gatewayUrl}/v2/models/my-linear`)
    expect([anonymous.status, Object.keys((await anonymous.json()) as object)]).toEqual([401, ['error']])
  })

  it('infers, and says our names and not the server’s', async () => {
    const answer = await infer('my-linear', { id: 'q1', inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2.5] }] })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-strata-model-version')).toBe('linear@v7')
    expect(await answer.json()).toMatchObject({
      id: 'q1',
      model_name: 'my-linear',
      model_version: 'v7',
      outputs: [{ name: 'y', shape: [1, 2], datatype: 'FP32', data: [3, 6] }],
    })
    const pinned = await infer('my-linear/versions/v7', { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [0, 0] }] })
    expect(await pinned.json()).toMatchObject({ outputs: [{ data: [1, 1] }] })
  })

  it('takes the binary extension also where the server has none', async () => {
    const tensor = { name: 'x', shape: [1, 2], datatype: 'FP32' as const, data: [2, 3] }
    const { body, headerLength } = writeBinary({ id: 'b', parameters: { binary_data_output: true } }, 'inputs', [tensor])
    const answer = await call('/v2/models/my-linear/infer', {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { [HEADER_LENGTH_HEADER]: String(headerLength) },
    })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ id: 'b', outputs: [{ name: 'y', data: [5, 7] }] })
  })

  it('says errors in the protocol’s shape: ours, the server’s, and never a traceback', async () => {
    const invalid = await infer('my-linear', { inputs: 7 })
    expect(invalid.status).toBe(400)
    expect(Object.keys((await invalid.json()) as object)).toEqual(['error'])
    const notJson = await call('/v2/models/my-linear/infer', { method: 'POST', body: 'x' })
    expect([notJson.status, Object.keys((await notJson.json()) as object)]).toEqual([400, ['error']])
    const broken = await infer('my-raising', { inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }] })
    const text = await broken.text()
    expect(broken.status).toBe(500)
    expect(JSON.parse(text)).toEqual({ error: 'The model failed; the log of its server has the cause.' })
    expect((await infer('my-linear', { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] })).status).toBe(200)
  })

  it('answers TensorFlow Serving’s clients too, in rows and in columns', async () => {
    const predict = async (body: unknown) =>
      (await call('/v1/models/my-linear:predict', { method: 'POST', body: JSON.stringify(body) })).json()
    expect(await predict({ instances: [[1, 2.5], [0, 0]] })).toEqual({ predictions: [[3, 6], [1, 1]] }) // biome-ignore format: rows
    expect(await predict({ inputs: { x: [[1, 2.5]] } })).toEqual({ outputs: [[3, 6]] })
    expect(await predict({ instances: [['a', 1]] })).toMatchObject({ error: expect.stringContaining('not of datatype FP32') })
    expect(await (await call('/v1/models/my-linear')).json()).toMatchObject({
      model_version_status: [{ version: 'v7', state: 'AVAILABLE' }],
    })
  })

  it('refuses a chat with a tensor model, and says where to call it', async () => {
    const answer = await call('/v1/chat/completions', { method: 'POST', body: JSON.stringify({ model: 'my-linear', messages: [] }) })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      error: { code: 'unsupported_operation', message: expect.stringContaining('/v2/models/NAME/infer') },
    })
  })
})

const TRITON_CLIENT = `
import json, os
import numpy as np
import tritonclient.http as http

client = http.InferenceServerClient(os.environ["ADDRESS"])
# The client writes into what it is given.
key = lambda: {"Authorization": "Bearer " + os.environ["KEY"]}
facts = {"live": client.is_server_live(), "ready": client.is_server_ready()}
facts["model_ready"] = client.is_model_ready("my-linear", headers=key())
facts["version_ready"] = client.is_model_ready("my-linear", "v7", headers=key())
facts["metadata"] = client.get_model_metadata("my-linear", headers=key())["inputs"]
for binary in (True, False):
    sent = http.InferInput("x", [1, 2], "FP32")
    sent.set_data_from_numpy(np.array([[1, 2.5]], dtype=np.float32), binary_data=binary)
    asked = http.InferRequestedOutput("y", binary_data=binary)
    result = client.infer("my-linear", [sent], outputs=[asked], request_id="q", headers=key())
    facts["binary" if binary else "json"] = [result.as_numpy("y").tolist(), result.get_response()["model_name"]]
words = http.InferInput("text", [2], "BYTES")
words.set_data_from_numpy(np.array(["a", "né"], dtype=object))
facts["bytes"] = [each.decode() if isinstance(each, bytes) else each for each in client.infer("my-upper", [words], headers=key()).as_numpy("text").tolist()]
try:
    client.infer("nobody", [sent], headers=key())
except http.InferenceServerException as error:
    facts["unknown"] = [error.status(), "does not exist here" in error.message()]
print(json.dumps(facts))
`

test(
  'Triton’s own client, unchanged',
  async () => {
    const environment = await pythonEnvironment('tritonclient', { requirements: ['tritonclient[http]==2.73.0'] })
    const { stdout } = await promisify(execFile)(join(environment, 'bin', 'python'), ['-c', TRITON_CLIENT], {
      env: { ...process.env, ADDRESS: new URL(system.gatewayUrl).host, KEY: system.apiKey },
    })
    expect(JSON.parse(stdout)).toEqual({
      live: true,
      ready: true,
      model_ready: true,
      version_ready: true,
      metadata: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      binary: [[[3, 6]], 'my-linear'],
      json: [[[3, 6]], 'my-linear'],
      bytes: ['A', 'NÉ'],
      unknown: ['404', true],
    })
  },
  INSTALL_TIMEOUT_MS,
)

test('an unloaded model, and a server that goes away and comes back, are named in the status', async () => {
  const repository = (what: string) => fetch(`${server.restUrl}/repository/models/linear/${what}`, { method: 'POST' })
  await repository('unload')
  await expect
    .poll(async () => (await versionOf('linear')).status?.message, { timeout: 10_000 })
    .toMatch(/^Backend mlserver: ("linear" is not loaded there|it has no model "linear"; it has raising, slow, upper)/)
  await repository('load')
  await expect.poll(async () => (await versionOf('linear')).status?.state, { timeout: 10_000 }).toBe('Ready')
  await server.stop('SIGKILL')
  await expect
    .poll(async () => (await versionOf('linear')).status?.message, { timeout: 10_000 })
    .toBe('Backend mlserver: nobody listens there (connection refused)')
  await server.restart()
  await expect.poll(async () => (await versionOf('linear')).status?.state, { timeout: 20_000 }).toBe('Ready')
}, 60_000)

test('the adapter describes a model, and says what it does not know', async () => {
  const backend = connectBackend(backendSpec({ protocol: 'oip', address: server.url }))
  const signal = AbortSignal.timeout(10_000)
  expect(await backend.describe!({ model: 'linear' }, signal)).toEqual({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  })
  await expect(backend.describe!({ model: 'none' }, signal)).rejects.toThrow('Model none not found')
})

test('managed: what a version names is loaded, and unloaded when no version names it any more', async () => {
  const states = async () => {
    const answer = await fetch(`${server.restUrl}/repository/index`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    const index = (await answer.json()) as { name: string; state: string }[]
    return index.find(({ name }) => name === 'slow')?.state ?? 'UNAVAILABLE'
  }
  await fetch(`${server.restUrl}/repository/models/slow/unload`, { method: 'POST' })
  expect(await states()).toBe('UNAVAILABLE')
  const apiVersion = 'strata.dev/v1alpha1'
  await system.control('POST', '/apply', {
    documents: [
      {
        apiVersion,
        kind: 'Backend',
        metadata: { name: 'managed' },
        spec: { protocol: 'oip', address: server.url, health: { period: '300ms' }, manage: true },
      },
      { apiVersion, kind: 'Model', metadata: { name: 'slow' }, spec: { task: 'tensor' } },
      {
        apiVersion,
        kind: 'ModelVersion',
        metadata: { name: 'slow-v1' },
        spec: { model: 'slow', version: 'v1', source: { backend: { name: 'managed' } } },
      },
    ],
  })
  await vi.waitFor(async () => expect(await states()).toBe('READY'), 20_000)
  const { status } = await system.control<{ status: { conditions: object[] } }>('GET', '/backends/managed')
  expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Managed', status: 'True' }))
  await system.control('DELETE', '/modelversions/slow-v1')
  await vi.waitFor(async () => expect(await states()).toBe('UNAVAILABLE'), 20_000)
}, 60_000)
