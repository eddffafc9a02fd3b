/// <reference lib="es2025.float16" />
/**
 * The binary tensor data extension of the Open Inference Protocol (docs.nvidia.com, Triton user guide, "Binary Tensor Data Extension"): the body is
 * JSON and after it the data of those tensors whose parameter `binary_data_size` says how many bytes they have, in the order of the JSON,
 * little-endian, without padding. The header `Inference-Header-Content-Length` tells where the JSON ends. Servers that can do it list
 * `binary_tensor_data` among their extensions; to others (MLServer) it must not be sent.
 *
 * Every size that a body claims is held against the bytes that are there before anything of that size is made. Read, an element takes eight bytes or
 * more: a body of BOOLs becomes eight times as large.
 */
import { isUtf8 } from 'node:buffer'
import { StrataError } from '../../kernel/errors.ts'
import { parseTensorJson, writeTensorJson } from '../tensorflow-serving/json.ts'
import {
  checkData,
  type Datatype,
  type Element,
  elementBytes,
  elementCount,
  invalidTensor,
  type Parameters,
  parseTensor,
  parseTensorHead,
  type Tensor,
  type TensorHead,
  tensorJson,
} from './tensor.ts'

export const HEADER_LENGTH_HEADER = 'inference-header-content-length'
export const BINARY_EXTENSION = 'binary_tensor_data'

const SIZE = 'binary_data_size'

/** The value of the header `Inference-Header-Content-Length`. */
export function parseHeaderLength(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalidBody('the header Inference-Header-Content-Length is not a whole number')
  return Number(text)
}

export interface BinaryMessage {
  /** The JSON as it came. */
  readonly header: Record<string, unknown>
  /** Its `inputs`, else (in a response) its `outputs`, with their data, be it from the JSON or from behind it. */
  readonly tensors: Tensor[]
}

export function readBinary(body: Buffer, headerLength: number): BinaryMessage {
  if (headerLength === 0) throw invalidBody('a raw body without JSON cannot be read, as nothing in it says what it holds')
  if (!Number.isSafeInteger(headerLength) || headerLength < 0 || headerLength > body.length)
    throw invalidBody(`the JSON should be ${headerLength} bytes long, and the body has ${body.length}`)
  const header = parseTensorJson(body.toString('utf8', 0, headerLength))
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw invalidBody('its JSON must be an object')
  const message = header as Record<string, unknown>
  const list = message.inputs === undefined ? 'outputs' : 'inputs'
  const values = message[list]
  if (!Array.isArray(values)) throw invalidBody(`expected ${list} to be a list`)

  const tensors: Tensor[] = []
  let at = headerLength
  values.forEach((value: unknown, i) => {
    const size = (value as { parameters?: Record<string, unknown> | null } | null)?.parameters?.[SIZE]
    if (size === undefined) {
      tensors.push(parseTensor(value, `${list}[${i}]`))
      return
    }
    const head = parseTensorHead(value, `${list}[${i}]`)
    if ((value as { data?: unknown }).data !== undefined) throw invalidTensor(head, `it has both data and ${SIZE}`)
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalidTensor(head, `${SIZE} is not a number of bytes`)
    if (size > body.length - at)
      throw invalidTensor(head, `its ${size} bytes of data are not there; ${body.length - at} are left in the body`)
    tensors.push({ ...withoutSize(head), data: decode(head, body.subarray(at, at + size)) })
    at += size
  })
  if (at !== body.length) throw invalidBody(`${body.length - at} bytes follow that belong to no tensor`)
  return { header: message, tensors }
}

/**
 * `header` with `tensors` as its `list`: those that `binary` chooses (all, unless said) behind the JSON. Throws where data is not of its datatype or
 * does not fill its shape.
 */
export function writeBinary(
  header: Record<string, unknown>,
  list: 'inputs' | 'outputs',
  tensors: readonly Tensor[],
  binary: (tensor: Tensor) => boolean = () => true,
): { body: Buffer; headerLength: number } {
  const pieces: Buffer[] = []
  const values = tensors.map((tensor) => {
    if (!binary(tensor)) return tensorJson(tensor)
    const { data, ...head } = tensor
    const bytes = encode(tensor.datatype, checkData(tensor, data))
    pieces.push(bytes)
    return { ...head, parameters: { ...head.parameters, [SIZE]: bytes.length } }
  })
  const json = Buffer.from(writeTensorJson({ ...header, [list]: values }))
  return { body: Buffer.concat([json, ...pieces]), headerLength: json.length }
}

/** Whether a request wants this output in binary: its own `binary_data` parameter, else the request's `binary_data_output`. */
export function wantsBinary(
  request: { parameters?: Parameters; outputs?: readonly { name: string; parameters?: Parameters }[] },
  output: string,
): boolean {
  const own = request.outputs?.find(({ name }) => name === output)?.parameters?.binary_data
  return (own ?? request.parameters?.binary_data_output) === true
}

function invalidBody(what: string): StrataError {
  return new StrataError('invalid_binary', `The body is not JSON with binary tensors: ${what}.`)
}

/** The size is of the wire, and true of nothing once the data is read. */
function withoutSize({ parameters, ...head }: TensorHead): TensorHead {
  const { [SIZE]: _, ...rest } = parameters ?? {}
  return Object.keys(rest).length === 0 ? head : { ...head, parameters: rest }
}

function decode(head: TensorHead, bytes: Buffer): Element[] {
  const count = elementCount(head.shape)
  const size = elementBytes(head.datatype)
  if (size === undefined) return decodeBytes(head, bytes, count)
  if (count * size !== bytes.length)
    throw invalidTensor(head, `the shape [${head.shape}] of ${head.datatype} needs ${count * size} bytes, the data has ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const read = READ[head.datatype as FixedDatatype]
  const data: Element[] = []
  for (let i = 0; i < count; i++) data.push(read(view, i * size))
  if (head.datatype === 'BOOL') {
    const odd = bytes.findIndex((byte) => byte > 1)
    if (odd !== -1) throw invalidTensor(head, `element ${odd} is the byte ${bytes[odd]}, and a BOOL is 0 or 1`)
  }
  return data
}

function decodeBytes(head: TensorHead, bytes: Buffer, count: number): Element[] {
  const data: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const start = at + 4
    const end = start > bytes.length ? start : start + bytes.readUInt32LE(at)
    if (end > bytes.length) throw invalidTensor(head, `element ${data.length} goes beyond the end of the data`)
    const element = bytes.subarray(start, end)
    data.push(isUtf8(element) ? element.toString('utf8') : new Uint8Array(element))
    at = end
  }
  if (data.length !== count) throw invalidTensor(head, `the shape [${head.shape}] needs ${count} elements, the data has ${data.length}`)
  return data
}

function encode(datatype: Datatype, data: readonly Element[]): Buffer {
  if (datatype === 'BYTES') return encodeBytes(data as readonly (string | Uint8Array)[])
  const size = elementBytes(datatype)!
  const bytes = Buffer.alloc(data.length * size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const write = WRITE[datatype]
  for (let i = 0; i < data.length; i++) write(view, i * size, data[i] as never)
  return bytes
}

function encodeBytes(data: readonly (string | Uint8Array)[]): Buffer {
  const sizes = data.map((element) => (typeof element === 'string' ? Buffer.byteLength(element) : element.length))
  const bytes = Buffer.alloc(sizes.reduce((total, size) => total + 4 + size, 0))
  let at = 0
  data.forEach((element, i) => {
    at = bytes.writeUInt32LE(sizes[i]!, at)
    if (typeof element === 'string') bytes.write(element, at)
    else bytes.set(element, at)
    at += sizes[i]!
  })
  return bytes
}

type FixedDatatype = Exclude<Datatype, 'BYTES'>

const READ: Record<FixedDatatype, (view: DataView, at: number) => Element> = {
  BOOL: (view, at) => view.getUint8(at) === 1,
  UINT8: (view, at) => view.getUint8(at),
  UINT16: (view, at) => view.getUint16(at, true),
  UINT32: (view, at) => view.getUint32(at, true),
  UINT64: (view, at) => exact(view.getUint32(at + 4, true), view.getUint32(at, true)) ?? view.getBigUint64(at, true),
  INT8: (view, at) => view.getInt8(at),
  INT16: (view, at) => view.getInt16(at, true),
  INT32: (view, at) => view.getInt32(at, true),
  INT64: (view, at) => exact(view.getInt32(at + 4, true), view.getUint32(at, true)) ?? view.getBigInt64(at, true),
  FP16: (view, at) => view.getFloat16(at, true),
  BF16: (view, at) => bfloat16(view.getUint16(at, true)),
  FP32: (view, at) => view.getFloat32(at, true),
  FP64: (view, at) => view.getFloat64(at, true),
}

const WRITE: Record<FixedDatatype, (view: DataView, at: number, value: never) => void> = {
  BOOL: (view, at, value: boolean) => view.setUint8(at, value ? 1 : 0),
  UINT8: (view, at, value) => view.setUint8(at, value),
  UINT16: (view, at, value) => view.setUint16(at, value, true),
  UINT32: (view, at, value) => view.setUint32(at, value, true),
  UINT64: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  INT8: (view, at, value) => view.setInt8(at, value),
  INT16: (view, at, value) => view.setInt16(at, value, true),
  INT32: (view, at, value) => view.setInt32(at, value, true),
  INT64: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  FP16: (view, at, value) => view.setFloat16(at, value, true),
  BF16: (view, at, value) => view.setUint16(at, bfloat16Bits(value), true),
  FP32: (view, at, value) => view.setFloat32(at, value, true),
  FP64: (view, at, value) => view.setFloat64(at, value, true),
}

/** A 64-bit integer by its halves, if a number holds it. */
function exact(high: number, low: number): number | undefined {
  const value = high * 2 ** 32 + low
  return Number.isSafeInteger(value) ? value : undefined
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** bfloat16 is the upper half of a float32. */
function bfloat16(half: number): number {
  bits[0] = half << 16
  return float[0]!
}

/** Rounded to the nearest, of two equally near to the even one. */
function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0
  float[0] = value
  const whole = bits[0]!
  return (whole + 0x7fff + ((whole >>> 16) & 1)) >>> 16
}
