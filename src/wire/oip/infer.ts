/**
 * Requests, answers, errors and metadata of the Open Inference Protocol, version 2, over REST
 * (github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md). Fields that the protocol does not have are left out.
 */
import { z } from 'zod'
import { StrataError } from '../../kernel/errors.ts'
import { readAnswer } from '../read-answer.ts'
import { writeTensorJson } from '../tensorflow-serving/json.ts'
import { type Parameters, parseParameters, parseTensor, type Tensor, tensorJson } from './tensor.ts'

export interface RequestedOutput {
  readonly name: string
  readonly parameters?: Parameters
}

export interface InferRequest {
  readonly id?: string
  readonly parameters?: Parameters
  readonly inputs: readonly Tensor[]
  /** Absent: all outputs that the model has. */
  readonly outputs?: readonly RequestedOutput[]
}

export interface InferResponse {
  readonly model_name: string
  readonly model_version?: string
  readonly id?: string
  readonly parameters?: Parameters
  readonly outputs: readonly Tensor[]
}

/** `tensors`: the inputs where readBinary has read them already. Throws an error with code `invalid_infer_request` or `invalid_tensor`. */
export function parseInferRequest(value: unknown, tensors?: readonly Tensor[]): InferRequest {
  const refuse = (what: string) => new StrataError('invalid_infer_request', `The request is not an inference request: ${what}.`)
  const { id, parameters, inputs, outputs } = objectOf(value, refuse)
  const read = tensors ?? tensorsOf(inputs, 'inputs', refuse)
  if (read.length === 0) throw refuse('it has no inputs')
  checkNames(read, 'inputs', refuse)
  return {
    ...optionalText({ id }, refuse),
    ...parseParameters(parameters, 'The request'),
    inputs: read,
    ...(outputs === undefined || outputs === null ? {} : { outputs: requestedOutputs(outputs, refuse) }),
  }
}

/** `tensors`: the outputs where readBinary has read them already. Throws an error with code `invalid_infer_response` or `invalid_tensor`. */
export function parseInferResponse(value: unknown, tensors?: readonly Tensor[]): InferResponse {
  const refuse = (what: string) => new StrataError('invalid_infer_response', `The answer is not an inference response: ${what}.`)
  const { model_name, model_version, id, parameters, outputs } = objectOf(value, refuse)
  if (typeof model_name !== 'string') throw refuse('model_name is not a text')
  const read = tensors ?? tensorsOf(outputs, 'outputs', refuse)
  checkNames(read, 'outputs', refuse)
  return {
    model_name,
    ...optionalText({ model_version, id }, refuse),
    ...parseParameters(parameters, 'The answer'),
    outputs: read,
  }
}

/** As JSON, with NaN and the infinities bare, as Triton writes them. */
export function writeInferRequest(request: InferRequest): string {
  return writeTensorJson({ ...request, inputs: request.inputs.map(tensorJson) })
}

/** As JSON, with NaN and the infinities bare, as Triton writes them. */
export function writeInferResponse(response: InferResponse): string {
  return writeTensorJson({ ...response, outputs: response.outputs.map(tensorJson) })
}

export interface OipErrorBody {
  error: string
}

export function oipError(message: string): OipErrorBody {
  return { error: message }
}

/** What an error's JSON says: the protocol's `{error}`, or FastAPI's `{detail}`, which MLServer sends for what it finds invalid (422). */
export function readOipError(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { error, detail } = value as Record<string, unknown>
  if (typeof error === 'string') return error
  if (typeof detail === 'string') return detail
  if (!Array.isArray(detail)) return undefined
  const parts = detail.slice(0, MOST_DETAILS).flatMap((one: { loc?: unknown; msg?: unknown } | null) => {
    if (typeof one?.msg !== 'string') return []
    const place = Array.isArray(one.loc) ? one.loc.filter((part) => typeof part === 'string' || typeof part === 'number') : []
    return place.length > 0 ? `${place.join('.')}: ${one.msg}` : one.msg
  })
  return parts.length > 0 ? parts.join('; ') : undefined
}

const MOST_DETAILS = 10

const serverMetadata = z.object({
  name: z.string(),
  version: z.string().nullish(),
  extensions: z
    .array(z.string())
    .nullish()
    .transform((list) => list ?? []),
})

const tensorMetadata = z.object({
  name: z.string(),
  /** Not held to the datatypes known here: a model may have inputs that nobody sends. */
  datatype: z.string(),
  /** -1 where the size is free. */
  shape: z.array(z.number().int().min(-1)),
  parameters: z.record(z.string(), z.unknown()).nullish(),
})
const tensorList = z
  .array(tensorMetadata)
  .nullish()
  .transform((list) => list ?? [])

const modelMetadata = z.object({
  name: z.string(),
  versions: z
    .array(z.string())
    .nullish()
    .transform((list) => list ?? []),
  platform: z.string().nullish(),
  inputs: tensorList,
  outputs: tensorList,
  parameters: z.record(z.string(), z.unknown()).nullish(),
})

const repositoryIndex = z.array(
  z.object({
    name: z.string(),
    version: z.string().nullish(),
    /** READY, LOADING, UNLOADING, UNAVAILABLE. Triton leaves it out for a model that was never loaded. */
    state: z.string().nullish(),
    reason: z.string().nullish(),
  }),
)

/** GET /v2 */
export type ServerMetadata = z.infer<typeof serverMetadata>
/** GET /v2/models/NAME[/versions/VERSION] */
export type ModelMetadata = z.infer<typeof modelMetadata>
export type TensorMetadata = z.infer<typeof tensorMetadata>
/** POST /v2/repository/index answers with a list of these. */
export type RepositoryIndexEntry = z.infer<typeof repositoryIndex>[number]

export const parseServerMetadata = (value: unknown): ServerMetadata => readAnswer(serverMetadata, value, "The server's metadata")
export const parseModelMetadata = (value: unknown): ModelMetadata => readAnswer(modelMetadata, value, "The model's metadata")
export const parseRepositoryIndex = (value: unknown): RepositoryIndexEntry[] =>
  readAnswer(repositoryIndex, value, "The server's list of models")

type Refuse = (what: string) => StrataError

function objectOf(value: unknown, refuse: Refuse): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('it must be a JSON object')
  return value as Record<string, unknown>
}

function tensorsOf(value: unknown, list: string, refuse: Refuse): Tensor[] {
  if (!Array.isArray(value)) throw refuse(value === undefined ? `${list} are missing` : `expected ${list} to be a list`)
  return value.map((one: unknown, i) => parseTensor(one, `${list}[${i}]`))
}

function requestedOutputs(value: unknown, refuse: Refuse): RequestedOutput[] {
  if (!Array.isArray(value)) throw refuse('expected outputs to be a list')
  const outputs = value.map((one: { name?: unknown; parameters?: unknown } | null, i) => {
    if (typeof one?.name !== 'string' || one.name === '') throw refuse(`outputs[${i}] has no name`)
    return { name: one.name, ...parseParameters(one.parameters, `outputs[${i}]`) }
  })
  checkNames(outputs, 'outputs', refuse)
  return outputs
}

function checkNames(list: readonly { readonly name: string }[], what: string, refuse: Refuse): void {
  const seen = new Set<string>()
  for (const { name } of list) {
    if (seen.has(name)) throw refuse(`${what} name '${name}' twice`)
    seen.add(name)
  }
}

/** Those of `fields` that are there; `null` means absent, as MLServer writes it. */
function optionalText<Name extends string>(fields: Record<Name, unknown>, refuse: Refuse): { [name in Name]?: string } {
  const present: { [name in Name]?: string } = {}
  for (const [name, value] of Object.entries(fields) as [Name, unknown][]) {
    if (value === undefined || value === null) continue
    if (typeof value !== 'string') throw refuse(`${name} is not a text`)
    present[name] = value
  }
  return present
}
