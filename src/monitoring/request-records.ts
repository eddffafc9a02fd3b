/**
 * Request records: facts written once, read by all (log, usage ledger, live tail, later releases, experiments, autoscaling).
 *
 * `finished` at the end of each request says all of it. One that was still running when the records of its moment went to disk (100 ms at most
 * after its routing decision) has a `started` record before, so that who hangs is seen. Where versions are compared, one that is still running
 * after its first token has a `progress` record in between, which only analyses read. `feedback` is what a user thought of an answer, some time
 * later. `(gateway, boot, seq)` identifies a record for deduplication; `id` ties those of a request together. Analyses count by `assigned`, never
 * by `served`: an answer saved by a fallback is the assigned version's error. The client's own `x-request-id` is a label only: clients collide
 * and lie.
 */
import { z } from 'zod'

const origin = {
  /** Server-made request id. */
  id: z.string(),
  gateway: z.string(),
  boot: z.string(),
  /** Counts the records of one boot of one gateway. */
  seq: z.number().int(),
  /** ISO 8601, UTC. */
  time: z.string(),
}

export const assignment = z.object({
  /** "Route/assistant#3" with its generation, "Rollout/assistant-v2#<uid>#1" with its uid and attempt, "Experiment/…" the same. */
  by: z.string(),
  /** The version, or an experiment's arm by its name. */
  arm: z.string(),
  /** Percent that the arm had when the request came: of a route's targets, of a release's arms among themselves. */
  share: z.number(),
  unitKind: z.enum(['header', 'body', 'consumer', 'random']),
  /** Keyed hash of the sticky unit: the same person is the same value, and nobody can tell who it is. */
  unit: z.string(),
})

/** The arm of a caller whom an experiment notes before it divides any. */
export const NO_ARM = ''

/** What a model was asked for. */
export const operation = z.enum(['chat', 'completion', 'embedding', 'infer', 'classify', 'regress'])
export type Operation = z.infer<typeof operation>

export const startedRecord = z.object({
  type: z.literal('started'),
  ...origin,
  /** Milliseconds that it had been running at `time`. */
  after: z.number(),
  operation: operation,
  consumer: z.string(),
  key: z.string(),
  namespace: z.string(),
  route: z.string(),
  routeGeneration: z.number().int(),
  model: z.string(),
  /** The ModelVersion that the request was assigned to. */
  assigned: z.string(),
  pinned: z.boolean(),
  /** It got the version of a release that is shown to some in advance, whatever the weights. */
  preview: z.literal(true).optional(),
  assignments: z.array(assignment),
  stream: z.boolean(),
  /** Length of the body in which it was asked. An older program did not say. */
  bytes: z.number().int().optional(),
  clientRequestId: z.string().optional(),
})

/** Of a streamed request under a division whose first token has come and whose end has not; at most one a request. */
export const progressRecord = z.object({
  type: z.literal('progress'),
  ...origin,
  /** Milliseconds that it had been running at `time`. */
  after: z.number(),
  namespace: z.string(),
  route: z.string(),
  assigned: z.string(),
  assignments: z.array(assignment),
  /** Milliseconds from the start. */
  firstToken: z.number(),
})

export const attempt = z.object({
  version: z.string(),
  instance: z.string().optional(),
  /** Absent when the attempt succeeded. */
  error: z
    .enum(['connect', 'unavailable', 'overloaded', 'timeout', 'upstream_error', 'client_error', 'cut', 'aborted', 'no_instance'])
    .optional(),
  status: z.number().int().optional(),
  /** Milliseconds after the request's start. */
  from: z.number(),
  to: z.number(),
})

/** How a request ended. */
export const OUTCOMES = ['ok', 'client_error', 'refused', 'limited', 'overloaded', 'upstream_error', 'timeout', 'aborted', 'cut'] as const

export const finishedRecord = z.object({
  type: z.literal('finished'),
  ...origin,
  /** Absent where the request ended before a route was chosen (bad key, unknown model, over a limit). */
  operation: operation.optional(),
  consumer: z.string().optional(),
  key: z.string().optional(),
  namespace: z.string().optional(),
  route: z.string().optional(),
  routeGeneration: z.number().int().optional(),
  model: z.string().optional(),
  assigned: z.string().optional(),
  /** Absent where it was not. */
  pinned: z.boolean().optional(),
  preview: z.literal(true).optional(),
  /** Absent where there was nothing to choose from. */
  assignments: z.array(assignment).optional(),
  served: z.string().optional(),
  instance: z.string().optional(),
  stream: z.boolean().optional(),
  /** Length of the body in which it was asked. */
  bytes: z.number().int().optional(),
  attempts: z.array(attempt),
  outcome: z.enum(OUTCOMES),
  status: z.number().int(),
  /** Stable error code of the answer, where it is an error. */
  error: z.string().optional(),
  /** Which limit refused it. */
  limit: z.string().optional(),
  tokens: z.object({ in: z.number(), cached: z.number(), out: z.number() }).optional(),
  /** Milliseconds: until admitted, to the first token (from the start), mean between tokens, all. */
  times: z.object({
    auth: z.number().optional(),
    limits: z.number().optional(),
    queue: z.number().optional(),
    firstToken: z.number().optional(),
    betweenTokens: z.number().optional(),
    total: z.number(),
  }),
  cost: z.object({ amount: z.number(), currency: z.string() }).optional(),
  cold: z.boolean().optional(),
  simulated: z.boolean().optional(),
  clientRequestId: z.string().optional(),
  /** What was asked, as JSON text. Only where `strata up --record-prompts` says so; cut off at its bound. */
  prompt: z.object({ text: z.string(), truncated: z.boolean() }).optional(),
})

/**
 * What a user thought of an answer. The gateway that takes it remembers no request: whether there was one of that id, and whose it was, nobody has
 * checked. Feedback counts only from the consumer whose request it was: readers match `request`, `consumer` and `namespace`, and of several for
 * one request count the last.
 */
export const feedbackRecord = z.object({
  type: z.literal('feedback'),
  /** `id` is its own. */
  ...origin,
  namespace: z.string(),
  consumer: z.string(),
  key: z.string(),
  /** Id of the request that it is about, as whoever gave it says. */
  request: z.string(),
  /** 0 is bad, 1 is good. */
  score: z.number().min(0).max(1),
  rated: z.enum(['up', 'down']).optional(),
  /** Its length in UTF-8; its text only where prompts are recorded, cut off at their bound. */
  comment: z.object({ bytes: z.number().int(), text: z.string().optional() }).optional(),
})

export const requestRecord = z.discriminatedUnion('type', [startedRecord, progressRecord, finishedRecord, feedbackRecord])

/** Whether a line of a segment is a record of a type that this program knows. All else was checked by who wrote it. */
export function isRequestRecord(line: { readonly type?: unknown }): line is RequestRecord {
  const { type } = line
  return type === 'started' || type === 'progress' || type === 'finished' || type === 'feedback'
}

export type StartedRecord = z.infer<typeof startedRecord>
export type ProgressRecord = z.infer<typeof progressRecord>
export type FinishedRecord = z.infer<typeof finishedRecord>
export type FeedbackRecord = z.infer<typeof feedbackRecord>
export type RequestRecord = z.infer<typeof requestRecord>
export type Assignment = z.infer<typeof assignment>
export type Attempt = z.infer<typeof attempt>
export type Outcome = (typeof OUTCOMES)[number]

/** Segments of one gateway lie in `<records>/<gateway>/<boot>-<number>.ndjson`; numbers grow, one line a record. */
export const SEGMENT_NAME = /^([0-9A-Z]{26})-(\d{6})\.ndjson$/
