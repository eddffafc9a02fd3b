import { describe, expect, it } from 'vitest'
import { parseTensorJson } from '../tensorflow-serving/json.ts'
import { readBinary, writeBinary } from './binary.ts'
import {
  type InferResponse,
  oipError,
  parseInferRequest,
  parseInferResponse,
  parseModelMetadata,
  parseRepositoryIndex,
  parseServerMetadata,
  readOipError,
  writeInferRequest,
  writeInferResponse,
} from './infer.ts'

const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }
const response = { model_name: 'lin', model_version: 'v1', id: 'a', parameters: {}, outputs: [{ ...input, name: 'y' }] }
const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))

describe('inference requests', () => {
  it('takes one with everything, and writes it back', () => {
    const request = {
      id: 'a',
      parameters: { priority: 1 },
      inputs: [input, { name: 't', datatype: 'BYTES', shape: [1], data: ['ü'], parameters: { content_type: 'str' } }],
      outputs: [{ name: 'y' }, { name: 'z', parameters: { binary_data: false } }],
    }
    expect(parseInferRequest(request)).toEqual(request)
    expect(JSON.parse(writeInferRequest(parseInferRequest(request)))).toEqual(request)
  })

  it('takes the least, null for absent, and leaves out what the protocol does not have', () => {
    expect(parseInferRequest({ inputs: [input], id: null, parameters: null, outputs: null, model_name: 'm' })).toEqual({ inputs: [input] })
  })

  it('takes inputs that came in binary', () => {
    const { body, headerLength } = writeBinary({ id: 'a' }, 'inputs', [{ name: 'n', datatype: 'INT64', shape: [1], data: [2n ** 60n] }])
    const { header, tensors } = readBinary(body, headerLength)
    const request = parseInferRequest(header, tensors)
    expect(request).toEqual({ id: 'a', inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [2n ** 60n] }] })
    expect(writeInferRequest(request)).toContain('"data":[1152921504606846976]')
  })

  it.each<[unknown, string]>([
    [null, 'it must be a JSON object'],
    [[], 'it must be a JSON object'],
    [{}, 'inputs are missing'],
    [{ inputs: {} }, 'expected inputs to be a list'],
    [{ inputs: [] }, 'it has no inputs'],
    [{ inputs: [input, input] }, "inputs name 'x' twice"],
    [{ inputs: [input], id: 5 }, 'id is not a text'],
    [{ inputs: [input], outputs: {} }, 'expected outputs to be a list'],
    [{ inputs: [input], outputs: [null] }, 'outputs[0] has no name'],
    [{ inputs: [input], outputs: [{ name: 5 }] }, 'outputs[0] has no name'],
    [{ inputs: [input], outputs: [{ name: 'y' }, { name: 'y' }] }, "outputs name 'y' twice"],
    [JSON.parse('{"__proto__":{"inputs":[]}}'), 'inputs are missing'],
  ])('refuses %j', (value, what) => {
    expect(() => parseInferRequest(value)).toThrow(
      expect.objectContaining({ code: 'invalid_infer_request', message: `The request is not an inference request: ${what}.` }),
    )
  })

  it.each<[unknown, string]>([
    [{ inputs: [{ ...input, data: [1] }] }, "Tensor 'x': the shape [1,2] needs 2 elements, the data has 1."],
    [{ inputs: [input], parameters: 5 }, 'The request: expected parameters to be an object.'],
    [{ inputs: [input], outputs: [{ name: 'y', parameters: [] }] }, 'outputs[0]: expected parameters to be an object.'],
    [{ inputs: deep }, 'inputs[0]: expected an object.'],
  ])('refuses tensors and parameters that are wrong (%#)', (value, message) => {
    expect(() => parseInferRequest(value)).toThrow(message)
  })
})

describe('inference responses', () => {
  it('takes what MLServer answers, and writes it back', () => {
    expect(parseInferResponse(response)).toEqual(response)
    expect(JSON.parse(writeInferResponse(parseInferResponse(response)))).toEqual(response)
    expect(parseInferResponse({ ...response, id: null, model_version: null })).toEqual({
      model_name: 'lin',
      parameters: {},
      outputs: response.outputs,
    })
  })

  it('carries NaN as Triton does', () => {
    const answer: InferResponse = { model_name: 'm', outputs: [{ name: 'y', datatype: 'FP32', shape: [2], data: [Number.NaN, -Infinity] }] }
    const text = writeInferResponse(answer)
    expect(text).toContain('"data":[NaN,-Infinity]')
    expect(parseInferResponse(parseTensorJson(text))).toEqual(answer)
  })

  it.each<[unknown, string]>([
    ['text', 'it must be a JSON object'],
    [{ ...response, model_name: undefined }, 'model_name is not a text'],
    [{ ...response, model_version: 1 }, 'model_version is not a text'],
    [{ ...response, outputs: undefined }, 'outputs are missing'],
  ])('refuses %j', (value, what) => {
    expect(() => parseInferResponse(value)).toThrow(
      expect.objectContaining({ code: 'invalid_infer_response', message: `The answer is not an inference response: ${what}.` }),
    )
  })
})

describe('errors', () => {
  it.each<[unknown, string | undefined]>([
    [oipError('Model none not found'), 'Model none not found'],
    [
      { detail: [{ type: 'missing', loc: ['body', 'inputs', 0], msg: 'Field required' }, { msg: 'no' }] },
      'body.inputs.0: Field required; no',
    ],
    [{ detail: 'Not Found' }, 'Not Found'],
    [{ detail: [null, 5, { msg: {} }, { loc: [deep], msg: 'x' }] }, 'x'],
    [{ error: { message: 'x' } }, undefined],
    [{}, undefined],
    [null, undefined],
    ['Traceback (most recent call last)', undefined],
  ])('reads one (%#)', (value, message) => {
    expect(readOipError(value)).toBe(message)
  })
})

describe('metadata', () => {
  it('reads what servers tell of themselves', () => {
    expect(parseServerMetadata({ name: 'mlserver', version: '1.7.1', extensions: [] })).toEqual({
      name: 'mlserver',
      version: '1.7.1',
      extensions: [],
    })
    expect(parseServerMetadata({ name: 'triton' })).toEqual({ name: 'triton', extensions: [] })
  })

  it('reads what they tell of models', () => {
    const tensor = { name: 'x', datatype: 'FP32', shape: [-1, 2] }
    const metadata = { name: 'lin', versions: ['v1'], platform: '', inputs: [tensor], outputs: [tensor], parameters: {} }
    expect(parseModelMetadata(metadata)).toEqual(metadata)
    expect(parseModelMetadata({ name: 'lin', inputs: null })).toEqual({ name: 'lin', versions: [], inputs: [], outputs: [] })
    expect(parseRepositoryIndex([{ name: 'lin', version: 'v1', state: 'READY', reason: '' }, { name: 'cold' }])).toEqual([
      { name: 'lin', version: 'v1', state: 'READY', reason: '' },
      { name: 'cold' },
    ])
  })

  it.each<[(value: unknown) => unknown, unknown, string]>([
    [parseServerMetadata, {}, "The server's metadata is not as expected at name"],
    [
      parseModelMetadata,
      { name: 'a', inputs: [{ name: 'x', datatype: 'FP32', shape: [-2] }] },
      "The model's metadata is not as expected at inputs.0.shape.0",
    ],
    [parseModelMetadata, deep, "The model's metadata is nested more than 128 levels deep"],
    [parseRepositoryIndex, { models: [] }, "The server's list of models is not as expected"],
  ])('refuses what is wrong (%#)', (parse, value, message) => {
    expect(() => parse(value)).toThrow(message)
  })

  it('is not misled by __proto__', () => {
    const metadata = parseModelMetadata(JSON.parse('{"name":"a","__proto__":{"platform":"p"},"parameters":{"__proto__":{"x":1}}}'))
    expect(metadata.platform).toBeUndefined()
    expect((metadata.parameters as { x?: number }).x).toBeUndefined()
  })
})
