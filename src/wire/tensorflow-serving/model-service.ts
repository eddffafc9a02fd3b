/**
 * TensorFlow Serving's gRPC ModelService: those of its messages, and of their fields, that we use, by hand in protobuf's wire format
 * (protobuf.dev/programming-guides/encoding). Names and numbers are of tensorflow/serving: apis/model_management.proto,
 * apis/get_model_status.proto, apis/model.proto, apis/status.proto, config/model_server_config.proto,
 * config/file_system_storage_path_source.proto. A test holds the table against the published descriptors.
 */
import { StrataError } from '../../kernel/errors.ts'

export const RELOAD_CONFIG = '/tensorflow.serving.ModelService/HandleReloadConfigRequest'
export const GET_MODEL_STATUS = '/tensorflow.serving.ModelService/GetModelStatus'

/** Message → field → its number, what it holds (a scalar or a message), and whether it is a list. None of them holds itself. */
export const MESSAGES = {
  ReloadConfigRequest: { config: [1, 'ModelServerConfig'] },
  ModelServerConfig: { model_config_list: [1, 'ModelConfigList'] },
  ModelConfigList: { config: [1, 'ModelConfig', 'repeated'] },
  ModelConfig: {
    name: [1, 'string'],
    base_path: [2, 'string'],
    model_platform: [4, 'string'],
    model_version_policy: [7, 'FileSystemStoragePathSourceConfig.ServableVersionPolicy'],
    version_labels: [8, 'ModelConfig.VersionLabelsEntry', 'repeated'],
  },
  'ModelConfig.VersionLabelsEntry': { key: [1, 'string'], value: [2, 'int64'] },
  'FileSystemStoragePathSourceConfig.ServableVersionPolicy': {
    latest: [100, 'FileSystemStoragePathSourceConfig.ServableVersionPolicy.Latest'],
    all: [101, 'FileSystemStoragePathSourceConfig.ServableVersionPolicy.All'],
    specific: [102, 'FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific'],
  },
  'FileSystemStoragePathSourceConfig.ServableVersionPolicy.Latest': { num_versions: [1, 'uint32'] },
  'FileSystemStoragePathSourceConfig.ServableVersionPolicy.All': {},
  'FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific': { versions: [1, 'int64', 'repeated'] },
  ReloadConfigResponse: { status: [1, 'StatusProto'] },
  StatusProto: { error_code: [1, 'enum'], error_message: [2, 'string'] },
  GetModelStatusRequest: { model_spec: [1, 'ModelSpec'] },
  ModelSpec: { name: [1, 'string'] },
  GetModelStatusResponse: { model_version_status: [1, 'ModelVersionStatus', 'repeated'] },
  ModelVersionStatus: { version: [1, 'int64'], state: [2, 'enum'], status: [3, 'StatusProto'] },
} as const satisfies Record<string, Record<string, Field>>

/** ModelVersionStatus.State. */
export const MODEL_STATES = { UNKNOWN: 0, START: 10, LOADING: 20, AVAILABLE: 30, UNLOADING: 40, END: 50 } as const

type Field = readonly [number: number, holds: string, list?: 'repeated']
type Table = typeof MESSAGES
export type MessageName = keyof Table

/** An int64 is its decimal digits, as in protobuf's JSON; an enum is its number. */
type Scalars = { string: string; int64: string; uint32: number; enum: number }
type Held<H> = H extends keyof Scalars ? Scalars[H] : H extends MessageName ? Message<H> : never
type Value<F> = F extends readonly [number, infer H, 'repeated']
  ? readonly Held<H>[]
  : F extends readonly [number, infer H]
    ? Held<H>
    : never
/** A field that is absent has its default, as in proto3. */
export type Message<N extends MessageName> = { readonly [F in keyof Table[N]]?: Value<Table[N][F]> }

const VARINT = 0
const BYTES = 2
const MOST_FIELD_NUMBER = 2 ** 29 - 1
/** Of wire types that have one: bytes. Groups (3, 4) are of proto2 and refused. */
const FIXED: Readonly<Record<number, number>> = { 1: 8, 5: 4 }

const isScalar = (holds: string): holds is keyof Scalars => holds === 'string' || isNumber(holds)
const isNumber = (holds: string): holds is 'int64' | 'uint32' | 'enum' => holds === 'int64' || holds === 'uint32' || holds === 'enum'
const fieldsOf = (name: string): [string, Field][] => Object.entries<Field>(MESSAGES[name as MessageName])

export function encodeMessage<N extends MessageName>(name: N, message: Message<N>): Buffer {
  return encode(name, message as Readonly<Record<string, unknown>>)
}

function encode(name: string, message: Readonly<Record<string, unknown>>): Buffer {
  const parts: Buffer[] = []
  for (const [field, [number, holds, list]] of fieldsOf(name)) {
    const value = message[field]
    if (value === undefined) continue
    if (list && isNumber(holds)) parts.push(tag(number, BYTES), sized(Buffer.concat((value as unknown[]).map(varintOf))))
    else if (isNumber(holds)) parts.push(tag(number, VARINT), varintOf(value))
    else
      for (const each of list ? (value as unknown[]) : [value])
        parts.push(
          tag(number, BYTES),
          sized(holds === 'string' ? Buffer.from(each as string) : encode(holds, each as Record<string, unknown>)),
        )
  }
  return Buffer.concat(parts)
}

const tag = (number: number, wireType: number): Buffer => varint(BigInt(number * 8 + wireType))
const sized = (bytes: Buffer): Buffer => Buffer.concat([varint(BigInt(bytes.length)), bytes])

function varintOf(value: unknown): Buffer {
  const number = BigInt(value as string | number)
  if (BigInt.asIntN(64, number) !== number) throw new RangeError(`${number} does not fit in 64 bits`)
  return varint(BigInt.asUintN(64, number))
}

function varint(rest: bigint): Buffer {
  const bytes: number[] = []
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

/** Fields that are not in the table, or come in another wire type than theirs, are skipped. Throws `invalid_protobuf`. */
export function decodeMessage<N extends MessageName>(name: N, bytes: Uint8Array): Message<N> {
  return decode(name, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {}) as Message<N>
}

/** Into what has been read: a message that comes twice is one, of the fields of both. */
function decode(name: string, bytes: Buffer, into: Record<string, unknown>): Record<string, unknown> {
  const fields = new Map(fieldsOf(name).map(([field, [number, holds, list]]) => [number, { field, holds, list }]))
  const reader = { bytes, at: 0 }
  while (reader.at < bytes.length) {
    const key = Number(readVarint(reader))
    const wireType = key % 8
    const number = (key - wireType) / 8
    if (number === 0 || number > MOST_FIELD_NUMBER) throw invalid(`it has a field number ${number}`)
    const known = fields.get(number)
    if (wireType === VARINT) {
      const value = readVarint(reader)
      if (known && isNumber(known.holds)) put(into, known, numberOf(known.holds, value))
    } else if (wireType === BYTES) {
      const inside = take(reader, Number(readVarint(reader)))
      if (!known) continue
      if (known.holds === 'string') put(into, known, inside.toString('utf8'))
      else if (!isScalar(known.holds)) {
        const before = known.list ? {} : ((into[known.field] as Record<string, unknown> | undefined) ?? {})
        put(into, known, decode(known.holds, inside, before))
      } else if (known.list) {
        // Numbers one after the other, packed.
        const packed = { bytes: inside, at: 0 }
        while (packed.at < inside.length) put(into, known, numberOf(known.holds, readVarint(packed)))
      }
    } else {
      const size = FIXED[wireType]
      if (size === undefined) throw invalid(`it has a field of wire type ${wireType}`)
      take(reader, size)
    }
  }
  return into
}

function put(into: Record<string, unknown>, { field, list }: { field: string; list: 'repeated' | undefined }, value: unknown): void {
  if (!list) into[field] = value
  else if (Array.isArray(into[field])) into[field].push(value)
  else into[field] = [value]
}

function numberOf(holds: string, value: bigint): string | number {
  if (holds === 'int64') return BigInt.asIntN(64, value).toString()
  return Number(holds === 'enum' ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value))
}

interface Reader {
  readonly bytes: Buffer
  at: number
}

function readVarint(reader: Reader): bigint {
  let value = 0n
  for (let i = 0; i < 10; i++) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) throw invalid('it ends inside of a number')
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return BigInt.asUintN(64, value)
  }
  throw invalid('it has a number of more than ten bytes')
}

function take(reader: Reader, length: number): Buffer {
  const { bytes, at } = reader
  if (length > bytes.length - at) throw invalid(`${length} bytes should follow, and ${bytes.length - at} do`)
  reader.at += length
  return bytes.subarray(at, reader.at)
}

const invalid = (why: string): StrataError =>
  new StrataError('invalid_protobuf', `This is not the protobuf message that was expected: ${why}.`)
