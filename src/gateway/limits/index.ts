/**
 * Admission: all limits that apply to a request are judged first and charged only when all of them let it pass. Tokens are reserved by an
 * estimate and settled with what was used. Buckets live in this process; several gateways divide each limit (see `shareOf`).
 */
import type { Clock } from '../../kernel/clock.ts'
import type { CompiledLimit, RuleState } from '../../resources/snapshot.ts'
import { adapt, type Bucket, charge, intervalOf, judge, newBucket, type Rate, remaining, shareOf, untilFull } from './gcra.ts'

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
  /** Without `estimatedTokens`: what no model works on. It counts as a request and takes neither tokens nor a place, so there is nothing to settle. */
  admit(limits: readonly CompiledLimit[], subject: Subject, estimatedTokens: number | undefined): Admission
  /** Subjects that have used something of these limits lately; whoever is not named has the whole. Looks at every bucket: not for the request path. */
  report(limits: readonly CompiledLimit[]): RuleState[]
  /** Buckets in memory. */
  size(): number
}

/** When a concurrency limit refuses, nobody knows when a place will be free; this is what clients are told. */
const CONCURRENCY_RETRY_MS = 1_000
const SWEEP_EVERY_MS = 10_000

/** What is known of one rule of one limit, by subject. It outlives other amounts and times of the rule: what has been used stays used. */
interface RuleBook {
  /** See `bookIdOf`. */
  readonly id: string
  readonly buckets: Map<string, Bucket>
  readonly running: Map<string, Running>
}

/** Requests at once. It stays when there are none until the next sweep: a map whose last entry comes and goes is rebuilt all the time. */
interface Running {
  count: number
}

interface RateStep {
  readonly sort: 'requests' | 'tokens'
  /** This gateway's share of the rule. */
  readonly rate: Rate
  /** Of the whole rule. */
  readonly intervalMs: number
  readonly book: RuleBook
  readonly who: string
  readonly bucket: Bucket
  readonly cost: number
}

export function createLimiter(options: { clock: Clock; gateways: () => number; index: number }): Limiter {
  const { clock } = options
  const books = new Map<string, RuleBook>()
  /** The same books, without putting names together. */
  let byLimit = new WeakMap<CompiledLimit, RuleBook[]>()
  /** "namespace/name", by both: put together once for each sweep, not for each request. */
  let subjects = new Map<string, Map<string, string>>()
  let sweptAt = clock.monotonic()

  const bookOf = (id: string): RuleBook => {
    let book = books.get(id)
    if (!book) {
      book = { id, buckets: new Map(), running: new Map() }
      books.set(id, book)
    }
    return book
  }
  const booksOf = (limit: CompiledLimit): RuleBook[] => {
    let own = byLimit.get(limit)
    if (!own) {
      own = limit.rules.map((_rule, i) => bookOf(bookIdOf(limit, i)))
      byLimit.set(limit, own)
    }
    return own
  }

  /** A bucket that is full again says the same as none: forgetting it keeps memory bounded by recent callers. */
  const sweep = (now: number) => {
    if (now - sweptAt < SWEEP_EVERY_MS) return
    sweptAt = now
    for (const { id, buckets, running } of books.values()) {
      for (const [subject, bucket] of buckets) if (bucket.tat <= now) buckets.delete(subject)
      for (const [subject, { count }] of running) if (count === 0) running.delete(subject)
      if (buckets.size + running.size === 0) books.delete(id)
    }
    byLimit = new WeakMap()
    subjects = new Map()
  }

  const subjectOf = (per: CompiledLimit['per'], subject: Subject): string => {
    if (per === 'all') return ''
    const { namespace } = subject
    let names = subjects.get(namespace)
    if (!names) {
      names = new Map()
      subjects.set(namespace, names)
    }
    const name = subject[per]
    let known = names.get(name)
    if (known === undefined) {
      known = `${namespace}/${name}`
      names.set(name, known)
    }
    return known
  }

  /** The bucket in which a request is settled: a long one may outlive its own, which was full again meanwhile and forgotten. */
  const bucketNow = ({ book, who, bucket }: RateStep): Bucket => {
    const { buckets } = bookOf(book.id)
    const known = buckets.get(who)
    if (known) return known
    buckets.set(who, bucket)
    return bucket
  }

  /** Whoever holds a place holds this, and with a place taken it is never forgotten. */
  const runningOf = (book: RuleBook, who: string): Running => {
    const { running } = book
    let known = running.get(who)
    if (!known) {
      known = { count: 0 }
      running.set(who, known)
    }
    return known
  }

  const owns = (book: RuleBook, subject: string, gateways: number) =>
    gateways > 1 && hash(`${book.id}/${subject}`) % gateways === options.index
  const mostRunning = (amount: number, gateways: number, owner: boolean) =>
    gateways <= 1 ? amount : amount < gateways ? (owner ? amount : 0) : Math.floor(amount / gateways)

  return {
    size: () => [...books.values()].reduce((sum, { buckets }) => sum + buckets.size, 0),

    report(limits) {
      const now = clock.monotonic()
      const gateways = options.gateways()
      const states: RuleState[] = []
      for (const limit of limits) {
        for (const [i, book] of booksOf(limit).entries()) {
          const rule = limit.rules[i]!
          const about = { namespace: limit.namespace, limit: limit.name, rule: i }
          if (rule.type === 'concurrent') {
            for (const [subject, { count }] of book.running) {
              if (count === 0) continue
              const most = mostRunning(rule.amount, gateways, owns(book, subject, gateways))
              states.push({ ...about, subject, sort: 'concurrent', most, left: Math.max(0, most - count) })
            }
            continue
          }
          for (const [subject, bucket] of book.buckets) {
            const rate = shareOf(rule, gateways, owns(book, subject, gateways))
            if (rate) adapt(rule, rate, bucket, now)
            const most = rate ? Math.floor(rate.burst) : 0
            const left = rate ? remaining(rate, bucket, now) : 0
            states.push({ ...about, subject, sort: rule.type, most, left, resetMs: untilFull(bucket, now) })
          }
        }
      }
      return states
    },

    admit(limits, subject, estimatedTokens) {
      const now = clock.monotonic()
      sweep(now)
      const gateways = options.gateways()
      const steps: RateStep[] = []
      const places: Running[] = []
      let refused: { limit: string; sort: 'requests' | 'tokens' | 'concurrent'; retryAfterMs: number } | undefined
      const refuse = (limit: string, sort: 'requests' | 'tokens' | 'concurrent', retryAfterMs: number) => {
        if (!refused || retryAfterMs > refused.retryAfterMs) refused = { limit, sort, retryAfterMs }
      }

      for (const limit of limits) {
        const own = booksOf(limit)
        const who = subjectOf(limit.per, subject)
        for (let i = 0; i < own.length; i++) {
          const rule = limit.rules[i]!
          const book = own[i]!
          const owner = owns(book, who, gateways)
          if (rule.type === 'concurrent') {
            if (estimatedTokens === undefined) continue
            const most = mostRunning(rule.amount, gateways, owner)
            const running = runningOf(book, who)
            if (running.count >= most) refuse(limit.name, 'concurrent', CONCURRENCY_RETRY_MS)
            places.push(running)
            continue
          }
          const cost = rule.type === 'requests' ? 1 : estimatedTokens
          if (cost === undefined) continue
          const rate = shareOf(rule, gateways, owner)
          if (!rate) {
            refuse(limit.name, rule.type, rule.everyMs / rule.amount)
            continue
          }
          let bucket = book.buckets.get(who)
          if (bucket) adapt(rule, rate, bucket, now)
          else {
            bucket = newBucket(rule)
            book.buckets.set(who, bucket)
          }
          const decision = judge(rate, bucket, cost, now)
          if (!decision.allowed) refuse(limit.name, rule.type, decision.retryAfterMs)
          steps.push({ sort: rule.type, rate, intervalMs: bucket.intervalMs, book, who, bucket, cost })
        }
      }

      if (refused)
        return { admitted: false, ...refused, requests: tightest(steps, 'requests', now), tokens: tightest(steps, 'tokens', now) }

      for (const step of steps) charge(step.rate, step.bucket, step.cost, now)
      for (const running of places) running.count += 1
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
              if (step.sort === 'tokens') correct(step, bucketNow(step), tokensUsed, at)
            }
            for (const running of places) running.count -= 1
          },
        },
      }
    },
  }
}

/** Gives back what was reserved too much, or takes what was used beyond. Giving back never makes a bucket fuller than full. */
function correct({ rate, intervalMs, cost }: RateStep, bucket: Bucket, tokensUsed: number, now: number): void {
  // The rule may have changed since: then a token weighs what it does now.
  const difference = intervalMs > 0 ? ((tokensUsed - cost) * bucket.intervalMs) / intervalMs : 0
  if (difference > 0) charge(rate, bucket, difference, now)
  else bucket.tat += difference * intervalOf(rate)
}

/** By its place among the rules of its type: one of another type beside it changes nothing. A limit made anew under an old name begins anew. */
function bookIdOf({ namespace, name, uid, per, rules }: CompiledLimit, rule: number): string {
  const { type } = rules[rule]!
  const before = rules.slice(0, rule).filter((other) => other.type === type).length
  return `${namespace}/${name}/${uid}/${per}#${type}${before}`
}

function tightest(steps: readonly RateStep[], sort: 'requests' | 'tokens', now: number): LimitState | undefined {
  let tight: RateStep | undefined
  let least = Infinity
  for (const step of steps) {
    if (step.sort !== sort) continue
    const left = remaining(step.rate, step.bucket, now)
    if (left >= least) continue
    tight = step
    least = left
  }
  return tight && { limit: Math.floor(tight.rate.burst), remaining: least, resetMs: untilFull(tight.bucket, now) }
}

/** FNV-1a, 32 bits: spreads limits over gateways, nothing more. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
