/**
 * The generic cell rate algorithm (ITU-T I.371; as a limiter: brandur.org/rate-limiting). A bucket is one number, the theoretical arrival
 * time: when the bucket would be full again. Reserving moves it forward by the cost; settling moves it by the difference to what was
 * really used, so a streamed answer is charged what it took. All times in milliseconds of a monotonic clock.
 */
export interface Rate {
  /** Units per period. */
  readonly amount: number
  readonly everyMs: number
  /** Most units at once. */
  readonly burst: number
}

export interface Bucket {
  /** Theoretical arrival time. */
  tat: number
  /** Of the rule that it was last used by: milliseconds a unit, and units at once. */
  intervalMs: number
  burst: number
}

export const intervalOf = ({ everyMs, amount }: Rate): number => everyMs / amount

export const newBucket = (rule: Rate): Bucket => ({ tat: 0, intervalMs: intervalOf(rule), burst: rule.burst })

/**
 * Brings a bucket to a rule that has changed: what has been used stays used, unit for unit, but the wait for it is the new rule's, and no longer
 * than for a burst of it. `share`: this gateway's.
 */
export function adapt(rule: Rate, share: Rate, bucket: Bucket, now: number): void {
  const interval = intervalOf(rule)
  if (bucket.intervalMs === interval && bucket.burst === rule.burst) return
  // A rule without time, as was allowed once, has held nobody up.
  const wait = bucket.intervalMs > 0 ? Math.max(0, bucket.tat - now) * (interval / bucket.intervalMs) : 0
  bucket.tat = now + Math.min(wait, share.burst * intervalOf(share))
  bucket.intervalMs = interval
  bucket.burst = rule.burst
}

export type Decision = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number }

/** Would `cost` units pass now? Changes nothing. A cost above the burst is judged as the burst: it passes when the bucket is full. */
export function judge(rate: Rate, bucket: Bucket, cost: number, now: number): Decision {
  const interval = intervalOf(rate)
  const next = Math.max(bucket.tat, now) + Math.min(cost, rate.burst) * interval
  const excess = next - now - rate.burst * interval
  // Sums of floating point intervals miss the edge by rounding; a microsecond is not a request too many.
  return excess <= 1e-3 ? { allowed: true } : { allowed: false, retryAfterMs: excess }
}

/** Takes `cost` units, also beyond the bound (a debt: later callers wait for it). Negative gives units back. */
export function charge(rate: Rate, bucket: Bucket, cost: number, now: number): void {
  const interval = intervalOf(rate)
  bucket.tat = Math.max(bucket.tat, now) + cost * interval
}

/** Units that would pass now, at least 0. */
export function remaining(rate: Rate, bucket: Bucket, now: number): number {
  const interval = intervalOf(rate)
  return Math.max(0, Math.floor((rate.burst * interval - Math.max(0, bucket.tat - now)) / interval + 1e-6))
}

/** Milliseconds until the bucket is full again. */
export function untilFull(bucket: Bucket, now: number): number {
  return Math.max(0, bucket.tat - now)
}

/**
 * One gateway's share of a rate among `gateways`. Where a whole share would be below one unit, one gateway owns the whole rate and the
 * others admit nothing: `owner` says whether this is the one. The sum over all gateways never exceeds the rate.
 */
export function shareOf(rate: Rate, gateways: number, owner: boolean): Rate | undefined {
  if (gateways <= 1) return rate
  if (rate.amount < gateways || rate.burst < gateways) return owner ? rate : undefined
  return { amount: rate.amount / gateways, everyMs: rate.everyMs, burst: Math.floor(rate.burst / gateways) }
}
