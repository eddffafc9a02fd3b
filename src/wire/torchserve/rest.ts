/**
 * TorchServe's management answers and errors (pytorch/serve 0.12, docs/management_api.md; fields by the Java classes in
 * frontend/server/src/main/java/org/pytorch/serve/http/messages).
 */
import { z } from 'zod'
import { readAnswer } from '../read-answer.ts'

const count = z.number().int()

const modelList = z.object({
  /** Given back as `next_page_token`; absent on the last page. */
  nextPageToken: z.union([z.string(), z.number().transform(String)]).nullish(),
  models: z.array(z.object({ modelName: z.string(), modelUrl: z.string().nullish() })),
})

const worker = z.object({
  id: z.string(),
  /** READY or UNLOADING. */
  status: z.string(),
  startTime: z.string().nullish(),
  pid: count.nullish(),
  gpu: z.boolean().nullish(),
  gpuUsage: z.string().nullish(),
  /** Bytes. */
  memoryUsage: z.number().nullish(),
})

const modelDescriptions = z.array(
  z.object({
    modelName: z.string(),
    modelVersion: z.string(),
    modelUrl: z.string().nullish(),
    minWorkers: count,
    maxWorkers: count,
    batchSize: count.nullish(),
    /** Milliseconds. */
    maxBatchDelay: count.nullish(),
    /** Seconds. */
    responseTimeout: count.nullish(),
    loadedAtStartup: z.boolean().nullish(),
    workers: z
      .array(worker)
      .nullish()
      .transform((list) => list ?? []),
    jobQueueStatus: z.object({ remainingCapacity: count, pendingRequests: count }).nullish(),
  }),
)

/** GET /models */
export type TorchServeModelList = z.infer<typeof modelList>
/** GET /models/NAME[/VERSION|/all] answers with a list of these, one a version. */
export type TorchServeModel = z.infer<typeof modelDescriptions>[number]
export type TorchServeWorker = TorchServeModel['workers'][number]

export const parseModelList = (value: unknown): TorchServeModelList => readAnswer(modelList, value, "TorchServe's list of models")
export const parseModelDescriptions = (value: unknown): TorchServeModel[] =>
  readAnswer(modelDescriptions, value, "TorchServe's description of a model")

export interface TorchServeErrorBody {
  code: number
  type: string
  message: string
}

/** `error` as TorchServe writes it, or undefined where it is something else. */
export function readTorchServeError(value: unknown): TorchServeErrorBody | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { code, type, message } = value as Record<string, unknown>
  if (typeof code !== 'number' || typeof type !== 'string' || typeof message !== 'string') return undefined
  return { code, type, message }
}

/**
 * Whether the same request may fare better at another instance or a little later. Measured on 0.12, and by RestJob.java and ts/service.py:
 *
 * - 503 `ServiceUnavailableException`: the job queue is full, or the model has no worker.
 * - 500 `InternalServerException` "Worker died.": it died in the call, or was slower than `response_timeout`; it is back within a second. A handler
 *   may raise a 500 of the same type with words of its own, so the message is looked at where there is one.
 * - A handler that throws is 503 `InternalServerException` "Prediction failed": it would throw again.
 * - Unknown models and versions (404), bad keys (400) and memory that ran out (507) stay as they are.
 */
export function isRetryable(status: number, type: string, message?: string): boolean {
  if (status === 503) return type === 'ServiceUnavailableException'
  return status === 500 && type === 'InternalServerException' && (message === undefined || message.startsWith('Worker died'))
}
