import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkData, DATATYPES, type Datatype, elementBytes, elementCount, isDatatype, parseTensor, tensorJson } from './tensor.ts'

const parse = (over: Record<string, unknown>) => parseTensor({ name: 'x', datatype: 'FP32', shape: [1], data: [0], ...over }, 'inputs[0]')
const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown[]

describe('tensors', () => {
  it.each<[string, unknown[], unknown[], unknown[]]>([
    ['flat', [2, 3], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]],
    [
      'nested',
      [2, 3],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [1, 2, 3, 4, 5, 6],
    ],
    ['nested deeper', [2, 1, 2], [[[1, 2]], [[3, 4]]], [1, 2, 3, 4]],
    ['a scalar', [], [7], [7]],
    ['nothing', [0], [], []],
    ['nothing, with other dimensions huge', [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0], [], []],
    ['nothing, nested', [2, 0], [[], []], []],
  ])('takes data that is %s', (_, shape, data, flat) => {
    expect(parse({ shape, data })).toEqual({ name: 'x', datatype: 'FP32', shape, data: flat })
  })

  it('keeps parameters, takes null for none, and leaves out what the protocol does not have', () => {
    expect(parse({ parameters: { content_type: 'np' }, other: 1 })).toEqual({
      name: 'x',
      datatype: 'FP32',
      shape: [1],
      data: [0],
      parameters: { content_type: 'np' },
    })
    expect(parse({ parameters: null })).not.toHaveProperty('parameters')
  })

  it.each<[Datatype, unknown[], unknown[]]>([
    ['BOOL', [true, false], [0, 1, 'true', null]],
    ['UINT8', [0, 255, 1.0], [-1, 256, 1.5, '1', true, null, Number.NaN, Infinity, 1n]],
    ['UINT16', [0, 65_535], [-1, 65_536]],
    ['UINT32', [0, 4_294_967_295], [-1, 4_294_967_296]],
    ['UINT64', [0, Number.MAX_SAFE_INTEGER, 2n ** 64n - 1n], [-1, -1n, 2 ** 53, 2n ** 64n, 0.5]],
    ['INT8', [-128, 127], [-129, 128]],
    ['INT16', [-32_768, 32_767], [-32_769, 32_768]],
    ['INT32', [-2_147_483_648, 2_147_483_647], [-2_147_483_649, 2_147_483_648]],
    ['INT64', [Number.MIN_SAFE_INTEGER, -(2n ** 63n), 2n ** 63n - 1n], [2 ** 53, -(2 ** 53), 2n ** 63n, '1']],
    ['FP16', [65_504, -65_519, 1e-9, Number.NaN, -Infinity], [65_520, -65_520, '1', null, 1n]],
    ['BF16', [3.3895313892515355e38, Infinity], [3.4e38, null]],
    ['FP32', [3.4028234663852886e38, 0.1, Number.NaN, Infinity], [3.5e38, '0.1', true, null]],
    ['FP64', [Number.MAX_VALUE, 5e-324, Number.NaN], ['1', null, 1n]],
    ['BYTES', ['', 'ü', new Uint8Array([255])], [1, null, '\ud800', [1]]],
  ])('holds %s to its range', (datatype, good, bad) => {
    expect(parse({ datatype, shape: [good.length], data: good }).data).toEqual(good)
    // The bad one second: a list that comes first would be taken for nesting.
    for (const value of bad) {
      expect(() => parse({ datatype, shape: [2], data: [good[0], value] }), String(value)).toThrow(/^Tensor 'x': element 1 /)
    }
  })

  it.each<[Record<string, unknown>, string]>([
    [{ name: undefined }, 'inputs[0]: expected a name of 1 to 1024 characters.'],
    [{ name: '' }, 'inputs[0]: expected a name of 1 to 1024 characters.'],
    [{ name: 'x'.repeat(2_000) }, 'inputs[0]: expected a name of 1 to 1024 characters.'],
    [{ datatype: undefined }, "Tensor 'x': its datatype is missing."],
    [{ datatype: 'FP8' }, 'Tensor \'x\': unknown datatype "FP8"; known are BOOL, UINT8, UINT16'],
    [{ datatype: 'constructor' }, "Tensor 'x': unknown datatype"],
    [{ datatype: ['FP32'] }, "Tensor 'x': unknown datatype a list"],
    [{ shape: undefined }, "Tensor 'x': expected a shape"],
    [{ shape: [-1] }, "Tensor 'x': expected a shape of at most 64 whole numbers, none of them negative."],
    [{ shape: [1.5] }, "Tensor 'x': expected a shape"],
    [{ shape: ['1'] }, "Tensor 'x': expected a shape"],
    [{ shape: [1e300] }, "Tensor 'x': expected a shape"],
    [{ shape: Array(65).fill(1) }, "Tensor 'x': expected a shape"],
    [{ shape: [2 ** 40] }, "Tensor 'x': the shape [1099511627776] is too large."],
    [{ shape: Array(64).fill(2 ** 52) }, "Tensor 'x': the shape [4503599627370496,"],
    [{ data: undefined }, "Tensor 'x': its data is missing."],
    [{ data: { length: 1 } }, "Tensor 'x': expected its data to be a list."],
    [{ shape: [2, 3], data: [1, 2, 3, 4, 5] }, "Tensor 'x': the shape [2,3] needs 6 elements, the data has 5."],
    [{ shape: [4_000_000_000] }, "Tensor 'x': the shape [4000000000] needs 4000000000 elements, the data has 1."],
    [
      {
        shape: [2, 3],
        data: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      },
      "Tensor 'x': its data is not nested as the shape [2,3] says.",
    ],
    [{ shape: [2, 2], data: [[1, 2], 3] }, "Tensor 'x': its data is not nested as the shape [2,2] says."],
    [{ shape: [2, 2], data: [[1, 2], [3]] }, "Tensor 'x': its data is not nested as the shape [2,2] says."],
    [{ shape: [1], data: [[1]] }, "Tensor 'x': element 0 is a list, which is not of datatype FP32."],
    [{ shape: [2], data: [1, [2]] }, "Tensor 'x': element 1 is a list, which is not of datatype FP32."],
    [{ shape: [], data: [[1]] }, "Tensor 'x': its data is not nested"],
    [{ shape: Array(64).fill(1), data: nested(100_000) }, "Tensor 'x': element 0 is a list"],
    [{ datatype: 'UINT8', data: [300] }, "Tensor 'x': element 0 is 300, which is not of datatype UINT8."],
    [{ datatype: 'INT64', data: [2 ** 53] }, "Tensor 'x': element 0 is beyond 2^53, where numbers in JSON lose digits; send INT64"],
    [{ datatype: 'BYTES', data: ['\udc00'] }, "Tensor 'x': element 0 is not well-formed text"],
    [{ parameters: [] }, "Tensor 'x': expected parameters to be an object."],
    [{ parameters: { a: nested(100_000) } }, "Tensor 'x': its parameters are nested more than 64 levels deep."],
  ])('refuses %.60j', (over, message) => {
    expect(() => parse(over)).toThrow(expect.objectContaining({ code: 'invalid_tensor', message: expect.stringContaining(message) }))
  })

  it.each([null, undefined, 5, 'x', []])('refuses %j for a tensor', (value) => {
    expect(() => parseTensor(value, 'outputs[3]')).toThrow('outputs[3]: expected an object.')
  })

  it('is not misled by __proto__', () => {
    const value = JSON.parse('{"__proto__":{"name":"x","datatype":"FP32","shape":[1],"data":[1]}}')
    expect(() => parseTensor(value, 'inputs[0]')).toThrow('inputs[0]: expected a name')
    expect(isDatatype('__proto__')).toBe(false)
  })

  it('flattens row-major, as nesting was made', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(shapes, (shape) => {
        const flat = Array.from({ length: elementCount(shape) }, (_, i) => i)
        const nest = (data: unknown[], sizes: number[]): unknown[] => {
          if (sizes.length <= 1) return data
          const step = data.length / sizes[0]!
          return Array.from({ length: sizes[0]! }, (_, i) => nest(data.slice(i * step, (i + 1) * step), sizes.slice(1)))
        }
        expect(parse({ shape, data: nest(flat, shape) })).toEqual(parse({ shape, data: flat }))
      }),
    )
  })

  it('does not copy flat data', () => {
    const data = [1, 2]
    expect(checkData({ name: 'x', datatype: 'FP32', shape: [2] }, data)).toBe(data)
  })

  it('writes what it reads, and refuses bytes that JSON cannot carry', () => {
    const value = { name: 'x', datatype: 'BYTES', shape: [2], parameters: { a: 1 }, data: ['a', 'ü'] }
    expect(tensorJson(parseTensor(value, 'inputs[0]'))).toEqual(value)
    expect(() => tensorJson({ name: 'x', datatype: 'BYTES', shape: [2], data: ['a', new Uint8Array([255])] })).toThrow(
      "Tensor 'x': element 1 is not UTF-8, and JSON cannot carry it",
    )
  })

  it('knows how large elements are', () => {
    expect(DATATYPES.map((datatype) => [datatype, elementBytes(datatype)])).toEqual([
      ['BOOL', 1],
      ['UINT8', 1],
      ['UINT16', 2],
      ['UINT32', 4],
      ['UINT64', 8],
      ['INT8', 1],
      ['INT16', 2],
      ['INT32', 4],
      ['INT64', 8],
      ['FP16', 2],
      ['BF16', 2],
      ['FP32', 4],
      ['FP64', 8],
      ['BYTES', undefined],
    ])
  })
})
