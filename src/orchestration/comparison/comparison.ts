/**
 * Compares the two versions of a release by the records of their requests: what is known of each request, units in order, and for each metric the
 * evidence for harm and for safety. It keeps all that in memory and can be stored as text at any moment; records that come again are told by gateway,
 * boot and number, so each counts once however often control is killed.
 */
import type { FeedbackRecord, FinishedRecord, RequestRecord } from '../../monitoring/request-records.ts'
import type { Metric, MetricReport } from '../../resources/comparison.ts'
import type { Arm } from '../statistics/difference.ts'
import type { Evidence } from './findings.ts'
import { evidenceOf, type Findings, reportOf } from './findings.ts'
import { addTo, type Judgement, judge, noSums, type Sums, startJudgement } from './judgement.ts'
import { endOf, LATE_MS, outcomeValue, timeOf, type WatchedRequest, type Windows } from './outcome.ts'
import { UnitQueue, type UnitQueueState, type WatchedUnit } from './unit-queue.ts'

export interface ComparisonPlan {
  /** What assignments of this try are called. */
  readonly key: string
  readonly from: string
  readonly to: string
  readonly metrics: readonly Metric[]
  /** Level of the tests, in (0, 1). */
  readonly alpha: number
  readonly windows: Windows
  /** Milliseconds that units are watched, a queue each; 0: a unit is one request. */
  readonly watched: readonly number[]
}

interface KnownRequest extends WatchedRequest {
  consumer?: string | undefined
  readonly unit: string
  readonly arm: Arm
  /** Queues in which it counts. */
  readonly queues: readonly number[]
  /** Metrics whose value is known. */
  readonly known: boolean[]
}

interface State {
  readonly plan: ComparisonPlan
  readonly positions: Record<string, { boot: string; seq: number }>
  readonly thresholds: (number | null)[]
  /**
   * The first requests of the baseline, in the order of their assignment, with their times for each metric: null where there is none, absent while it
   * runs. Those that end first would be the quick ones.
   */
  readonly cohort: Record<string, { readonly at: number; times?: (number | null)[] }>
  readonly open: Record<string, KnownRequest>
  readonly queues: readonly UnitQueueState[]
  /** [queue][metric] */
  readonly tests: Judgement[][]
  readonly sums: Sums[][]
  /** Milliseconds since the epoch: when the first and the last unit were counted. */
  readonly counted: { first?: number; last?: number; settledAt?: number }
  /** Part of the units that is looked at. */
  readonly sample: number
}

/** Requests of the old version from which a threshold is made, where nothing was known of it before. */
const THRESHOLD_SAMPLE = 200
/** A round is due every half second; time may go ten times as fast until it has caught up. */
const MOST_AT_ONCE_MS = 5_000
/** More units and requests than this at the same time, or more callers ever, and half of them suffice. All of it is stored every few seconds. */
const MOST_WATCHED = 10_000
const MOST_SEEN = 50_000

export class Comparison {
  readonly plan: ComparisonPlan
  readonly #positions: Map<string, { boot: string; seq: number }>
  readonly #thresholds: (number | null)[]
  readonly #cohort: Map<string, { readonly at: number; times?: (number | null)[] }>
  readonly #open: Map<string, KnownRequest>
  readonly #queues: UnitQueue[]
  readonly #tests: Judgement[][]
  readonly #sums: Sums[][]
  readonly #counted: { first?: number; last?: number; settledAt?: number }
  #sample: number

  private constructor(state: State) {
    this.plan = state.plan
    this.#positions = new Map(Object.entries(state.positions))
    this.#thresholds = [...state.thresholds]
    this.#cohort = new Map(Object.entries(state.cohort))
    this.#open = new Map(Object.entries(state.open))
    this.#queues = state.queues.map((queue) => new UnitQueue(queue))
    this.#tests = state.tests
    this.#sums = state.sums
    this.#counted = { ...state.counted }
    this.#sample = state.sample
  }

  /** @param thresholds Milliseconds from which a request is slow, for each metric; undefined where that is to be found from the first requests. */
  static begin(plan: ComparisonPlan, thresholds: readonly (number | undefined)[] = []): Comparison {
    const each = <T>(make: (metric: Metric) => T) => plan.watched.map(() => plan.metrics.map(make))
    return new Comparison({
      plan,
      positions: {},
      thresholds: plan.metrics.map((_, i) => thresholds[i] ?? null),
      cohort: {},
      open: {},
      queues: plan.watched.map((watched) => UnitQueue.empty(watched, plan.metrics.length).serialize()),
      tests: each(startJudgement),
      sums: each(noSums),
      counted: {},
      sample: 1,
    })
  }

  static parse(text: string): Comparison {
    return new Comparison(JSON.parse(text) as State)
  }

  serialize(): string {
    const state: State = {
      plan: this.plan,
      positions: Object.fromEntries(this.#positions),
      thresholds: this.#thresholds,
      cohort: Object.fromEntries(this.#cohort),
      open: Object.fromEntries(this.#open),
      queues: this.#queues.map((queue) => queue.serialize()),
      tests: this.#tests,
      sums: this.#sums,
      counted: this.#counted,
      sample: this.#sample,
    }
    return JSON.stringify(state)
  }

  /** True where the record is of this release and new. */
  add(record: RequestRecord): boolean {
    const position = this.#positions.get(record.gateway)
    if (position && (record.boot < position.boot || (record.boot === position.boot && record.seq <= position.seq))) return false
    if (record.type === 'feedback') return this.#rate(record)
    const assignment = record.assignments?.find(({ by }) => by === this.plan.key)
    if (!assignment) return false
    this.#positions.set(record.gateway, { boot: record.boot, seq: record.seq })
    const ran = record.type === 'finished' ? record.times.total : record.after
    const arm = assignment.arm === this.plan.to ? 'candidate' : 'baseline'
    const share = (arm === 'candidate' ? assignment.share : 100 - assignment.share) / 100
    const unit = assignment.unitKind === 'random' ? undefined : `${assignment.unitKind}:${assignment.unit}`
    // One that is not known and has run for longer was dropped when nothing was waited for any more.
    const late = ran > this.plan.windows.request
    const request = this.#open.get(record.id) ?? (late ? undefined : this.#meet(record.id, Date.parse(record.time) - ran, unit, arm, share))
    if (!request) return true
    request.consumer ??= consumerOf(record)
    if (record.type === 'progress') request.firstToken = record.firstToken
    if (record.type === 'finished') this.#end(record, request)
    return true
  }

  /**
   * Counts what is known at this moment. True where there was something. After a pause of control the time of judging only catches up, for what was
   * written meanwhile must be read before anything is taken for missing.
   */
  settle(time: number): boolean {
    let some = false
    const { settledAt = time } = this.#counted
    const now = Math.min(time, settledAt + MOST_AT_ONCE_MS)
    this.#counted.settledAt = now
    this.#settleThresholds(now)
    const longest = this.#longestWait()
    for (const [id, request] of this.#open) {
      this.#learn(request, now)
      if ((request.ended || now - request.at > longest + 2 * LATE_MS) && request.known.every(Boolean)) this.#open.delete(id)
    }
    for (const [q, queue] of this.#queues.entries())
      for (const [m, metric] of this.plan.metrics.entries()) {
        const over = now - queue.watched - (queue.watched > 0 ? this.#waitFor(metric) + 2 * LATE_MS : 0)
        const units = queue.count(m, metric.name === 'errorRate', now - LATE_MS, over)
        if (units.length === 0) continue
        some = true
        this.#counted.first ??= now
        this.#counted.last = now
        const sums = this.#sums[q]![m]!
        for (const unit of units) addTo(sums, unit)
        this.#tests[q]![m] = judge(this.#tests[q]![m]!, units)
      }
    return some
  }

  evidence(share: number): Evidence {
    return evidenceOf(this.#findings(), share)
  }

  report(share: number): MetricReport[] {
    return reportOf(this.#findings(), share)
  }

  /** Feedback counts only from the consumer whose request it was; the last one before the request is counted. */
  #rate(record: FeedbackRecord): boolean {
    const request = this.#open.get(record.request)
    if (!request || request.consumer !== consumerOf(record)) return false
    this.#positions.set(record.gateway, { boot: record.boot, seq: record.seq })
    request.score = record.score
    return true
  }

  /** The request's units in the queues that it counts in. */
  #meet(id: string, at: number, unit: string | undefined, arm: Arm, share: number): KnownRequest | undefined {
    const name = unit ?? id
    if (!this.#admits(name)) return undefined
    const queues = this.#queues.flatMap((queue, q) => ((queue.watched === 0) === (unit === undefined) ? [q] : []))
    const counting = queues.filter((q) => {
      const found = this.#queues[q]!.unitOf(name, at, arm, share)
      if (found) for (let m = 0; m < found.open.length; m++) found.open[m]! += 1
      return found !== undefined
    })
    const request: KnownRequest = { at, unit: name, arm, queues: counting, known: this.plan.metrics.map(() => false) }
    this.#open.set(id, request)
    if (arm === 'baseline' && this.#cohort.size < THRESHOLD_SAMPLE && this.#isWithoutThreshold()) this.#cohort.set(id, { at })
    this.#sampleLess()
    return request
  }

  /**
   * Where there is more than can be held, half of it is looked at from now on: by a hash of its name, which knows nothing of how it goes nor of its
   * version. What has been counted stays counted.
   */
  #sampleLess(): void {
    const watched = this.#open.size + Math.max(...this.#queues.map(({ size }) => size))
    if (watched <= MOST_WATCHED && this.#queues.every(({ seen }) => seen <= MOST_SEEN)) return
    this.#sample /= 2
    for (const queue of this.#queues) queue.keepOnly((id) => this.#admits(id))
    for (const [id, { unit }] of this.#open) if (!this.#admits(unit)) this.#open.delete(id)
  }

  #isWithoutThreshold(): boolean {
    return this.plan.metrics.some((metric, m) => 'quantile' in metric && this.#thresholds[m] === null)
  }

  #waitFor(metric: Metric): number {
    return metric.name === 'feedback' ? this.plan.windows.feedback : this.plan.windows.request
  }

  #longestWait(): number {
    return Math.max(...this.plan.metrics.map((metric) => this.#waitFor(metric)))
  }

  #end(record: FinishedRecord, request: KnownRequest): void {
    if (record.times.firstToken !== undefined) request.firstToken = record.times.firstToken
    const ended = endOf(record)
    if (!ended) {
      this.#open.delete(record.id)
      return this.#settleAll(request)
    }
    request.ended = ended
    const known = this.#cohort.get(record.id)
    if (known) known.times = this.plan.metrics.map(({ name }) => timeOf(name, request) ?? null)
  }

  /** The metrics of a request that says nothing. */
  #settleAll(request: KnownRequest): void {
    for (const [m, known] of request.known.entries()) if (!known) this.#note(request, m, null)
  }

  #learn(request: KnownRequest, now: number): void {
    for (const [m, metric] of this.plan.metrics.entries()) {
      if (request.known[m]) continue
      const value = outcomeValue(metric, request, this.#thresholds[m] ?? undefined, this.plan.windows, now)
      if (value !== undefined) this.#note(request, m, value)
    }
  }

  #note(request: KnownRequest, m: number, value: number | null): void {
    request.known[m] = true
    for (const q of request.queues) {
      const unit: WatchedUnit | undefined = this.#queues[q]?.get(request.unit)
      if (!unit) continue
      unit.open[m]! -= 1
      if (value === null) continue
      unit.sums[m]! += value
      unit.counts[m]! += 1
    }
  }

  /** Once all of the first requests have ended, or are not waited for any more. */
  #settleThresholds(now: number): void {
    if (this.#cohort.size < THRESHOLD_SAMPLE) return
    const running = (each: { at: number; times?: unknown }) =>
      each.times === undefined && now - each.at < this.plan.windows.request + LATE_MS
    const cohort = [...this.#cohort.values()]
    if (cohort.some(running)) return
    this.#cohort.clear()
    for (const [m, metric] of this.plan.metrics.entries()) {
      if (!('quantile' in metric) || this.#thresholds[m] !== null) continue
      // What has not ended is slower than all that has.
      const times = cohort
        .flatMap(({ times }) => (times === undefined ? [this.plan.windows.request] : (times[m] ?? [])))
        .sort((a, b) => a - b)
      const found = times[Math.floor((metric.quantile / 100) * times.length)]
      if (found !== undefined) this.#thresholds[m] = found
    }
  }

  #findings(): Findings {
    return { plan: this.plan, tests: this.#tests, sums: this.#sums, thresholds: this.#thresholds, counted: this.#counted }
  }

  #admits(name: string): boolean {
    return this.#sample === 1 || hash(name) < this.#sample * 2 ** 32
  }
}

function consumerOf({ namespace, consumer }: { readonly namespace?: string; readonly consumer?: string }): string | undefined {
  return consumer === undefined ? undefined : `${namespace}/${consumer}`
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
