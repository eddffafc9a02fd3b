import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseHeaderLength, readBinary, wantsBinary, writeBinary } from './binary.ts'
import { DATATYPES, type Datatype, type Element, elementCount, type Tensor } from './tensor.ts'

function bodyOf(header: unknown, ...data: number[]): [Buffer, number] {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  return [Buffer.concat([json, Buffer.from(data)]), json.length]
}
const tensor = (over: Record<string, unknown> = {}, size: unknown = 4) => ({
  name: 'x',
  datatype: 'FP32',
  shape: [1],
  parameters: { binary_data_size: size },
  ...over,
})

describe('binary tensors', () => {
  it("reads the documentation's example", () => {
    const header = {
      model_name: 'mymodel',
      inputs: [
        { name: 'input0', shape: [2, 2], datatype: 'UINT32', parameters: { binary_data_size: 16 } },
        { name: 'input1', shape: [3], datatype: 'BOOL', parameters: { binary_data_size: 3 } },
      ],
      outputs: [{ name: 'output0', parameters: { binary_data: true } }],
    }
    const [body, length] = bodyOf(header, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 255, 255, 255, 255, 1, 0, 1)
    expect(readBinary(body, length)).toEqual({
      header,
      tensors: [
        { name: 'input0', shape: [2, 2], datatype: 'UINT32', data: [1, 2, 256, 4_294_967_295] },
        { name: 'input1', shape: [3], datatype: 'BOOL', data: [true, false, true] },
      ],
    })
  })

  it("reads an answer's outputs, in JSON and behind it, and keeps other parameters", () => {
    const outputs = [tensor({ parameters: { binary_data_size: 4, a: 1 } }), { name: 'y', datatype: 'INT8', shape: [1], data: [5] }]
    const [body, length] = bodyOf({ model_name: 'm', outputs }, 0, 0, 0x80, 0x3f)
    expect(readBinary(body, length).tensors).toEqual([
      { name: 'x', datatype: 'FP32', shape: [1], parameters: { a: 1 }, data: [1] },
      { name: 'y', datatype: 'INT8', shape: [1], data: [5] },
    ])
  })

  it.each<[Datatype, number[], Element]>([
    ['FP16', [0x00, 0x3c], 1],
    ['FP16', [0xff, 0x7b], 65_504],
    ['FP16', [0x01, 0x00], 2 ** -24],
    ['FP16', [0x00, 0xfc], -Infinity],
    ['BF16', [0x80, 0x3f], 1],
    ['BF16', [0x49, 0x40], 3.140625],
    ['BF16', [0xc0, 0x7f], Number.NaN],
    ['BF16', [0x80, 0xff], -Infinity],
    ['INT64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], -1],
    ['INT64', [0, 0, 0, 0, 0, 0, 0, 0x80], -(2n ** 63n)],
    ['INT64', [1, 0, 0, 0, 0, 0, 0x20, 0], 2n ** 53n + 1n],
    ['UINT64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 2n ** 64n - 1n],
    ['UINT64', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0], Number.MAX_SAFE_INTEGER],
    ['FP64', [0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0x40], Math.PI],
    ['BYTES', [3, 0, 0, 0, 0xe2, 0x82, 0xac], '€'],
    ['BYTES', [3, 0, 0, 0, 0xef, 0xbb, 0xbf], '\ufeff'],
    ['BYTES', [0, 0, 0, 0], ''],
    ['BYTES', [2, 0, 0, 0, 0xff, 0xd8], new Uint8Array([0xff, 0xd8])],
  ])('reads and writes %s %j', (datatype, bytes, value) => {
    const [body, length] = bodyOf({ inputs: [tensor({ datatype }, bytes.length)] }, ...bytes)
    expect(readBinary(body, length).tensors[0]!.data).toEqual([value])
    const written = writeBinary({}, 'inputs', [{ name: 'x', datatype, shape: [1], data: [value] }])
    expect([...written.body.subarray(written.headerLength)]).toEqual(bytes)
  })

  it.each<[number, number]>([
    [1.00390625, 1], // half a step above 1: to the even one
    [1.01171875, 1.015625], // half a step above an odd one: up
    [1.004, 1.0078125],
    [-1.004, -1.0078125],
    [0.1, 0.10009765625],
    [1e-45, 0],
    [-Infinity, -Infinity],
  ])('rounds %d to bfloat16 %d', (value, rounded) => {
    const { body, headerLength } = writeBinary({}, 'inputs', [{ name: 'x', datatype: 'BF16', shape: [1], data: [value] }])
    expect(readBinary(body, headerLength).tensors[0]!.data).toEqual([rounded])
  })

  it.each<[string, [Buffer, number], string]>([
    ['a header longer than the body', [Buffer.from('{}'), 3], 'the JSON should be 3 bytes long, and the body has 2'],
    ['a negative length', [Buffer.from('{}'), -1], 'the JSON should be -1 bytes long'],
    ['no number', [Buffer.from('{}'), Number.NaN], 'the JSON should be NaN bytes long'],
    ['a raw body', [Buffer.from('1234'), 0], 'a raw body without JSON cannot be read'],
    ['no JSON', bodyOf('{"inputs"', 1), 'It is not JSON'],
    ['a list', bodyOf('[]'), 'its JSON must be an object'],
    ['no tensors', bodyOf('{}'), 'expected outputs to be a list'],
    ['inputs that are none', bodyOf({ inputs: { length: 3 } }), 'expected inputs to be a list'],
    ['null', bodyOf({ inputs: [null] }), 'inputs[0]: expected an object.'],
    ['deep JSON', bodyOf(`{"inputs":${'['.repeat(10_000)}${']'.repeat(10_000)}}`), 'nested more than 128 levels'],
    ['bytes left over', bodyOf({ inputs: [tensor()] }, 0, 0, 0, 0, 9, 9), '2 bytes follow that belong to no tensor'],
    ['bytes left over by JSON alone', bodyOf({ inputs: [] }, 9), '1 bytes follow that belong to no tensor'],
    ['too few bytes', bodyOf({ inputs: [tensor()] }, 0, 0), "Tensor 'x': its 4 bytes of data are not there; 2 are left in the body."],
    ['a size that is no size', bodyOf({ inputs: [tensor({}, '4')] }), "Tensor 'x': binary_data_size is not a number of bytes."],
    ['a negative size', bodyOf({ inputs: [tensor({}, -4)] }), "Tensor 'x': binary_data_size is not a number of bytes."],
    ['a huge size', bodyOf({ inputs: [tensor({}, 2 ** 52)] }), 'bytes of data are not there'],
    ['a size that is null', bodyOf({ inputs: [tensor({}, null)] }), 'binary_data_size is not a number of bytes'],
    ['data twice', bodyOf({ inputs: [tensor({ data: [1] })] }, 0, 0, 0, 0), "Tensor 'x': it has both data and binary_data_size."],
    ['neither', bodyOf({ inputs: [tensor({ parameters: {} })] }), "Tensor 'x': its data is missing."],
    ['another shape', bodyOf({ inputs: [tensor({ shape: [2] })] }, 0, 0, 0, 0), 'the shape [2] of FP32 needs 8 bytes, the data has 4'],
    ['a huge shape', bodyOf({ inputs: [tensor({ shape: [4e9] })] }, 0, 0, 0, 0), 'the shape [4000000000] of FP32 needs 16000000000 bytes'],
    ['a BOOL of 2', bodyOf({ inputs: [tensor({ datatype: 'BOOL' }, 1)] }, 2), 'element 0 is the byte 2, and a BOOL is 0 or 1'],
    ['BYTES cut in a length', bodyOf({ inputs: [tensor({ datatype: 'BYTES' }, 3)] }, 1, 0, 0), 'element 0 goes beyond the end of the data'],
    [
      'BYTES too long',
      bodyOf({ inputs: [tensor({ datatype: 'BYTES' })] }, 255, 255, 255, 255),
      'element 0 goes beyond the end of the data',
    ],
    ['too many BYTES', bodyOf({ inputs: [tensor({ datatype: 'BYTES' }, 8)] }, 0, 0, 0, 0, 0, 0, 0, 0), 'needs 1 elements, the data has 2'],
    ['too few BYTES', bodyOf({ inputs: [tensor({ datatype: 'BYTES', shape: [3] })] }, 0, 0, 0, 0), 'needs 3 elements, the data has 1'],
  ])('refuses %s', (_, [body, length], message) => {
    expect(() => readBinary(body, length)).toThrow(message)
  })

  it('reads back what it writes, of every datatype, in JSON and behind it', () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, Infinity))
    const elements: Record<Datatype, fc.Arbitrary<Element>> = {
      BOOL: fc.boolean(),
      UINT8: fc.nat(255),
      UINT16: fc.nat(65_535),
      UINT32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      UINT64: fc.oneof(fc.maxSafeNat(), fc.bigInt(2n ** 53n, 2n ** 64n - 1n)),
      INT8: fc.integer({ min: -128, max: 127 }),
      INT16: fc.integer({ min: -32_768, max: 32_767 }),
      INT32: fc.integer(),
      INT64: fc.oneof(fc.maxSafeInteger(), fc.bigInt(2n ** 53n, 2n ** 63n - 1n), fc.bigInt(-(2n ** 63n), -(2n ** 53n))),
      FP16: fc.integer({ min: -2048, max: 2048 }).map((n) => n / 8),
      BF16: fc.integer({ min: -256, max: 256 }).map((n) => n / 8),
      FP32: number.map((n) => Math.fround(n)),
      FP64: number,
      BYTES: fc.oneof(
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array().map((bytes) => new Uint8Array([0xff, ...bytes])),
      ),
    }
    const tensors = fc.constantFrom(...DATATYPES).chain((datatype) =>
      fc.array(fc.nat(3), { maxLength: 3 }).chain((shape) => {
        const length = elementCount(shape)
        return fc.record<Tensor>({
          name: fc.string({ minLength: 1 }),
          datatype: fc.constant(datatype),
          shape: fc.constant(shape),
          data: fc.array(elements[datatype], { minLength: length, maxLength: length }),
        })
      }),
    )
    fc.assert(
      fc.property(fc.array(tensors, { maxLength: 4 }), fc.func(fc.boolean()), (list, chosen) => {
        const beyondJson = ({ data }: Tensor) => data.some((one) => typeof one === 'object' || typeof one === 'bigint')
        // JSON has no -0.
        const inBinary = (one: Tensor) => beyondJson(one) || one.data.some((value) => Object.is(value, -0)) || chosen(one.name)
        const { body, headerLength } = writeBinary({ id: 'a' }, 'outputs', list, inBinary)
        const read = readBinary(body, headerLength)
        expect(read.header.id).toBe('a')
        expect(read.tensors).toEqual(list)
      }),
    )
  })

  it('survives any bytes', () => {
    const [body, length] = bodyOf({ inputs: [tensor({ datatype: 'BYTES', shape: [2] }, 12)] }, 2, 0, 0, 0, 65, 66, 2, 0, 0, 0, 67, 68)
    const changes = fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { maxLength: 4 })
    fc.assert(
      fc.property(changes, fc.integer({ min: length - 2, max: length + 2 }), (bytes, headerLength) => {
        const copy = Buffer.from(body)
        for (const [at, byte] of bytes) copy[at] = byte
        try {
          readBinary(copy, headerLength)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^invalid_(tensor|binary|json)$/) })
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('refuses to write what is not of its datatype, and never wraps it', () => {
    const write = (over: Partial<Tensor>) => writeBinary({}, 'inputs', [{ name: 'x', datatype: 'UINT8', shape: [1], data: [1], ...over }])
    expect(() => write({ data: [256] })).toThrow("Tensor 'x': element 0 is 256, which is not of datatype UINT8.")
    expect(() => write({ shape: [2] })).toThrow("Tensor 'x': the shape [2] needs 2 elements, the data has 1.")
  })

  it.each(['', ' 5', '-1', '1.5', '1e3', '9'.repeat(20), '0x10'])('refuses the header length %j', (text) => {
    expect(() => parseHeaderLength(text)).toThrow('Inference-Header-Content-Length is not a whole number')
  })

  it('takes the header length', () => {
    expect(parseHeaderLength('0153')).toBe(153)
  })

  it.each<[Parameters<typeof wantsBinary>[0], boolean]>([
    [{}, false],
    [{ parameters: { binary_data_output: true } }, true],
    [{ parameters: { binary_data_output: 'yes' } }, false],
    [{ outputs: [{ name: 'y', parameters: { binary_data: true } }] }, true],
    [{ outputs: [{ name: 'z', parameters: { binary_data: true } }] }, false],
    [{ parameters: { binary_data_output: true }, outputs: [{ name: 'y', parameters: { binary_data: false } }] }, false],
    [{ parameters: { binary_data_output: true }, outputs: [{ name: 'y' }] }, true],
  ])('of %j: binary is %s', (request, binary) => {
    expect(wantsBinary(request, 'y')).toBe(binary)
  })
})
