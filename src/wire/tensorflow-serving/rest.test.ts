import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DATATYPES } from '../oip/tensor.ts'
import { parseTensorJson } from './json.ts'
import {
  base64Value,
  bytesOf,
  isBase64Value,
  oipDatatype,
  parseClassifyResponse,
  parseExamplesRequest,
  parsePredictRequest,
  parsePredictResponse,
  parseRegressResponse,
  readTensorFlowError,
  tensorFlowDtype,
  tensorFlowError,
} from './rest.ts'

const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))

describe('predict', () => {
  it.each<[unknown]>([
    [{ instances: ['foo', 'bar'] }],
    [{ signature_name: 's', instances: [{ tag: 'foo', signal: [1, 2], image: { b64: 'aGk=' } }] }],
    [{ inputs: { tag: ['foo'], signal: [[1, 2]] } }],
    [{ signature_name: 's', inputs: [[1, 2]] }],
    [{ inputs: 5 }],
  ])('takes %j', (request) => {
    expect(parsePredictRequest(request)).toEqual(request)
  })

  it('leaves tensors alone, however deep', () => {
    expect(parsePredictRequest({ inputs: deep, other: 1 })).toEqual({ inputs: expect.any(Array) })
  })

  it.each<[unknown, string]>([
    [null, 'it must be a JSON object'],
    [[1], 'it must be a JSON object'],
    [{}, 'it has neither instances nor inputs'],
    [{ instances: [1], inputs: [1] }, 'it has both instances and inputs'],
    [{ instances: [] }, 'expected instances to be a list with at least one entry'],
    [{ instances: {} }, 'expected instances to be a list with at least one entry'],
    [{ instances: [1], signature_name: 5 }, 'signature_name is not a text'],
    [JSON.parse('{"__proto__":{"instances":[1]}}'), 'it has neither instances nor inputs'],
  ])('refuses %j', (request, what) => {
    expect(() => parsePredictRequest(request)).toThrow(
      expect.objectContaining({ code: 'invalid_predict_request', message: `The request cannot be read: ${what}.` }),
    )
  })

  it('reads both forms of answer', () => {
    expect(parsePredictResponse(parseTensorJson('{"predictions":[3.5,NaN]}'))).toEqual({ predictions: [3.5, Number.NaN] })
    expect(parsePredictResponse({ outputs: { y: [[1]] } })).toEqual({ outputs: { y: [[1]] } })
    for (const value of [null, 5, {}, [], { error: 'x' }]) {
      expect(() => parsePredictResponse(value)).toThrow('The answer to :predict has neither predictions nor outputs.')
    }
  })
})

describe('classify and regress', () => {
  it('takes examples with a context', () => {
    const request = { signature_name: 's', context: { a: 1 }, examples: [{ x: [1, 2], image: { b64: 'aGk=' } }, { x: 'text' }] }
    expect(parseExamplesRequest(request)).toEqual(request)
  })

  it.each<[unknown, string]>([
    [{}, 'expected examples to be a list with at least one entry'],
    [{ examples: [] }, 'expected examples to be a list with at least one entry'],
    [{ examples: [5] }, 'expected examples[0] to be an object of features'],
    [{ examples: [{}], context: [] }, 'expected context to be an object of features'],
    [{ examples: [{ x: 1 }, { x: null }] }, "the feature 'x' of examples[1] is not a number, a text, a b64 value or a list of these"],
    [{ examples: [{ x: [[1]] }] }, "the feature 'x' of examples[0] is not a number"],
    [{ examples: [{ x: deep }] }, "the feature 'x' of examples[0] is not a number"],
    [{ context: { x: 1 }, examples: [{ y: 1 }, { x: 2 }] }, "the feature 'x' stands in both context and examples[1]"],
  ])('refuses what is wrong (%#)', (request, what) => {
    expect(() => parseExamplesRequest(request)).toThrow(what)
  })

  it.each(['result', 'results'])('reads answers under %s', (key) => {
    const classes = [
      [
        ['cat', 0.9],
        ['', Number.NaN],
      ],
      [],
    ]
    expect(parseClassifyResponse({ [key]: classes })).toEqual(classes)
    expect(parseRegressResponse({ [key]: [3.5, Infinity] })).toEqual([3.5, Infinity])
  })

  it.each<[(value: unknown) => unknown, unknown]>([
    [parseClassifyResponse, { results: [['cat', 1]] }],
    [parseClassifyResponse, { results: deep }],
    [parseRegressResponse, { results: ['1'] }],
    [parseRegressResponse, null],
  ])('refuses answers that are wrong (%#)', (parse, value) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'invalid_answer' }))
  })
})

describe('bytes', () => {
  it('go through base64', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const value = base64Value(bytes)
        expect(isBase64Value(value)).toBe(true)
        expect([...bytesOf(value)]).toEqual([...bytes])
        expect([...bytesOf({ b64: value.b64.replace(/=+$/, '') })]).toEqual([...bytes])
      }),
    )
  })

  it.each(['a', 'aGk!', 'aG k=', 'ü', 'aGk===', '====='])('refuses %j', (b64) => {
    expect(() => bytesOf({ b64 })).toThrow('a b64 value is not base64')
  })

  it.each([null, 'x', {}, { b64: 5 }, { b64: 'a', c: 1 }, ['b64'], JSON.parse('{"__proto__":{"b64":"x"}}')])(
    'does not take %j for bytes',
    (value) => {
      expect(isBase64Value(value)).toBe(false)
    },
  )
})

it('reads and writes errors', () => {
  expect(readTensorFlowError(tensorFlowError('Servable not found'))).toBe('Servable not found')
  for (const value of [null, 'x', {}, { error: 5 }]) expect(readTensorFlowError(value)).toBeUndefined()
})

it('knows a TensorFlow type for each datatype, and back', () => {
  for (const datatype of DATATYPES) expect(oipDatatype(tensorFlowDtype(datatype))).toBe(datatype)
  expect([tensorFlowDtype('FP32'), tensorFlowDtype('FP16'), tensorFlowDtype('BYTES')]).toEqual(['DT_FLOAT', 'DT_HALF', 'DT_STRING'])
  for (const other of ['DT_COMPLEX64', 'DT_RESOURCE', 'FP32', '__proto__']) expect(oipDatatype(other)).toBeUndefined()
})
