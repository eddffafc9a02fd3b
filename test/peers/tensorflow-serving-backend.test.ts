/** TensorFlow Serving's API through the whole system: real SavedModels behind the gateway, and the adapter that looks after them. */
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest'
import { backendContract } from '../../src/serving/backends/backend.contract.ts'
import { HEADER_LENGTH_HEADER, readBinary, writeBinary } from '../../src/wire/oip/binary.ts'
import { parseTensorJson } from '../../src/wire/tensorflow-serving/json.ts'
import { tensorModel } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { INSTALL_TIMEOUT_MS } from './python.ts'
import { startTensorflowServing, type TensorflowServing } from './tensorflow-serving.ts'

const VERSIONS: Readonly<Record<string, string>> = {
  half: 'model: half_plus_two',
  first: 'model: half_plus_two, version: "1"',
  canary: 'model: half_plus_two, label: canary',
  pair: 'model: pair',
  text: 'model: text',
  graded: 'model: graded',
  gone: 'model: half_plus_two, version: "9"',
  nobody: 'model: nobody',
}

const manifest = (address: string) => `
apiVersion: strata.dev/v1alpha1
kind: Backend
metadata: { name: tf }
spec: { protocol: tensorflow-serving, address: "${address}", health: { period: 300ms }, discovery: { models: true } }
${Object.entries(VERSIONS)
  .map(([name, there]) => tensorModel(name, '7', `name: tf, ${there}`))
  .join('')}`

interface VersionStatus {
  readonly status?: { readonly state?: string; readonly message?: string; readonly signature?: unknown }
}
let server: TensorflowServing
let system: System
const statusOf = async (name: string) => (await system.control<VersionStatus>('GET', `/modelversions/${name}-7`)).status

beforeAll(async () => {
  server = await startTensorflowServing()
  system = await startSystem({ bootstrap: manifest(server.url) })
  for (const name of ['half', 'first', 'canary', 'pair', 'text', 'graded'])
    await vi.waitFor(async () => expect(await statusOf(name)).toMatchObject({ state: 'Ready', signature: {} }), 30_000)
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await system?.stop()
  await server?.close()
})

const call = async (path: string, body?: unknown) => {
  const answer = await fetch(system.gatewayUrl + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${system.apiKey}` },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.status, json: parseTensorJson(await answer.text()) }
}

backendContract('TensorFlow Serving’s API', () => ({
  spec: { protocol: 'tensorflow-serving', address: server.url },
  model: 'half_plus_two',
  server: /^TensorFlow Serving$/,
}))

describe('TensorFlow Serving in and out', () => {
  it('rows and columns, the version that was named there, NaN and infinity', async () => {
    expect(await call('/v1/models/my-first:predict', { instances: [1, 2] })).toEqual({ status: 200, json: { predictions: [2.5, 3] } })
    expect(await call('/v1/models/my-canary:predict', { inputs: [1, 2] })).toEqual({ status: 200, json: { outputs: [3.5, 4] } })
    expect(await call('/v1/models/my-first/versions/7:predict', { instances: [0] })).toMatchObject({ json: { predictions: [2] } })
    expect(await call('/v1/models/my-first:predict', '{"instances":[NaN,-Infinity]}')).toEqual({
      status: 200,
      json: { predictions: [Number.NaN, Number.NEGATIVE_INFINITY] },
    })
  })

  it('several inputs and outputs, and bytes', async () => {
    const { status, json } = await call('/v1/models/my-pair:predict', { instances: [{ a: [1, 2], b: 3 }] })
    expect([status, Object.keys((json as { predictions: object[] }).predictions[0]!).sort()]).toEqual([200, ['count', 'scaled']])
    const text = await call('/v1/models/my-text:predict', { instances: ['né'] })
    expect(text.status).toBe(200)
  })

  it('classify and regress', async () => {
    expect((await call('/v1/models/my-graded:classify', { examples: [{ x: 1.5 }] })).status).toBe(200)
    expect((await call('/v1/models/my-graded:regress', { signature_name: 'regress', examples: [{ x: 1.5 }] })).status).toBe(200)
  })

  it('status and metadata under our names', async () => {
    const status = { model_version_status: [{ version: '7', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } }] }
    expect(await call('/v1/models/my-first')).toEqual({ status: 200, json: status })
    expect(await call('/v1/models/my-first/versions/7')).toEqual({ status: 200, json: status })
    expect(await call('/v1/models/my-first/metadata')).toMatchObject({
      status: 200,
      json: {
        model_spec: { name: 'my-first', version: '7' },
        metadata: { signature_def: { signature_def: { serving_default: { inputs: { x: { dtype: 'DT_FLOAT' } } } } } },
      },
    })
    expect(await call('/v1/models/my-gone')).toMatchObject({ json: { model_version_status: [{ state: 'START' }] } })
  })

  it('errors in its shape: its own, and ours', async () => {
    const bad = await call('/v1/models/my-first:predict', { instances: [['a']] })
    expect([bad.status, Object.keys(bad.json as object)]).toEqual([400, ['error']])
    const unknown = await call('/v1/models/nowhere:predict', { instances: [1] })
    expect([unknown.status, typeof (unknown.json as { error: unknown }).error]).toEqual([404, 'string'])
  })
})

describe('Open Inference Protocol in, TensorFlow Serving out', () => {
  it('numbers by the signature', async () => {
    const inputs = [{ name: 'x', shape: [2], datatype: 'FP32', data: [1, 2] }]
    expect(await call('/v2/models/my-first/infer', { id: 'q', inputs })).toEqual({
      status: 200,
      json: { model_name: 'my-first', model_version: '7', id: 'q', outputs: [{ name: 'y', datatype: 'FP32', shape: [2], data: [2.5, 3] }] },
    })
    expect(await call('/v2/models/my-first')).toMatchObject({
      json: { name: 'my-first', versions: ['7'], inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }] },
    })
  })

  it('several of each, and those that were asked for', async () => {
    const inputs = [
      { name: 'a', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
      { name: 'b', shape: [1], datatype: 'INT32', data: [3] },
    ]
    const { status, json } = await call('/v2/models/my-pair/infer', { inputs, outputs: [{ name: 'count' }] })
    expect(status).toBe(200)
    expect((json as { outputs: unknown[] }).outputs).toMatchObject([{ name: 'count', datatype: 'INT64' }])
  })

  it('bytes: text in JSON, what is no text in binary', async () => {
    const text = { name: 'text', shape: [1], datatype: 'BYTES' as const, data: ['né'] }
    expect(await call('/v2/models/my-text/infer', { inputs: [text], outputs: [{ name: 'upper' }] })).toMatchObject({
      status: 200,
      json: { outputs: [{ name: 'upper', datatype: 'BYTES', shape: [1], data: ['NÉ'] }] },
    })
    const { body, headerLength } = writeBinary({ parameters: { binary_data_output: true } }, 'inputs', [text])
    const answer = await fetch(`${system.gatewayUrl}/v2/models/my-text/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.apiKey}`, [HEADER_LENGTH_HEADER]: String(headerLength) },
      body: new Uint8Array(body),
    })
    expect(answer.status).toBe(200)
    const read = readBinary(Buffer.from(await answer.arrayBuffer()), Number(answer.headers.get(HEADER_LENGTH_HEADER)))
    expect(read.header).toMatchObject({ model_name: 'my-text', model_version: '7' })
    expect(read.tensors.find(({ name }) => name === 'raw_bytes')?.data).toEqual([new Uint8Array([0xff, 0x6e, 0xc3, 0xa9])])
  })
})

test('a version and a model that are not there are named, and a server that goes away and comes back', async () => {
  await vi.waitFor(
    async () => expect((await statusOf('gone'))?.message).toMatch(/^Backend tf: "half_plus_two" is not loaded there \(/),
    10_000,
  )
  expect((await statusOf('nobody'))?.message).toMatch(/^Backend tf: it has no model "nobody"; it has /)
  await server.stop('SIGKILL')
  await vi.waitFor(
    async () => expect((await statusOf('half'))?.message).toBe('Backend tf: nobody listens there (connection refused)'),
    10_000,
  )
  await server.restart()
  await vi.waitFor(async () => expect(await statusOf('half')).toMatchObject({ state: 'Ready' }), 30_000)
}, 90_000)

test('managed: the server’s list is what versions name, with their labels, also after it has been started again', async () => {
  const there = async (path: string) => {
    const { model_version_status = [] } = (await (await fetch(`${server.url}/v1/models/${path}`)).json()) as {
      model_version_status?: { state: string }[]
    }
    return model_version_status.some(({ state }) => state === 'AVAILABLE')
  }
  expect(await there('pair')).toBe(true)
  const apiVersion = 'strata.dev/v1alpha1'
  const from = `${server.models}/half_plus_two`
  const version = (name: string, source: object) => ({
    apiVersion,
    kind: 'ModelVersion',
    metadata: { name: `managed-${name}` },
    spec: { model: 'half', version: `managed-${name}`, source: { backend: { name: 'managed', model: 'half_plus_two', from, ...source } } },
  })
  await system.control('POST', '/apply', {
    documents: [
      {
        apiVersion,
        kind: 'Backend',
        metadata: { name: 'managed' },
        spec: {
          protocol: 'tensorflow-serving',
          address: server.url,
          management: { address: `http://${server.grpcAddress}` },
          health: { period: '300ms' },
          manage: true,
        },
      },
      version('1', { version: '1' }),
      version('2', { version: '2', label: 'next' }),
    ],
  })
  await vi.waitFor(async () => expect([await there('half_plus_two/labels/next'), await there('pair')]).toEqual([true, false]), 30_000)
  const state = async (name: string) => (await system.control<VersionStatus>('GET', `/modelversions/managed-${name}`)).status?.state
  await vi.waitFor(async () => expect([await state('1'), await state('2')]).toEqual(['Ready', 'Ready']), 20_000)
  await server.stop('SIGKILL')
  await server.restart()
  await vi.waitFor(async () => expect([await there('half_plus_two/labels/next'), await there('pair')]).toEqual([true, false]), 60_000)
}, 150_000)
