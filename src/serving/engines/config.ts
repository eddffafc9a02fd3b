/**
 * What an engine process is told at its start. Written by the supervisor to a 0600 file and read by `strata engine --config FILE`; a container gets
 * the same text in `STRATA_ENGINE_CONFIG`.
 */
import { z } from 'zod'
import { task } from '../../resources/model.ts'
import { llamaParameters, sampling, simulatedParameters } from '../../resources/model-version.ts'

export const engineConfig = z.strictObject({
  /** Instance id, e.g. "assistant-v1-0". */
  id: z.string(),
  listen: z.union([z.strictObject({ socketPath: z.string() }), z.strictObject({ host: z.string(), port: z.number().int() })]),
  /** Name of the ModelVersion, its model and version: `model` in answers is what the request said; these are for metrics and the fingerprint. */
  version: z.strictObject({ name: z.string(), model: z.string(), version: z.string() }),
  task,
  engine: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('llama'),
      weightsPath: z.string(),
      weightsSha256: z.string(),
      parameters: llamaParameters,
    }),
    z.strictObject({
      kind: z.literal('simulated'),
      parameters: simulatedParameters,
      /** Why a simulated engine answers for a real model, where it does. Goes into `system_fingerprint`. */
      standsInFor: z.string().optional(),
    }),
  ]),
  prompt: z.strictObject({ system: z.string().optional() }),
  sampling,
  drainTimeoutMs: z.number().int().default(600_000),
})
export type EngineConfig = z.infer<typeof engineConfig>

/** `GET /load` of an engine. */
export interface EngineLoad {
  readonly running: number
  readonly waiting: number
  readonly sequences: number
  readonly maxWaiting: number
  /** Tokens generated in the last second, over all sequences. */
  readonly tokensPerSecond: number
  readonly kvUsedTokens: number
  readonly kvTotalTokens: number
  readonly residentBytes: number
}

/** `GET /health` of an engine: 200 when ready, else 503 with the same shape. */
export interface EngineHealth {
  readonly status: 'loading' | 'ready' | 'draining' | 'failed'
  readonly message?: string
}
