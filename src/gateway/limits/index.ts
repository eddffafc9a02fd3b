/**
 * Admission: all limits that apply to a request are judged first and charged only when all of them let it pass. Tokens are reserved by an
 * estimate and settled with what was used. Buckets live in this process; several gateways divide each limit (see `shareOf`).
 */
import type { Clock } from '../../kernel/clock.ts'
import type { CompiledLimit, RuleState } from '../../resources/snapshot.ts'
import { type Bucket, charge, judge, type Rate, remaining, shareOf, untilFull } from './gcra.ts'

/** Whom a request concerns; picks the bucket of each limit. */
export interface Subject {
  readonly namespace: string
  readonly key: string
  readonly consumer: string
  readonly model: string
  readonly route: string
}

export interface LimitState {
  readonly limit: number
  readonly remaining: number
  /** Milliseconds until the whole limit is there again. */
  readonly resetMs: number
}

export interface Reservation {
  /** The tightest state of each sort, for `x-ratelimit-*`. */
  readonly requests?: LimitState
  readonly tokens?: LimitState
  /** Corrects the token charge to what was really used and gives the concurrency back. Once; later calls do nothing. */
  settle(tokensUsed: number): void
}

export type Admission =
  | { readonly admitted: true; readonly reservation: Reservation }
  | {
      readonly admitted: false
      readonly limit: string
      readonly sort: 'requests' | 'tokens' | 'concurrent'
      readonly retryAfterMs: number
      readonly requests?: LimitState
      readonly tokens?: LimitState
    }

export interface Limiter {
  admit(limits: readonly CompiledLimit[], subject: Subject, estimatedTokens: number): Admission
  /** Subjects that have used something of these limits lately; whoever is not named has the whole. Looks at every bucket: not for the request path. */
  report(limits: readonly CompiledLimit[]): RuleState[]
  /** Buckets in memory. */
  size(): number
}

/** When a concurrency limit refuses, nobody knows when a place will be free; this is what clients are told. */
const CONCURRENCY_RETRY_MS = 1_000
const SWEEP_EVERY_MS = 10_000

interface RateStep {
  readonly sort: 'requests' | 'tokens'
  readonly name: string
  readonly rate: Rate
  readonly bucket: Bucket
  readonly cost: number
}

export function createLimiter(options: { clock: Clock; gateways: () => number; index: number }): Limiter {
  const { clock } = options
  const buckets = new Map<string, Bucket>()
  const running = new Map<string, number>()
  let sweptAt = clock.monotonic()

  /** A bucket that is full again says the same as none: forgetting it keeps memory bounded by recent callers. */
  const sweep = (now: number) => {
    if (now - sweptAt < SWEEP_EVERY_MS) return
    sweptAt = now
    for (const [key, bucket] of buckets) if (bucket.tat <= now) buckets.delete(key)
  }

  const bucketAt = (key: string): Bucket => {
    let bucket = buckets.get(key)
    if (!bucket) {
      bucket = { tat: 0 }
      buckets.set(key, bucket)
    }
    return bucket
  }

  const mostRunning = (amount: number, gateways: number, owner: boolean) =>
    gateways <= 1 ? amount : amount < gateways ? (owner ? amount : 0) : Math.floor(amount / gateways)

  return {
    size: () => buckets.size,

    report(limits) {
      const now = clock.monotonic()
      const gateways = options.gateways()
      const byPrefix = new Map<string, { limit: CompiledLimit; rule: number }>()
      for (const limit of limits)
        for (let rule = 0; rule < limit.rules.length; rule++) byPrefix.set(`${limit.namespace}/${limit.name}#${rule}`, { limit, rule })
      const found = (key: string) => {
        const end = key.indexOf('/', key.indexOf('#'))
        const known = byPrefix.get(key.slice(0, end))
        if (!known) return undefined
        const { limit, rule } = known
        const owner = gateways > 1 && hash(key) % gateways === options.index
        const about = { namespace: limit.namespace, limit: limit.name, rule, subject: key.slice(end + 1) }
        return { about, rule: limit.rules[rule]!, owner }
      }
      const states: RuleState[] = []
      for (const [key, bucket] of buckets) {
        const known = found(key)
        if (!known || known.rule.type === 'concurrent') continue
        const rate = shareOf(known.rule, gateways, known.owner)
        const most = rate ? Math.floor(rate.burst) : 0
        const left = rate ? remaining(rate, bucket, now) : 0
        states.push({ ...known.about, sort: known.rule.type, most, left, resetMs: untilFull(bucket, now) })
      }
      for (const [key, count] of running) {
        const known = found(key)
        if (known?.rule.type !== 'concurrent') continue
        const most = mostRunning(known.rule.amount, gateways, known.owner)
        states.push({ ...known.about, sort: 'concurrent', most, left: Math.max(0, most - count) })
      }
      return states
    },

    admit(limits, subject, estimatedTokens) {
      const now = clock.monotonic()
      sweep(now)
      const gateways = options.gateways()
      const steps: RateStep[] = []
      const places: string[] = []
      let refused: { limit: string; sort: 'requests' | 'tokens' | 'concurrent'; retryAfterMs: number } | undefined
      const refuse = (limit: string, sort: 'requests' | 'tokens' | 'concurrent', retryAfterMs: number) => {
        if (!refused || retryAfterMs > refused.retryAfterMs) refused = { limit, sort, retryAfterMs }
      }

      for (const limit of limits) {
        for (let i = 0; i < limit.rules.length; i++) {
          const rule = limit.rules[i]!
          const key = `${limit.namespace}/${limit.name}#${i}/${subjectOf(limit.per, subject)}`
          const owner = gateways > 1 && hash(key) % gateways === options.index
          if (rule.type === 'concurrent') {
            const most = mostRunning(rule.amount, gateways, owner)
            if ((running.get(key) ?? 0) >= most) refuse(limit.name, 'concurrent', CONCURRENCY_RETRY_MS)
            places.push(key)
            continue
          }
          const rate = shareOf(rule, gateways, owner)
          if (!rate) {
            refuse(limit.name, rule.type, rule.everyMs / rule.amount)
            continue
          }
          const bucket = bucketAt(key)
          const cost = rule.type === 'requests' ? 1 : estimatedTokens
          const decision = judge(rate, bucket, cost, now)
          if (!decision.allowed) refuse(limit.name, rule.type, decision.retryAfterMs)
          steps.push({ sort: rule.type, name: limit.name, rate, bucket, cost })
        }
      }

      if (refused)
        return { admitted: false, ...refused, requests: tightest(steps, 'requests', now), tokens: tightest(steps, 'tokens', now) }

      for (const step of steps) charge(step.rate, step.bucket, step.cost, now)
      for (const place of places) running.set(place, (running.get(place) ?? 0) + 1)
      let settled = false
      return {
        admitted: true,
        reservation: {
          requests: tightest(steps, 'requests', now),
          tokens: tightest(steps, 'tokens', now),
          settle(tokensUsed) {
            if (settled) return
            settled = true
            const at = clock.monotonic()
            for (const step of steps) {
              if (step.sort === 'tokens') correct(step, tokensUsed, at)
            }
            for (const place of places) {
              const left = (running.get(place) ?? 1) - 1
              if (left > 0) running.set(place, left)
              else running.delete(place)
            }
          },
        },
      }
    },
  }
}

/** Gives back what was reserved too much, or takes what was used beyond. Giving back never makes a bucket fuller than full. */
function correct(step: RateStep, tokensUsed: number, now: number): void {
  const difference = tokensUsed - step.cost
  if (difference > 0) charge(step.rate, step.bucket, difference, now)
  else step.bucket.tat += (difference * step.rate.everyMs) / step.rate.amount
}

function subjectOf(per: CompiledLimit['per'], subject: Subject): string {
  switch (per) {
    case 'key':
      return `${subject.namespace}/${subject.key}`
    case 'consumer':
      return `${subject.namespace}/${subject.consumer}`
    case 'model':
      return `${subject.namespace}/${subject.model}`
    case 'route':
      return `${subject.namespace}/${subject.route}`
    case 'all':
      return ''
  }
}

function tightest(steps: readonly RateStep[], sort: 'requests' | 'tokens', now: number): LimitState | undefined {
  let least: LimitState | undefined
  for (const step of steps) {
    if (step.sort !== sort) continue
    const state = {
      limit: Math.floor(step.rate.burst),
      remaining: remaining(step.rate, step.bucket, now),
      resetMs: untilFull(step.bucket, now),
    }
    if (!least || state.remaining < least.remaining) least = state
  }
  return least
}

/** FNV-1a, 32 bits: spreads limits over gateways, nothing more. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
