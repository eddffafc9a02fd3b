/** Tensor protocols in front of scripted upstreams: what a real one cannot be made to do on demand. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CompiledVersion } from '../../src/resources/snapshot.ts'
import { HEADER_LENGTH_HEADER, readBinary, writeBinary } from '../../src/wire/oip/binary.ts'
import { API_KEY, entriesOf, hello, route, start, type TestGateway, up, version } from './harness.ts'

type Source = Extract<CompiledVersion['source'], { type: 'backend' }>

interface Seen {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A server that answers all requests with the same bytes. */
async function server(answer: { status?: number; headers?: Record<string, string>; body: string | Buffer }) {
  const seen: Seen[] = []
  const listening = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen.push({ url: request.url!, headers: request.headers, body: Buffer.concat(chunks) })
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers }).end(answer.body)
  })
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    listening.closeAllConnections()
    listening.close()
  })
  return { seen, port: (listening.address() as AddressInfo).port }
}

const sourceAt = (port: number, over: Partial<Source> = {}): Source => ({
  type: 'backend',
  protocol: 'oip',
  backend: 'there',
  down: false,
  address: `http://127.0.0.1:${port}`,
  model: 'théirs',
  maxConcurrent: 8,
  sampling: {},
  ...over,
})

async function gatewayTo(source: Source): Promise<TestGateway> {
  const gateway = await start(entriesOf(route(), version({ task: 'tensor', source })))
  return gateway
}

const tensor = { name: 'x', shape: [2], datatype: 'FP32' as const, data: [1, 2] }

describe('an Open Inference Protocol server', () => {
  it('gets the bytes of a request as they are, and the client gets its answer but for the names', async () => {
    const exact =
      '{"model_name":"théirs","model_version":"9","outputs":[{"name":"model_name","datatype":"INT64","shape":[1],"data":[9007199254740993]}],"id":"\\u00e9"}'
    const { port, seen } = await server({ body: exact })
    const gateway = await gatewayTo(sourceAt(port, { modelVersion: '3' }))
    const sent = '{ "id": "é", "inputs": [{"name":"x","datatype":"INT64","shape":[1],"data":[9007199254740993]}] }'
    const answer = await gateway.post(sent, {}, '/v2/models/assistant/infer')
    expect(await answer.text()).toBe(exact.replace('"théirs"', '"assistant"').replace('"9"', '"v1"'))
    expect(seen[0]!.url).toBe('/v2/models/th%C3%A9irs/versions/3/infer')
    expect(seen[0]!.body.toString()).toBe(sent)
    expect(seen[0]!.headers.authorization).toBeUndefined()
  })

  it('that takes binary tensors gets them, and its binary answer keeps its length right under another name', async () => {
    const theirs = writeBinary({ model_name: 'theirs' }, 'outputs', [tensor])
    const { port, seen } = await server({
      headers: { 'content-type': 'application/octet-stream', [HEADER_LENGTH_HEADER]: String(theirs.headerLength) },
      body: theirs.body,
    })
    const gateway = await gatewayTo(sourceAt(port, { binary: true }))
    const { body, headerLength } = writeBinary({}, 'inputs', [tensor])
    const answer = await fetch(`${gateway.url}/v2/models/assistant/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, [HEADER_LENGTH_HEADER]: String(headerLength) },
      body: new Uint8Array(body),
    })
    expect(seen[0]!.body.equals(body)).toBe(true)
    expect(seen[0]!.headers[HEADER_LENGTH_HEADER]).toBe(String(headerLength))
    const read = readBinary(Buffer.from(await answer.arrayBuffer()), Number(answer.headers.get(HEADER_LENGTH_HEADER)))
    expect(read.header.model_name).toBe('assistant')
    expect(read.tensors).toMatchObject([tensor])
  })

  it.each([
    ['more JSON than bytes', '99999'],
    ['no number', 'ten'],
  ])('is not asked where the header of the binary extension says %s', async (_, length) => {
    const { port, seen } = await server({ body: '{}' })
    const gateway = await gatewayTo(sourceAt(port))
    const answer = await gateway.post('{}', { [HEADER_LENGTH_HEADER]: length }, '/v2/models/assistant/infer')
    expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([400, ['error']])
    expect(seen).toEqual([])
  })

  it('whose refusal is a page or FastAPI’s list: the client sees the protocol’s shape', async () => {
    const { port } = await server({ status: 422, body: '{"detail":[{"loc":["body","inputs"],"msg":"Field required"}]}' })
    const refused = await (await gatewayTo(sourceAt(port))).post('{}', {}, '/v2/models/assistant/infer')
    expect([refused.status, await refused.json()]).toEqual([400, { error: 'body.inputs: Field required' }])
    const { port: other } = await server({
      status: 500,
      headers: { 'content-type': 'text/plain' },
      body: 'Traceback (most recent call last)',
    })
    const broken = await (await gatewayTo(sourceAt(other))).post('{}', {}, '/v2/models/assistant/infer')
    expect([broken.status, await broken.json()]).toEqual([500, { error: 'The model failed; the log of its server has the cause.' }])
  })
})

describe('a backend that is down', () => {
  const chat = async (down: boolean) => {
    const there = await up((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[],"from":"there"}'),
    )
    const instead = await up((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[],"from":"instead"}'),
    )
    const openAI = (port: number, over: Partial<Source>) =>
      sourceAt(port, { protocol: 'openai', address: `http://127.0.0.1:${port}/v1`, ...over })
    return {
      there,
      instead,
      v1: version({ source: openAI(there.port, { down }) }),
      v2: version({ name: 'instead', version: 'v2', source: openAI(instead.port, { backend: 'instead' }) }),
    }
  }
  const fallbacks = [{ version: 'instead', on: ['unavailable' as const, 'overloaded' as const] }]

  it('is passed over where a fallback answers, and asked all the same where there is none', async () => {
    const { v1, v2, there } = await chat(true)
    const gateway = await start(entriesOf(route({ fallbacks }), v1, v2))
    expect(await (await gateway.post(hello())).json()).toMatchObject({ from: 'instead' })
    expect(there.calls()).toBe(0)
    const alone = await start(entriesOf(route(), v1))
    expect(await (await alone.post(hello())).json()).toMatchObject({ from: 'there' })
  })

  it('says when to come again, also where the fallback has no secret to be asked with', async () => {
    const { v2 } = await chat(false)
    const full = await up((_, response) =>
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' }).end('{"error":{"code":"full"}}'),
    )
    const v1 = version({ source: sourceAt(full.port, { protocol: 'openai', address: `http://127.0.0.1:${full.port}/v1` }) })
    const bare = { ...v2, source: { ...v2.source, bearer: { env: 'STRATA_TEST_NO_SUCH_SECRET' } } } as typeof v2
    const gateway = await start(entriesOf(route({ fallbacks }), v1, bare))
    const refused = await gateway.post(hello())
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([429, '7', { error: { code: 'full' } }])
    expect(full.calls()).toBe(1)
    expect((await gateway.post({ ...hello(), stream: true })).headers.get('retry-after')).toBe('7')
  })

  it('has no more requests at a time than its limit; what is more falls back, or is told to wait', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((done) => {
      release = done
    })
    const slow = await up(
      (_, response) => void held.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}')),
    )
    const source = sourceAt(slow.port, { protocol: 'openai', address: `http://127.0.0.1:${slow.port}/v1`, maxConcurrent: 2 })
    const gateway = await start(entriesOf(route(), version({ source })))
    const two = [gateway.post(hello()), gateway.post(hello())]
    await expect.poll(() => slow.calls()).toBe(2)
    const third = await gateway.post(hello())
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1'])
    expect(await third.json()).toMatchObject({ error: { code: 'overloaded' } })
    release()
    expect((await Promise.all(two)).map(({ status }) => status)).toEqual([200, 200])
    expect((await gateway.post(hello())).status).toBe(200)
  })
})

it('a server that has not described itself yet is passed over where a fallback answers', async () => {
  const { port, seen } = await server({ body: '{"model_name":"m","outputs":[]}' })
  const v1 = version({ task: 'tensor', source: sourceAt(1, { protocol: 'tensorflow-serving' }) })
  const v2 = version({ name: 'instead', version: 'v2', task: 'tensor', source: sourceAt(port, { backend: 'instead' }) })
  const body = { inputs: [tensor] }
  const gateway = await start(entriesOf(route({ fallbacks: [{ version: 'instead', on: ['unavailable'] }] }), v1, v2))
  expect((await gateway.post(body, {}, '/v2/models/assistant/infer')).status).toBe(200)
  expect(seen).toHaveLength(1)
  const alone = await start(entriesOf(route(), v1))
  const refused = await alone.post(body, {}, '/v2/models/assistant/infer')
  expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('does not describe it')])
})

describe('TorchServe, whose refusals mean more than their status', () => {
  const exception = (code: number, type: string, message: string) => ({ status: code, body: JSON.stringify({ code, type, message }) })
  const FULL = exception(503, 'ServiceUnavailableException', 'Model "m" has no worker to serve inference request.')
  const RAISED = exception(503, 'InternalServerException', 'Prediction failed')
  const BAD_KEY = exception(
    400,
    'InvalidKeyException',
    'Token Authentication failed. Token either incorrect, expired, or not provided correctly',
  )

  /** The first request is refused, the others are answered. */
  async function firstRefused(refusal: { status: number; body: string }) {
    const there = await up((_, response) => {
      const { status, body } = there.calls() === 1 ? refusal : { status: 200, body: '{"y":1}' }
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    })
    const retries = { attempts: 1, on: ['unavailable' as const] }
    const gateway = await start(
      entriesOf(route({ retries }), version({ task: 'tensor', source: sourceAt(there.port, { protocol: 'torchserve' }) })),
    )
    const answer = await gateway.post('{}', {}, '/predictions/assistant')
    return { status: answer.status, text: await answer.text(), calls: there.calls() }
  }

  it('a full queue is asked again, a handler that raised is not', async () => {
    expect(await firstRefused(FULL)).toEqual({ status: 200, text: '{"y":1}', calls: 2 })
    expect(await firstRefused(RAISED)).toEqual({ status: 503, text: RAISED.body, calls: 1 })
  })

  it('that it refuses our key is nothing that a client hears', async () => {
    const gone = await firstRefused(BAD_KEY)
    expect([gone.status, gone.calls]).toEqual([200, 2])
    const { port } = await server(BAD_KEY)
    const answer = await (await gatewayTo(sourceAt(port, { protocol: 'torchserve' }))).post('{}', {}, '/predictions/assistant')
    expect(answer.status).toBe(503)
    const text = await answer.text()
    expect(text).not.toContain('Token')
    expect(JSON.parse(text)).toMatchObject({ code: 503, type: 'ServiceUnavailableException' })
  })
})
