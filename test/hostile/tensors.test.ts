/**
 * Bodies and answers that nobody means well with, at the endpoints of the tensor protocols, across every pair that is translated. Allowed: an answer, or
 * the dialect's 4xx; for an answer of a server that makes no sense, 502. Never another 5xx, a hang, a line in the gateway's log of errors, or the key.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CompiledVersion } from '../../src/resources/snapshot.ts'
import { HEADER_LENGTH_HEADER, writeBinary } from '../../src/wire/oip/binary.ts'
import { API_KEY, entriesOf, route, type TestGateway, testGateway, version } from '../gateway/harness.ts'
import { damaged, mutated } from './mutations.ts'
import './seed.ts'

const RUNS = Number(process.env.STRATA_FUZZ_RUNS ?? 2_000)
type Protocol = Extract<CompiledVersion['source'], { type: 'backend' }>['protocol']

const signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'text', datatype: 'BYTES', shape: [-1] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [-1] },
    { name: 'raw_bytes', datatype: 'BYTES', shape: [-1] },
  ],
}
const oip = {
  id: 'q',
  inputs: [
    { name: 'x', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] },
    { name: 'text', shape: [2], datatype: 'BYTES', data: ['a', 'b'] },
  ],
  outputs: [{ name: 'y', parameters: { binary_data: false } }],
}
const rows = {
  signature_name: 'serving_default',
  instances: [
    { x: [1, 2], text: 'a' },
    { x: [3, 4], text: { b64: 'Yg==' } },
  ],
}
const columns = { inputs: { x: [[1, 2]], text: [{ b64: 'Yg==' }] } }
const ANSWERS: Readonly<Record<string, object>> = {
  oip: {
    model_name: 'm',
    model_version: '1',
    outputs: [
      { name: 'y', datatype: 'FP32', shape: [2], data: [1, 2] },
      { name: 'raw_bytes', datatype: 'BYTES', shape: [2], data: ['a', 'b'] },
    ],
  },
  'tensorflow-serving': { outputs: { y: [1, 2], raw_bytes: [{ b64: 'Yg==' }, 'c'] } },
  torchserve: { predictions: [1, 2] },
}

let server: Server
let gateway: TestGateway
/** What the server answers to the next requests. */
let answer: { status: number; body: Buffer; headers: Record<string, string> } | undefined
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      const protocol = request.url!.startsWith('/v2')
        ? 'oip'
        : request.url!.startsWith('/predictions')
          ? 'torchserve'
          : 'tensorflow-serving'
      if (!answer) return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ANSWERS[protocol]))
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const on = (protocol: Protocol) => [
    route({ name: protocol, models: [protocol], targets: [{ version: protocol, weight: 100 }], retries: { attempts: 0, on: [] } }),
    version({
      name: protocol,
      model: protocol,
      task: 'tensor',
      source: {
        type: 'backend',
        protocol,
        backend: protocol,
        down: false,
        address,
        model: 'm',
        signature,
        maxConcurrent: 64,
        sampling: {},
      },
    }),
  ]
  gateway = await testGateway(entriesOf(...on('oip'), ...on('tensorflow-serving'), ...on('torchserve')))
})
afterAll(async () => {
  await gateway.close()
  server.closeAllConnections()
  server.close()
})

const CALLS: readonly (readonly [path: string, documents: readonly object[]])[] = [
  ['/v2/models/oip/infer', [oip]],
  ['/v2/models/tensorflow-serving/infer', [oip]],
  ['/v2/models/torchserve/infer', [oip]],
  ['/v1/models/oip:predict', [rows, columns]],
  ['/v1/models/tensorflow-serving:predict', [rows, columns]],
  ['/v1/models/torchserve:predict', [rows]],
  ['/predictions/torchserve', [rows]],
]

async function call(path: string, body: Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...headers },
    body: new Uint8Array(body),
    signal: AbortSignal.timeout(20_000),
  })
  return { status: response.status, text: Buffer.from(await response.arrayBuffer()).toString('latin1') }
}

function check(path: string, { status, text }: { status: number; text: string }, allowed: readonly number[]): void {
  expect(text).not.toContain(API_KEY)
  if (status === 200) return
  expect(allowed, `${path}: ${status} ${text.slice(0, 300)}`).toContain(status)
  const body = JSON.parse(text) as { error?: unknown; message?: unknown }
  expect(typeof (path.startsWith('/predictions') ? body.message : body.error)).toBe('string')
}

const calls = fc.constantFrom(...CALLS).chain(([path, documents]) => {
  const text = mutated(fc.constantFrom(...documents), 3)
  return fc.record({
    path: fc.constant(path),
    body: fc.oneof({ weight: 4, arbitrary: text.map((each) => Buffer.from(each)) }, damaged(text)),
    headerLength: fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      fc.nat(400).map(String),
      fc.constantFrom('-1', '1e3', '99999999999999999999', ''),
    ),
  })
})

it.each(CALLS.flatMap(([path, documents]) => documents.map((document) => [path, document] as const)))(
  '%s takes %j',
  async (path, document) => {
    answer = undefined
    expect((await call(path, Buffer.from(JSON.stringify(document)))).status).toBe(200)
  },
)

it(`${RUNS} bodies`, { timeout: 240_000 }, async () => {
  answer = undefined
  let taken = 0
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 4, maxLength: 4 }), async (all) => {
      await Promise.all(
        all.map(async ({ path, body, headerLength }) => {
          const got = await call(path, body, headerLength === undefined ? {} : { [HEADER_LENGTH_HEADER]: headerLength })
          if (got.status === 200) taken += 1
          check(path, got, [400, 404, 413])
        }),
      )
    }),
    { numRuns: RUNS / 4, interruptAfterTimeLimit: 200_000, markInterruptAsFailure: true },
  )
  expect(taken).toBeGreaterThan(RUNS / 20)
})

it(`${RUNS / 2} answers`, { timeout: 240_000 }, async () => {
  const answers = fc.constantFrom(...CALLS).chain(([path, documents]) => {
    const text = mutated(fc.constantFrom(...Object.values(ANSWERS)), 3)
    return fc.record({
      path: fc.constant(path),
      document: fc.constantFrom(...documents),
      status: fc.oneof({ weight: 4, arbitrary: fc.constant(200) }, fc.constantFrom(400, 404, 422, 500, 503)),
      body: fc.oneof({ weight: 4, arbitrary: text.map((each) => Buffer.from(each)) }, damaged(text)),
      headerLength: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, fc.nat(400).map(String)),
    })
  })
  await fc.assert(
    fc.asyncProperty(answers, async ({ path, document, status, body, headerLength }) => {
      answer = { status, body, headers: headerLength === undefined ? {} : { [HEADER_LENGTH_HEADER]: headerLength } }
      const got = await call(path, Buffer.from(JSON.stringify(document)))
      // A server's own refusal, and where both speak the same also its words, pass.
      if (status !== 200) expect([status, 400, 503], `${path}: ${got.status} ${got.text.slice(0, 300)}`).toContain(got.status)
      else check(path, got, [502])
    }),
    { numRuns: RUNS / 2, interruptAfterTimeLimit: 200_000, markInterruptAsFailure: true },
  )
  answer = undefined
  const { body, headerLength } = writeBinary({}, 'inputs', [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }])
  expect((await call('/v2/models/oip/infer', body, { [HEADER_LENGTH_HEADER]: String(headerLength) })).status).toBe(200)
})
