/**
 * What one request says about its version, for one metric, and from when on that is known. Pure.
 *
 * A value must not be known earlier for a good request than for a bad one in a way that lets the order of counting favour one version: what hangs counts
 * as slow as soon as it is slow, and what fails counts as slow too, because it never answered. An answer that a fallback gave is a failure of the
 * version that was chosen.
 *
 * Nor may it depend on when control looks, for after a pause it reads at once what it would have seen one after the other: what came when it was not
 * waited for any more counts as if it had never come.
 */
import type { FinishedRecord } from '../../monitoring/request-records.ts'
import type { Metric } from '../../resources/comparison.ts'

/** How a request ended. */
export interface Ended {
  /** Before the version had anything to do with it. */
  readonly turnedAway: boolean
  readonly failed: boolean
  readonly aborted: boolean
  /** Milliseconds. */
  readonly total: number
  readonly betweenTokens?: number
  readonly tokens?: number
  readonly cost?: number
}

export interface WatchedRequest {
  /** When it was assigned, milliseconds since the epoch. */
  readonly at: number
  /** Its answer is streamed: only then there is a first token before the end. */
  stream?: boolean
  /** Milliseconds after it. */
  firstToken?: number | undefined
  ended?: Ended | undefined
  /** What its consumer thought of it, 0 to 1, and when that came. */
  score?: number
  scoredAt?: number
}

/** Milliseconds that are waited for what. */
export interface Windows {
  /** A request's end. */
  readonly request: number
  readonly feedback: number
}

/** In [0, 1]; `undefined`: not known yet; `null`: this request says nothing about it. */
export type Value = number | null | undefined

/** How late a record may come after what it tells: the gateway's 100 ms, the reader's 200, and a busy machine. */
export const LATE_MS = 1_500

/** So long a thumb may be turned. */
const TURN_MS = 10_000
/** Who gives up sooner without a first token may not have waited for it. */
const PATIENCE_MS = 1_000

/** What a client did wrong it does wrong with both versions; a version that understands less than the other is worse. */
const FAILED: ReadonlySet<FinishedRecord['outcome']> = new Set(['client_error', 'overloaded', 'upstream_error', 'timeout', 'cut'])
const TURNED_AWAY: ReadonlySet<FinishedRecord['outcome']> = new Set(['limited', 'refused'])

export function endOf({ outcome, served, assigned, times, tokens, cost }: FinishedRecord): Ended {
  return {
    turnedAway: TURNED_AWAY.has(outcome),
    failed: FAILED.has(outcome) || (served !== undefined && served !== assigned),
    aborted: outcome === 'aborted',
    total: times.total,
    ...(times.betweenTokens === undefined ? {} : { betweenTokens: times.betweenTokens }),
    ...(tokens === undefined ? {} : { tokens: tokens.out }),
    ...(cost === undefined ? {} : { cost: cost.amount }),
  }
}

/**
 * @param threshold Milliseconds from which it is slow; undefined while that is not settled, then the request says nothing.
 */
export function outcomeValue(metric: Metric, request: WatchedRequest, threshold: number | undefined, windows: Windows, now: number): Value {
  const known = within(request, windows.request)
  const { ended } = known
  const age = now - request.at
  const late = age >= windows.request + LATE_MS
  switch (metric.name) {
    case 'errorRate':
      return failure(known, late)
    case 'feedback':
      return ended?.turnedAway ? null : rating(request, age >= windows.feedback + LATE_MS, now)
    case 'tokensPerAnswer':
      return amountOf(ended, ended?.tokens, metric.most, late)
    case 'cost':
      return amountOf(ended, ended?.cost, metric.most, late)
    case 'timeToFirstToken':
    case 'totalTime':
    case 'timeBetweenTokens':
      if (threshold === undefined) return null
      return slowness(metric.name, within(request, Math.max(windows.request, threshold)), threshold, age, late)
    default:
      return metric satisfies never
  }
}

/** What there was of it so many milliseconds after it had been assigned. */
function within(request: WatchedRequest, ms: number): WatchedRequest {
  const { firstToken = 0, ended } = request
  return {
    ...request,
    firstToken: firstToken <= ms ? request.firstToken : undefined,
    ended: ended && ended.total <= ms ? ended : undefined,
  }
}

/** What has not begun to answer when nothing is waited for any more has failed, and so has what its client gave up on before that. */
function failure({ firstToken, ended }: WatchedRequest, late: boolean): Value {
  const began = firstToken !== undefined
  if (!ended) return late ? Number(!began) : undefined
  if (ended.turnedAway) return null
  if (ended.aborted) return Number(!began && ended.total > PATIENCE_MS)
  return Number(ended.failed)
}

function rating({ score, scoredAt = 0 }: WatchedRequest, late: boolean, now: number): Value {
  if (score === undefined) return late ? null : undefined
  return late || now - scoredAt >= TURN_MS + LATE_MS ? 1 - score : undefined
}

/** Takes a score over the one before, unless that is settled or ratings are not waited for any more. */
export function rate(request: WatchedRequest, score: number, at: number, window: number): void {
  if (at - request.at > window || (request.score !== undefined && at - request.scoredAt! >= TURN_MS)) return
  request.score = score
  request.scoredAt = at
}

/**
 * The time by which a threshold is found, of a request that has ended or is not waited for any more: `patience` where it has not come. Null where it has
 * none.
 */
export function timeOf(name: Metric['name'], request: WatchedRequest, patience: number): number | null {
  const { stream, firstToken, ended } = within(request, patience)
  if (ended?.turnedAway || ended?.failed || ended?.aborted) return null
  if (name === 'timeToFirstToken' && !stream) return null
  const time = name === 'timeToFirstToken' ? firstToken : name === 'totalTime' ? ended?.total : ended?.betweenTokens
  return time ?? (ended ? null : patience)
}

function slowness(
  name: 'timeToFirstToken' | 'totalTime' | 'timeBetweenTokens',
  { stream, firstToken, ended }: WatchedRequest,
  threshold: number,
  age: number,
  late: boolean,
): Value {
  if (name === 'timeToFirstToken' && !stream) return null
  if (name === 'timeToFirstToken' && firstToken !== undefined) return Number(firstToken > threshold)
  if (ended?.failed) return 1
  if (name === 'timeBetweenTokens') {
    if (!ended) return late ? 1 : undefined
    return ended.betweenTokens === undefined ? null : Number(ended.betweenTokens > threshold)
  }
  if (!ended) return age > threshold + LATE_MS ? 1 : undefined
  if (ended.total > threshold) return 1
  if (ended.turnedAway) return null
  // Who gave up before the first token had waited long enough; who did so afterwards was not waiting for its end.
  if (ended.aborted) return firstToken === undefined ? 1 : null
  return 0
}

/** What still runs when nothing is waited for any more counts as the most. */
function amountOf(ended: Ended | undefined, amount: number | undefined, most: number, late: boolean): Value {
  if (!ended) return late ? 1 : undefined
  if (ended.turnedAway || ended.failed || ended.aborted || amount === undefined) return null
  return Math.min(Math.max(amount / most, 0), 1)
}
