/**
 * The course of one request, and its records. `settle` runs once for every request, however it ended: it gives back what was reserved,
 * releases the instance, counts, and writes the `finished` record.
 */
import type { Interim } from '../monitoring/records/interims.ts'
import type { NewFinished } from '../monitoring/records/line.ts'
import type { Attempt, FinishedRecord, Outcome } from '../monitoring/request-records.ts'
import type { CompiledVersion } from '../resources/snapshot.ts'
import { assignmentsOf, comparedArm } from './assignments.ts'
import type { Answered } from './attempts.ts'
import type { Caller } from './authenticate.ts'
import type { GatewayContext } from './context.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { Reservation } from './limits/index.ts'
import type { Asking, Operation, Translation } from './protocols/protocol.ts'
import type { Usage } from './protocols/usage.ts'
import { recordedPrompt } from './recorded-prompt.ts'
import type { Choice } from './routing.ts'

export type Asked = Pick<Asking, 'model' | 'stream' | 'includeUsage' | 'estimatedTokens'> & { readonly bytes: number }

/** What is known of a request so far; becomes its `finished` record. */
export interface Course {
  readonly exchange: Exchange
  readonly operation: Operation
  readonly attempts: Attempt[]
  caller?: Caller
  /** Without its body: an answer may run for minutes, and what was asked is not needed any more. */
  asked?: Asked
  prompt?: FinishedRecord['prompt']
  choice?: Choice
  beginning?: Interim
  progress?: Interim
  reservation?: Reservation
  answered?: Answered
  /** The way to the version that was asked last, and back. */
  translation?: Translation
  limit?: string
  error?: string
  cold?: boolean
  times: { auth?: number; limits?: number; queue?: number }
}

export interface End {
  readonly outcome: Outcome
  readonly status: number
  readonly usage?: Usage
  readonly firstTokenAt?: number
  readonly lastChunkAt?: number
}

/** Notes what was asked; of the prompt only what an operator wants recorded. */
export function noteAsked(context: GatewayContext, course: Course, request: Asking, bytes: number): void {
  const { model, stream, includeUsage, estimatedTokens } = request
  course.asked = { model: model.slice(0, LONGEST_MODEL_NAME), stream, includeUsage, estimatedTokens, bytes }
  const { recordPrompts } = context.snapshots.tables().settings
  if (recordPrompts) course.prompt = recordedPrompt(request.json, recordPrompts.maxBytes)
}

const LONGEST_MODEL_NAME = 256

/** From here on it is known where the request goes; when it is not over soon, that is written down. */
export function recordStart(context: GatewayContext, course: Course, choice: Choice, caller: Caller): void {
  const { exchange, asked } = course
  const { route, assigned, why } = choice
  course.beginning = context.records.begin(() => ({
    type: 'started',
    id: exchange.id,
    after: round(context.clock.monotonic() - exchange.startedAt),
    operation: course.operation,
    consumer: caller.consumer.name,
    key: caller.key.name,
    namespace: route.namespace,
    route: route.name,
    routeGeneration: route.generation,
    model: asked!.model,
    assigned: assigned.name,
    pinned: why === 'pin',
    preview: why === 'preview' || undefined,
    assignments: assignmentsOf(choice) ?? [],
    stream: asked!.stream,
    bytes: asked!.bytes,
    clientRequestId: exchange.clientRequestId,
  }))
}

/**
 * The first token of a stream has come. Where versions are compared that is written down unless the request is over within the next 100 ms, so
 * that one whose first token comes late counts as slow now, and not when its stream ends.
 */
export function noteFirstToken(context: GatewayContext, course: Course, at: number): void {
  const { exchange, choice } = course
  if (!choice || !comparedArm(choice)) return
  const { route, assigned } = choice
  course.progress = context.records.progress(() => ({
    type: 'progress',
    id: exchange.id,
    after: round(context.clock.monotonic() - exchange.startedAt),
    namespace: route.namespace,
    route: route.name,
    assigned: assigned.name,
    assignments: assignmentsOf(choice) ?? [],
    firstToken: round(at - exchange.startedAt),
  }))
}

/** Settles the reservation, releases the instance, counts, and writes the `finished` record. */
export function settle(context: GatewayContext, course: Course, end: End): void {
  const { exchange, choice, answered, asked, caller } = course
  const total = context.clock.monotonic() - exchange.startedAt
  answered?.work.end(
    end.outcome === 'cut' || end.outcome === 'timeout' || end.outcome === 'upstream_error'
      ? 'failed'
      : end.outcome === 'aborted'
        ? 'neutral'
        : 'ok',
  )
  // Without usage (cut, aborted, nothing said) the estimate stands when something was generated, else nothing is charged.
  const used = end.usage ? end.usage.in + end.usage.out : answered && end.outcome !== 'client_error' ? (asked?.estimatedTokens ?? 0) : 0
  course.reservation?.settle(used)

  const { metrics } = context
  const counted = choice && metrics.of(choice.route, choice.assigned.name)
  const requests = counted ? counted.requests(end.outcome) : metrics.unrouted(end.outcome)
  requests.inc()
  counted?.duration.observe(total / 1000)
  for (const { version: tried, error } of course.attempts) metrics.attempts(tried, error).inc()
  const firstToken = end.firstTokenAt === undefined ? undefined : end.firstTokenAt - exchange.startedAt
  if (firstToken !== undefined) counted?.firstToken.observe(firstToken / 1000)
  if (end.usage) {
    counted?.tokensIn.inc(end.usage.in)
    counted?.tokensCached.inc(end.usage.cached)
    counted?.tokensOut.inc(end.usage.out)
  }

  const record: NewFinished = {
    type: 'finished',
    id: exchange.id,
    operation: course.operation,
    consumer: caller?.consumer.name,
    key: caller?.key.name,
    namespace: choice?.route.namespace ?? caller?.key.namespace,
    route: choice?.route.name,
    routeGeneration: choice?.route.generation,
    model: asked?.model,
    assigned: choice?.assigned.name,
    pinned: choice?.why === 'pin' || undefined,
    preview: choice?.why === 'preview' || undefined,
    assignments: choice && assignmentsOf(choice),
    served: answered?.version.name,
    instance: answered?.instance,
    stream: asked?.stream,
    bytes: asked?.bytes,
    attempts: course.attempts,
    outcome: end.outcome,
    status: end.status,
    error: course.error,
    limit: course.limit,
    tokens: end.usage,
    times: {
      ...course.times,
      firstToken: firstToken === undefined ? undefined : round(firstToken),
      betweenTokens: betweenTokens(end),
      total: round(total),
    },
    cost: costOf(answered?.version, end.usage),
    cold: course.cold || undefined,
    simulated: answered?.simulated || undefined,
    clientRequestId: exchange.clientRequestId,
    prompt: course.prompt,
  }
  context.records.finish(record, course.beginning, course.progress)
}

function betweenTokens({ usage, firstTokenAt, lastChunkAt }: End): number | undefined {
  if (!usage || usage.out < 2 || firstTokenAt === undefined || lastChunkAt === undefined) return undefined
  return round((lastChunkAt - firstTokenAt) / (usage.out - 1))
}

function costOf(version: CompiledVersion | undefined, usage: Usage | undefined): FinishedRecord['cost'] {
  if (!version?.pricing || !usage) return undefined
  const { inputPerMillion, outputPerMillion, currency } = version.pricing
  return { amount: (usage.in * inputPerMillion + usage.out * outputPerMillion) / 1e6, currency }
}

/** Milliseconds to a tenth. */
export function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
