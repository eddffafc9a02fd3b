/** Every pair of protocols: what a request becomes on its way to the server, and what the server's answer becomes on its way back. */
import { describe, expect, it } from 'vitest'
import type { CompiledVersion } from '../../resources/snapshot.ts'
import { parseTensorJson } from '../../wire/tensorflow-serving/json.ts'
import { TRANSLATORS, translate } from './index.ts'
import { oipEndpoint } from './oip.ts'
import { OPENAI_ENDPOINTS } from './openai.ts'
import { type Asking, CannotAsk } from './protocol.ts'
import { tensorFlowEndpoint } from './tensorflow-serving.ts'
import { torchServeEndpoint } from './torchserve.ts'

type Source = Extract<CompiledVersion['source'], { type: 'backend' }>
const signature: Source['signature'] = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'name_bytes', datatype: 'BYTES', shape: [-1] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [-1] },
    { name: 'label_bytes', datatype: 'BYTES', shape: [-1] },
  ],
}
const single: Source['signature'] = { inputs: [signature.inputs[0]!], outputs: [signature.outputs[0]!] }

function version(protocol: Source['protocol'] | 'engine', over: Partial<Source> = {}): CompiledVersion {
  const backend: Source = {
    type: 'backend',
    protocol: protocol === 'engine' ? 'openai' : protocol,
    backend: 'there',
    down: false,
    address: 'http://there',
    model: 'theirs',
    maxConcurrent: 1,
    sampling: {},
    signature,
    ...over,
  }
  return {
    kind: 'version',
    name: 'iris-v2',
    namespace: 'default',
    model: 'iris',
    version: 'v2',
    task: 'tensor',
    uid: 'u',
    generation: 1,
    source: protocol === 'engine' ? { type: 'engine', simulated: false } : backend,
    created: 0,
  }
}

const ENDPOINTS = {
  openai: OPENAI_ENDPOINTS.get('/v1/chat/completions')!,
  oip: oipEndpoint('my-iris'),
  'tensorflow-serving': tensorFlowEndpoint('my-iris', 'predict'),
  torchserve: torchServeEndpoint('my-iris'),
}
type Client = keyof typeof ENDPOINTS

function sent(client: Client, to: CompiledVersion, body: string) {
  const bytes = Buffer.from(body)
  const request = ENDPOINTS[client].parse(bytes, { 'content-type': 'application/json' })
  if ('status' in request) throw new Error(request.message)
  return translate(request as Asking, to, bytes)
}
const json = (body: Buffer | string) => parseTensorJson(body.toString())

function back(client: Client, to: CompiledVersion, body: string, answer: string, status = 200) {
  const { rewrite } = sent(client, to, body)
  if (!rewrite) return { status, json: json(answer) }
  const written = rewrite({ status, headers: {}, contentType: 'application/json', body: Buffer.from(answer) })
  return { status: written.status, json: json(Buffer.isBuffer(written.body) ? written.body : Buffer.from(written.body, 'latin1')) }
}

const OIP_REQUEST = JSON.stringify({
  id: 'q',
  inputs: [
    { name: 'x', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] },
    { name: 'name_bytes', shape: [2], datatype: 'BYTES', data: ['a', 'é'] },
  ],
})
const OIP_ANSWER = JSON.stringify({
  model_name: 'theirs',
  model_version: '7',
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [2], data: [1.5, 3] },
    { name: 'label_bytes', datatype: 'BYTES', shape: [2], data: ['no', 'yes'] },
  ],
})
const NAMES = { model_name: 'my-iris', model_version: 'v2' }
const TENSORS = (JSON.parse(OIP_ANSWER) as { outputs: unknown }).outputs

describe('Open Inference Protocol → TensorFlow Serving', () => {
  it('tensors become columns, bytes base64', () => {
    const { path, body } = sent('oip', version('tensorflow-serving', { modelVersion: '7' }), OIP_REQUEST)
    expect(path).toBe('/v1/models/theirs/versions/7:predict')
    expect(json(body)).toEqual({ inputs: { x: [[1, 2], [3, 4]], name_bytes: [{ b64: 'YQ==' }, { b64: 'w6k=' }] } }) // biome-ignore format: a matrix
  })

  it('columns become tensors of the signature’s datatypes', () => {
    const answer = '{"outputs":{"y":[1.5,NaN],"label_bytes":[{"b64":"bm8="},{"b64":"eWVz"}]}}'
    expect(back('oip', version('tensorflow-serving'), OIP_REQUEST, answer).json).toEqual({
      ...NAMES,
      id: 'q',
      outputs: [
        { name: 'y', datatype: 'FP32', shape: [2], data: [1.5, Number.NaN] },
        { name: 'label_bytes', datatype: 'BYTES', shape: [2], data: ['no', 'yes'] },
      ],
    })
  })

  it('only the outputs that were asked for; one alone has no name there', () => {
    const asked = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }], outputs: [{ name: 'y' }] })
    const to = version('tensorflow-serving', { signature: single, label: 'canary' })
    expect(sent('oip', to, asked).path).toBe('/v1/models/theirs/labels/canary:predict')
    expect(back('oip', to, asked, '{"outputs":[2.5]}').json).toEqual({
      ...NAMES,
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1], data: [2.5] }],
    })
  })

  it('its refusal is told in the protocol’s shape', () => {
    const to = version('tensorflow-serving')
    expect(back('oip', to, OIP_REQUEST, '{"error":"no such input"}', 400)).toEqual({ status: 400, json: { error: 'no such input' } })
  })
})

describe('TensorFlow Serving → Open Inference Protocol', () => {
  it.each([
    ['rows', { instances: [{ x: [1, 2], name_bytes: 'a' }, { x: [3, 4], name_bytes: { b64: 'w6k=' } }] }], // biome-ignore format: rows
    ['columns', { inputs: { x: [[1, 2], [3, 4]], name_bytes: ['a', 'é'] } }], // biome-ignore format: columns
  ])('%s become tensors of the signature’s datatypes', (_, request) => {
    const { path, body } = sent('tensorflow-serving', version('oip'), JSON.stringify(request))
    expect(path).toBe('/v2/models/theirs/infer')
    expect(json(body)).toEqual({ inputs: (JSON.parse(OIP_REQUEST) as { inputs: unknown }).inputs })
  })

  it('tensors come back as rows or as columns, as it was asked', () => {
    const rows = back('tensorflow-serving', version('oip'), '{"instances":[{"x":[1,2],"name_bytes":"a"}]}', OIP_ANSWER)
    expect(rows.json).toEqual({
      predictions: [
        { y: 1.5, label_bytes: { b64: 'bm8=' } },
        { y: 3, label_bytes: { b64: 'eWVz' } },
      ],
    })
    const columns = back('tensorflow-serving', version('oip'), '{"inputs":{"x":[[1,2]],"name_bytes":["a"]}}', OIP_ANSWER)
    expect(columns.json).toEqual({ outputs: { y: [1.5, 3], label_bytes: [{ b64: 'bm8=' }, { b64: 'eWVz' }] } })
    const alone = JSON.stringify({ model_name: 'x', outputs: [(TENSORS as unknown[])[0]] })
    expect(back('tensorflow-serving', version('oip', { signature: single }), '{"instances":[[1,2]]}', alone).json).toEqual({
      predictions: [1.5, 3],
    })
  })

  it.each([
    ['an input that the model does not have', '{"inputs":{"z":[1]}}', 'The model has no input "z"; it has x, name_bytes.'],
    ['inputs without names', '{"instances":[[1,2]]}', 'The model has the inputs x, name_bytes; name them.'],
    ['rows of different inputs', '{"instances":[{"x":[1,2]},{"y":1}]}', 'instances[1] does not have the inputs of instances[0]: x.'],
    ['ragged lists', '{"inputs":{"x":[[1,2],[3]]}}', 'The lists do not form a tensor'],
    ['a text where a number belongs', '{"inputs":{"x":[["a",2]]}}', 'element 0 is "a", which is not of datatype FP32'],
    ['both forms', '{"inputs":1,"instances":[1]}', 'both instances and inputs'],
  ])('%s is refused in words', (_, body, words) => {
    expect(() => sent('tensorflow-serving', version('oip'), body)).toThrow(words)
  })
})

describe('TorchServe as the server', () => {
  it('gets an inference request as it is, and what its handler returns becomes a tensor', () => {
    const to = version('torchserve', { modelVersion: '1.0' })
    const { path, body } = sent('oip', to, OIP_REQUEST)
    expect(path).toBe('/predictions/theirs/1.0')
    expect(json(body)).toEqual(JSON.parse(OIP_REQUEST))
    const output = (answer: string) => (back('oip', to, OIP_REQUEST, answer).json as { outputs: unknown[] }).outputs
    expect(output('[[1,2],[3,4]]')).toEqual([{ name: 'output', datatype: 'INT64', shape: [2, 2], data: [1, 2, 3, 4] }])
    expect(output('[0.5]')).toEqual([{ name: 'output', datatype: 'FP64', shape: [1], data: [0.5] }])
    expect(output('true')).toEqual([{ name: 'output', datatype: 'BOOL', shape: [1], data: [true] }])
    expect(output('a word')).toEqual([{ name: 'output', datatype: 'BYTES', shape: [1], data: ['a word'] }])
    expect(output('{"a":1}')).toEqual([{ name: 'output', datatype: 'BYTES', shape: [1], data: ['{"a":1}'] }])
    expect(back('oip', to, OIP_REQUEST, OIP_ANSWER).json).toEqual({ ...NAMES, id: 'q', outputs: TENSORS })
  })

  it('gets rows as they are, and what its handler returns are the predictions', () => {
    const rows = '{"instances":[[1,2]]}'
    expect(sent('tensorflow-serving', version('torchserve'), rows).body.toString()).toBe(rows)
    expect(back('tensorflow-serving', version('torchserve'), rows, '[1,2]').json).toEqual({ predictions: [1, 2] })
    expect(back('tensorflow-serving', version('torchserve'), rows, '{"predictions":[3]}').json).toEqual({ predictions: [3] })
    expect(
      back('tensorflow-serving', version('torchserve'), rows, '{"code":404,"type":"ModelNotFoundException","message":"gone"}', 404),
    ).toEqual({
      status: 404,
      json: { error: 'gone' },
    })
  })

  it.each([
    [400, { code: 400, type: 'InvalidKeyException', message: 'Token Authentication failed' }, 'unavailable'],
    [503, { code: 503, type: 'ServiceUnavailableException', message: 'Model "x" has no worker to serve' }, 'unavailable'],
    [500, { code: 500, type: 'InternalServerException', message: 'Worker died.' }, 'unavailable'],
    [503, { code: 503, type: 'InternalServerException', message: 'Prediction failed' }, 'upstream_error'],
    [404, { code: 404, type: 'ModelNotFoundException', message: 'no' }, undefined],
    [413, 'a handler’s own words', undefined],
    [500, 'a handler’s own words', 'upstream_error'],
  ])('%i %j is judged', (status, body, failure) => {
    expect(sent('torchserve', version('torchserve'), '{}').judge!(status, JSON.stringify(body))).toBe(failure)
  })
})

describe('the same on both sides', () => {
  it.each<[Client, Source['protocol'], string]>([
    ['tensorflow-serving', 'tensorflow-serving', '/v1/models/theirs:predict'],
    ['torchserve', 'torchserve', '/predictions/theirs'],
    ['oip', 'oip', '/v2/models/theirs/infer'],
  ])('%s passes byte by byte', (client, protocol, path) => {
    const body = '{ "instances" : [1e400, 9007199254740993] }'
    const translation = sent(client, version(protocol), body)
    expect([translation.path, translation.body.toString()]).toEqual([path, body])
  })
})

describe('the table of pairs', () => {
  const UPSTREAMS = ['engine', 'openai', 'oip', 'torchserve', 'tensorflow-serving'] as const
  const bodies: Record<Client, string> = {
    openai: '{"model":"my-iris","messages":[]}',
    oip: OIP_REQUEST,
    'tensorflow-serving': '{"instances":[{"x":[1,2],"name_bytes":"a"}]}',
    torchserve: '{}',
  }
  const pairs = (Object.keys(ENDPOINTS) as Client[]).flatMap((client) => UPSTREAMS.map((upstream) => [client, upstream] as const))

  it.each(pairs)('%s to %s is translated, or refused with advice', (client, upstream) => {
    const ask = () => sent(client, version(upstream), bodies[client])
    if (TRANSLATORS[client]?.[upstream]) expect(ask().path).toMatch(/^\//)
    else expect(ask).toThrow(/Call it at \//)
  })

  it('what a server has not described cannot be translated: a reason to wait, and not the client’s mistake', () => {
    const undescribed = version('tensorflow-serving', { signature: undefined })
    expect(() => sent('oip', undescribed, OIP_REQUEST)).toThrow(CannotAsk)
    try {
      sent('oip', undescribed, OIP_REQUEST)
    } catch (error) {
      expect((error as CannotAsk).refusal).toMatchObject({ status: 503, code: 'signature_unknown' })
    }
  })

  it('more values than can be translated in a moment are refused, and pass where nothing is to be translated', () => {
    const many = `{"instances":[${'1,'.repeat(1_000_001)}1]}`
    expect(() => sent('tensorflow-serving', version('oip'), many)).toThrow('too many values')
    expect(sent('tensorflow-serving', version('tensorflow-serving'), many).body.length).toBe(many.length)
    const tensor = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1000002],"data":[${'1,'.repeat(1_000_001)}1]}]}`
    expect(() => sent('oip', version('tensorflow-serving'), tensor)).toThrow('too many values')
  })

  it('a verb that a server does not know', () => {
    const bytes = Buffer.from('{"examples":[{"a":1}]}')
    const request = tensorFlowEndpoint('my-iris', 'classify').parse(bytes, {})
    expect(() => translate(request as Asking, version('oip'), bytes)).toThrow('knows no :classify')
    expect(translate(request as Asking, version('tensorflow-serving'), bytes).path).toBe('/v1/models/theirs:classify')
  })
})
