/**
 * TensorFlow Serving's REST interface (tensorflow/serving, g3doc/api_rest.md). Requests and answers hold tensors in nested lists, which are left as
 * they are: only who knows the model's signature can read them. Read the text with parseTensorJson and write it with writeTensorJson.
 */
import { z } from 'zod'
import { StrataError } from '../../kernel/errors.ts'
import type { Datatype } from '../oip/tensor.ts'
import { readAnswer } from '../read-answer.ts'

/** Row format: one entry an instance; with several named inputs each entry is an object of them. */
export interface RowRequest {
  readonly signature_name?: string
  readonly instances: readonly unknown[]
}

/** Columnar format: the one input's tensor, or an object of tensors by input. */
export interface ColumnarRequest {
  readonly signature_name?: string
  readonly inputs: unknown
}

export type PredictRequest = RowRequest | ColumnarRequest

/** The answer has the format of its request. A model with one output loses the output's name. */
export type PredictResponse = { readonly predictions: unknown } | { readonly outputs: unknown }

export type FeatureValue = number | string | Base64Value | readonly (number | string | Base64Value)[]
export type Features = Readonly<Record<string, FeatureValue>>

export interface ExamplesRequest {
  readonly signature_name?: string
  /** Features that all examples have in common. */
  readonly context?: Features
  readonly examples: readonly Features[]
}

/** Bytes that are not text. Tensors whose name ends in `_bytes` are answered so. */
export interface Base64Value {
  readonly b64: string
}

export function base64Value(bytes: Uint8Array): Base64Value {
  return { b64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') }
}

export function isBase64Value(value: unknown): value is Base64Value {
  if (typeof value !== 'object' || value === null) return false
  const keys = Object.keys(value)
  return keys.length === 1 && keys[0] === 'b64' && typeof (value as Base64Value).b64 === 'string'
}

/** The bytes of `{"b64": …}`; throws where it is not base64. */
export function bytesOf({ b64 }: Base64Value): Buffer {
  const bytes = Buffer.from(b64, 'base64')
  // Buffer.from skips what is not base64, and fewer bytes come out.
  const digits = b64.replace(/={1,2}$/, '').length
  if (digits % 4 === 1 || bytes.length !== Math.floor((digits * 3) / 4)) throw refuse('a b64 value is not base64')
  return bytes
}

/** Throws an error with code `invalid_predict_request`. */
export function parsePredictRequest(value: unknown): PredictRequest {
  const { signature_name, instances, inputs } = objectOf(value)
  const signature = signatureOf(signature_name)
  if (instances !== undefined && inputs !== undefined) throw refuse('it has both instances and inputs')
  if (inputs !== undefined) return { ...signature, inputs }
  if (instances === undefined) throw refuse('it has neither instances nor inputs')
  if (!Array.isArray(instances) || instances.length === 0) throw refuse('expected instances to be a list with at least one entry')
  return { ...signature, instances }
}

/** A request for :classify or :regress. */
export function parseExamplesRequest(value: unknown): ExamplesRequest {
  const { signature_name, context, examples } = objectOf(value)
  const signature = signatureOf(signature_name)
  if (!Array.isArray(examples) || examples.length === 0) throw refuse('expected examples to be a list with at least one entry')
  const common = context === undefined ? undefined : featuresOf(context, 'context')
  const list = examples.map((one: unknown, i) => featuresOf(one, `examples[${i}]`))
  list.forEach((example, i) => {
    const twice = common && Object.keys(example).find((name) => Object.hasOwn(common, name))
    if (twice !== undefined) throw refuse(`the feature '${twice}' stands in both context and examples[${i}]`)
  })
  return { ...signature, ...(common ? { context: common } : {}), examples: list }
}

export function parsePredictResponse(value: unknown): PredictResponse {
  if (typeof value === 'object' && value !== null) {
    if (Object.hasOwn(value, 'predictions')) return { predictions: (value as { predictions: unknown }).predictions }
    if (Object.hasOwn(value, 'outputs')) return { outputs: (value as { outputs: unknown }).outputs }
  }
  throw new StrataError('invalid_answer', 'The answer to :predict has neither predictions nor outputs.')
}

/** NaN and the infinities too, which zod's own number refuses. */
const score = z.custom<number>((value) => typeof value === 'number', { error: 'expected a number' })

/** The documentation says `result`, its examples and the server say `results`. */
const resultsOf = <T extends z.ZodType>(one: T) =>
  z.union([z.object({ results: z.array(one) }), z.object({ result: z.array(one) })], { error: 'expected results' })
const classifyResponse = resultsOf(z.array(z.tuple([z.string(), score])))
const regressResponse = resultsOf(score)

/** For each example its classes, as pairs of label and score. */
export function parseClassifyResponse(value: unknown): [label: string, score: number][][] {
  const answer = readAnswer(classifyResponse, value, 'The answer to :classify')
  return 'results' in answer ? answer.results : answer.result
}

/** One number for each example. */
export function parseRegressResponse(value: unknown): number[] {
  const answer = readAnswer(regressResponse, value, 'The answer to :regress')
  return 'results' in answer ? answer.results : answer.result
}

export interface TensorFlowErrorBody {
  error: string
}

export function tensorFlowError(message: string): TensorFlowErrorBody {
  return { error: message }
}

export function readTensorFlowError(value: unknown): string | undefined {
  const error = typeof value === 'object' && value !== null ? (value as { error?: unknown }).error : undefined
  return typeof error === 'string' ? error : undefined
}

/** DataType of tensorflow/core/framework/types.proto, for those that the protocol has too. */
const DATATYPES: readonly (readonly [tensorFlow: string, oip: Datatype])[] = [
  ['DT_BOOL', 'BOOL'],
  ['DT_UINT8', 'UINT8'],
  ['DT_UINT16', 'UINT16'],
  ['DT_UINT32', 'UINT32'],
  ['DT_UINT64', 'UINT64'],
  ['DT_INT8', 'INT8'],
  ['DT_INT16', 'INT16'],
  ['DT_INT32', 'INT32'],
  ['DT_INT64', 'INT64'],
  ['DT_HALF', 'FP16'],
  ['DT_BFLOAT16', 'BF16'],
  ['DT_FLOAT', 'FP32'],
  ['DT_DOUBLE', 'FP64'],
  ['DT_STRING', 'BYTES'],
]
const TO_OIP = new Map(DATATYPES)
const FROM_OIP = new Map(DATATYPES.map(([tensorFlow, oip]) => [oip, tensorFlow]))

/** Undefined for what the Open Inference Protocol has no datatype for: complex and quantized numbers, resources. */
export function oipDatatype(dtype: string): Datatype | undefined {
  return TO_OIP.get(dtype)
}

/** `DT_INVALID`, as a proto's zero is written, for what is no datatype of the protocol. */
export function tensorFlowDtype(datatype: string): string {
  return FROM_OIP.get(datatype as Datatype) ?? 'DT_INVALID'
}

function refuse(what: string): StrataError {
  return new StrataError('invalid_predict_request', `The request cannot be read: ${what}.`)
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('it must be a JSON object')
  return value as Record<string, unknown>
}

function signatureOf(name: unknown): { signature_name?: string } {
  if (name === undefined) return {}
  if (typeof name !== 'string') throw refuse('signature_name is not a text')
  return { signature_name: name }
}

function featuresOf(value: unknown, where: string): Features {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(`expected ${where} to be an object of features`)
  const isSingle = (one: unknown) => typeof one === 'number' || typeof one === 'string' || isBase64Value(one)
  for (const [name, feature] of Object.entries(value)) {
    if (!(Array.isArray(feature) ? feature.every(isSingle) : isSingle(feature)))
      throw refuse(`the feature '${name}' of ${where} is not a number, a text, a b64 value or a list of these`)
  }
  return value as Features
}
