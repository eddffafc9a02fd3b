/**
 * How fast one instance of a version is: the few figures from which latency follows from load. Measured (a load test, request logs), or taken from
 * somebody who measured; never guessed at run time.
 *
 * The model is that of continuous batching with chunked prefill: in each step every running sequence writes one token, and beside it up to
 * `chunkTokens` of one prompt are read (Agrawal et al., "Taming Throughput-Latency Tradeoff in LLM Inference with Sarathi-Serve", OSDI 2024, §4).
 */
import { z } from 'zod'

export const serviceCurve = z.strictObject({
  name: z.string().min(1),
  /** Answers written at the same time. */
  sequences: z.number().int().min(1).max(4096),
  /** Tokens that its KV cache holds. */
  kvTokens: z.number().int().min(1),
  /** Longer prompts are cut to so many tokens. */
  contextTokens: z.number().int().min(1),
  prefill: z.strictObject({
    /** Before the first token of a prompt is read, milliseconds. */
    overheadMs: z.number().min(0).max(600_000),
    /** While nothing else is done. */
    tokensPerSecond: z.number().positive(),
    /** Read beside one step of the others. */
    chunkTokens: z.number().int().min(1),
  }),
  /** Milliseconds of a step in which so many sequences write a token each, by growing `sequences`; in between it is interpolated. */
  decode: z
    .array(z.strictObject({ sequences: z.number().int().min(1), stepMs: z.number().positive().max(60_000) }))
    .min(1)
    .refine((points) => points.every((point, i) => i === 0 || point.sequences > points[i - 1]!.sequences), 'sequences that grow'),
  /** Where the figures come from. */
  source: z.string(),
})
export type ServiceCurve = z.infer<typeof serviceCurve>

/** Milliseconds of a step with 0 to `curve.sequences` sequences. */
export function stepTimes({ sequences, decode }: ServiceCurve): Float64Array {
  const times = new Float64Array(sequences + 1)
  for (let n = 0; n <= sequences; n++) {
    const above = decode.findIndex((point) => point.sequences >= n)
    const right = decode[above === -1 ? decode.length - 1 : above]!
    const left = above > 0 ? decode[above - 1]! : right
    const share = right.sequences > left.sequences ? (n - left.sequences) / (right.sequences - left.sequences) : 1
    times[n] = left.stepMs + share * (right.stepMs - left.stepMs)
  }
  return times
}

/** Milliseconds in which an idle instance gives the first token. */
export function unloadedFirstTokenMs({ prefill, contextTokens }: ServiceCurve, tokensIn: number): number {
  return prefill.overheadMs + (Math.min(tokensIn, contextTokens) / prefill.tokensPerSecond) * 1000
}

/** What requests cost a full instance: its seconds for a request, for each token read and for each token written. */
export interface UnitCosts {
  readonly request: number
  readonly tokenIn: number
  readonly tokenOut: number
}

/**
 * A batch that is full is the cheapest way to write, so what a token written costs is a share of a full step. What fills the batch first, its places
 * or the KV cache, depends on how long the requests are.
 *
 * @param tokens Mean length of prompt and answer together.
 */
export function unitCosts(curve: ServiceCurve, tokens: number): UnitCosts {
  const { prefill, sequences, kvTokens } = curve
  const batch = Math.max(1, Math.min(sequences, Math.floor(kvTokens / Math.max(1, tokens))))
  return {
    request: prefill.overheadMs / 1000,
    tokenIn: 1 / prefill.tokensPerSecond,
    tokenOut: stepTimes(curve)[batch]! / 1000 / batch,
  }
}
