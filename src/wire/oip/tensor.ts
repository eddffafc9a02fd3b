/**
 * Tensors of the Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol, "Tensor Data"; MLServer, Triton and KServe speak it).
 * In JSON `data` is flat, row-major; nested lists are taken too, and flattened when their form is that of the shape.
 *
 * No value is changed in silence. JSON.parse has rounded a whole number beyond 2^53 before anybody sees it, so one for INT64 or UINT64 is refused;
 * the binary extension carries it, here as a bigint. FP16, BF16 and FP32 take any number that their largest value is the nearest to. NaN and
 * the infinities come through where the JSON was read by a parser that knows them.
 */
import { StrataError } from '../../kernel/errors.ts'
import { isDeeperThan } from '../../kernel/json-depth.ts'

/** Bytes of one element in binary; BYTES elements bring their length with them. */
const ELEMENT_BYTES = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: undefined,
} as const

export type Datatype = keyof typeof ELEMENT_BYTES
export const DATATYPES = Object.keys(ELEMENT_BYTES) as readonly Datatype[]

export function isDatatype(value: unknown): value is Datatype {
  return typeof value === 'string' && Object.hasOwn(ELEMENT_BYTES, value)
}

/** Undefined for BYTES. */
export function elementBytes(datatype: Datatype): number | undefined {
  return ELEMENT_BYTES[datatype]
}

/** A bigint only where a number would lose digits; a Uint8Array only for BYTES that are not UTF-8. */
export type Element = boolean | number | bigint | string | Uint8Array

/** The protocol has strings, numbers and booleans; MLServer also sends objects. */
export type Parameters = Record<string, unknown>

export interface TensorHead {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly parameters?: Parameters
}

export interface Tensor extends TensorHead {
  /** Flat, row-major: as many elements as the shape says. */
  readonly data: readonly Element[]
}

const MOST_DIMENSIONS = 64
/** What a V8 array can hold, and so no tensor with data can reach. */
const MOST_ELEMENTS = 2 ** 32
const LONGEST_NAME = 1_024
const DEEPEST_PARAMETER = 64

export function elementCount(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((count, size) => count * size, 1)
}

/** A tensor in JSON; throws an error that names it and says what is wrong. `where`: its place in the message, "inputs[0]". */
export function parseTensor(value: unknown, where: string): Tensor {
  const head = parseTensorHead(value, where)
  return { ...head, data: checkData(head, (value as { data?: unknown }).data) }
}

/** All of a tensor but its data, which may lie elsewhere. */
export function parseTensorHead(value: unknown, where: string): TensorHead {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where, 'expected an object')
  const { name, datatype, shape, parameters } = value as Record<string, unknown>
  if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME)
    throw invalid(where, `expected a name of 1 to ${LONGEST_NAME} characters`)
  const tensor = `Tensor '${name}'`
  if (datatype === undefined) throw invalid(tensor, 'its datatype is missing')
  if (!isDatatype(datatype)) throw invalid(tensor, `unknown datatype ${shown(datatype)}; known are ${DATATYPES.join(', ')}`)
  if (!isShape(shape)) throw invalid(tensor, `expected a shape of at most ${MOST_DIMENSIONS} whole numbers, none of them negative`)
  if (elementCount(shape) > MOST_ELEMENTS) throw invalid(tensor, `the shape [${shape}] is too large`)
  return { name, datatype, shape, ...parseParameters(parameters, tensor) }
}

/** `{ parameters }`, or nothing where there are none. */
export function parseParameters(value: unknown, where: string): { parameters?: Parameters } {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(where, 'expected parameters to be an object')
  if (isDeeperThan(DEEPEST_PARAMETER, value)) throw invalid(where, `its parameters are nested more than ${DEEPEST_PARAMETER} levels deep`)
  return { parameters: value as Parameters }
}

/** `data` flat, when it is what shape and datatype promise; else throws. A flat list is not copied. */
export function checkData(head: TensorHead, data: unknown): readonly Element[] {
  if (!Array.isArray(data)) throw invalidTensor(head, data === undefined ? 'its data is missing' : 'expected its data to be a list')
  const flat: readonly unknown[] = Array.isArray(data[0]) ? flatten(head, data) : data
  const count = elementCount(head.shape)
  if (flat.length !== count) throw invalidTensor(head, `the shape [${head.shape}] needs ${count} elements, the data has ${flat.length}`)
  const fits = CHECKS[head.datatype]
  for (let i = 0; i < flat.length; i++) if (!fits(flat[i])) throw invalidTensor(head, misfit(head.datatype, i, flat[i]))
  return flat as readonly Element[]
}

/** What JSON says of a tensor. Bigints are in it as they are: JSON.stringify refuses them, writeTensorJson does not. */
export function tensorJson({ name, datatype, shape, parameters, data }: Tensor): Record<string, unknown> {
  if (datatype === 'BYTES') {
    const binary = data.findIndex((element) => typeof element !== 'string')
    if (binary !== -1) throw invalidTensor({ name }, `element ${binary} is not UTF-8, and JSON cannot carry it; the binary extension can`)
  }
  return { name, datatype, shape, ...(parameters ? { parameters } : {}), data }
}

export function invalidTensor(head: { readonly name: string }, what: string): StrataError {
  return invalid(`Tensor '${head.name}'`, what)
}

function invalid(where: string, what: string): StrataError {
  return new StrataError('invalid_tensor', `${where}: ${what}.`)
}

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

/** Goes no deeper than the shape has dimensions. */
function flatten(head: TensorHead, data: readonly unknown[]): unknown[] {
  const flat: unknown[] = []
  const visit = (list: unknown, dimension: number): void => {
    if (!Array.isArray(list) || list.length !== head.shape[dimension])
      throw invalidTensor(head, `its data is not nested as the shape [${head.shape}] says`)
    if (dimension === head.shape.length - 1) for (const element of list) flat.push(element)
    else for (const inner of list) visit(inner, dimension + 1)
  }
  visit(data, 0)
  return flat
}

type Check = (value: unknown) => boolean

const integer = (min: number, max: number): Check => {
  return (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}
const bigInteger = (min: bigint, max: bigint): Check => {
  return (value) => (typeof value === 'bigint' ? value >= min && value <= max : Number.isSafeInteger(value) && (value as number) >= min)
}
/** `limit`: where rounding to nearest begins to give infinity: half a step beyond the largest value. */
const float = (limit: number): Check => {
  return (value) => typeof value === 'number' && (Math.abs(value) < limit || !Number.isFinite(value))
}

const CHECKS: Record<Datatype, Check> = {
  BOOL: (value) => typeof value === 'boolean',
  UINT8: integer(0, 255),
  UINT16: integer(0, 65_535),
  UINT32: integer(0, 2 ** 32 - 1),
  UINT64: bigInteger(0n, 2n ** 64n - 1n),
  INT8: integer(-128, 127),
  INT16: integer(-32_768, 32_767),
  INT32: integer(-(2 ** 31), 2 ** 31 - 1),
  INT64: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  FP16: float(65_520),
  // A float32 step less, as it is rounded by way of float32.
  BF16: float(2 ** 128 - 2 ** 119 - 2 ** 104),
  FP32: float(2 ** 128 - 2 ** 103),
  FP64: (value) => typeof value === 'number',
  // Half of a surrogate pair has no UTF-8: it would arrive as another character.
  BYTES: (value) => (typeof value === 'string' ? value.isWellFormed() : value instanceof Uint8Array),
}

function misfit(datatype: Datatype, index: number, value: unknown): string {
  if ((datatype === 'INT64' || datatype === 'UINT64') && Number.isInteger(value) && !Number.isSafeInteger(value))
    return `element ${index} is beyond 2^53, where numbers in JSON lose digits; send ${datatype} as large as this in binary`
  if (datatype === 'BYTES' && typeof value === 'string') return `element ${index} is not well-formed text (half of a surrogate pair)`
  return `element ${index} is ${shown(value)}, which is not of datatype ${datatype}`
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : 'a long text'
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'a list' : 'an object'
}
