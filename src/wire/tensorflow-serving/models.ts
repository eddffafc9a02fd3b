/** What TensorFlow Serving tells of a model: GET /v1/models/NAME, and its /metadata (tensorflow/serving, g3doc/api_rest.md). */
import { z } from 'zod'
import { readAnswer } from '../read-answer.ts'

const modelStatus = z.object({
  model_version_status: z.array(
    z.object({
      version: z.string(),
      /** UNKNOWN, START, LOADING, AVAILABLE, UNLOADING, END (get_model_status.proto). */
      state: z.string(),
      status: z
        .object({ error_code: z.string().default('OK'), error_message: z.string().default('') })
        .default({ error_code: 'OK', error_message: '' }),
    }),
  ),
})

export type ModelVersionStatus = z.infer<typeof modelStatus>['model_version_status'][number]

/** The versions that the server has, in its own order. */
export function parseModelStatus(value: unknown): ModelVersionStatus[] {
  return readAnswer(modelStatus, value, "The model's status").model_version_status
}

export interface TensorInfo {
  readonly name: string
  /** "DT_FLOAT" */
  readonly dtype: string
  /** -1 where the size is free; undefined where not even the number of dimensions is known. */
  readonly shape: readonly number[] | undefined
}

export interface Signature {
  /** "tensorflow/serving/predict" */
  readonly method: string
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
}

export interface ModelMetadata {
  readonly name: string
  readonly version: string
  readonly signatures: ReadonlyMap<string, Signature>
}

/** A proto's int64 is a string in JSON. */
const int64 = z.union([z.string().regex(/^-?\d{1,15}$/), z.number().int()], { error: 'expected a whole number' }).transform(Number)

const tensorInfo = z.object({
  dtype: z.string(),
  tensor_shape: z
    .object({ dim: z.array(z.object({ size: int64.default(0) })).default([]), unknown_rank: z.boolean().default(false) })
    .default({ dim: [], unknown_rank: false }),
})

const tensorMap = z.record(z.string(), tensorInfo).transform((map) =>
  Object.entries(map).map(
    ([name, { dtype, tensor_shape }]): TensorInfo => ({
      name,
      dtype,
      shape: tensor_shape.unknown_rank ? undefined : tensor_shape.dim.map(({ size }) => size),
    }),
  ),
)

const metadata = z.object({
  model_spec: z.object({ name: z.string(), version: z.string() }),
  metadata: z.object({
    signature_def: z.object({
      signature_def: z.record(
        z.string(),
        z.object({ inputs: tensorMap.prefault({}), outputs: tensorMap.prefault({}), method_name: z.string().default('') }),
      ),
    }),
  }),
})

export function parseModelMetadata(value: unknown): ModelMetadata {
  const { model_spec, metadata: answer } = readAnswer(metadata, value, "The model's metadata")
  const signatures = Object.entries(answer.signature_def.signature_def).map(
    ([name, { method_name, inputs, outputs }]): [string, Signature] => [name, { method: method_name, inputs, outputs }],
  )
  return { name: model_spec.name, version: model_spec.version, signatures: new Map(signatures) }
}
