/**
 * Compares the two versions of a release by the records of their requests: what is known of each request, units in order, and for each metric the
 * evidence for harm and for safety. It keeps all that in memory and can be stored as text at any moment; records that come again are told by gateway,
 * boot and number, so each counts once however often control is killed.
 */
import type { FeedbackRecord, RequestRecord } from '../../monitoring/request-records.ts'
import type { Metric, MetricReport } from '../../resources/comparison.ts'
import type { Arm } from '../statistics/difference.ts'
import { Callers, isAmong } from './callers.ts'
import { Cohort, type CohortState } from './cohort.ts'
import type { Evidence } from './findings.ts'
import { evidenceOf, type Findings, reportOf } from './findings.ts'
import { addTo, type Judgement, judge, noSums, type Sums, startJudgement } from './judgement.ts'
import { endOf, LATE_MS, outcomeValue, rate, type WatchedRequest, type Windows } from './outcome.ts'
import { type Counted, UnitQueue, type UnitQueueState, type WatchedUnit } from './unit-queue.ts'

export interface ComparisonPlan {
  /** What assignments of this try are called. */
  readonly key: string
  readonly from: string
  readonly to: string
  /** Probability of `to` among the two, in (0, 1), where it never changes; else assignments say it. */
  readonly share?: number
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

interface State extends CohortState {
  readonly plan: ComparisonPlan
  readonly positions: Record<string, { boot: string; seq: number }>
  readonly open: Record<string, KnownRequest>
  readonly queues: readonly UnitQueueState[]
  /** Callers that have come, ever. */
  readonly callers: string
  /** [queue][metric] */
  readonly tests: Judgement[][]
  readonly sums: Sums[][]
  /** Milliseconds since the epoch: when the first and the last unit were counted. */
  readonly counted: { first?: number; last?: number; settledAt?: number }
  /** Part of the units that is looked at. */
  readonly sample: number
  /** Units that came to each arm, counted as they came. */
  readonly met: Readonly<Record<Arm, number>>
}

export type ComparisonState = State

/** A round is due every half second; time may go ten times as fast until it has caught up. */
const MOST_AT_ONCE_MS = 5_000
/** More units and requests than this at the same time, or more callers ever, and half of them suffice. All of it is stored every few seconds. */
const MOST_WATCHED = 10_000
const MOST_SEEN = 50_000

export class Comparison {
  readonly plan: ComparisonPlan
  readonly #positions: Map<string, { boot: string; seq: number }>
  readonly #cohort: Cohort
  readonly #open: Map<string, KnownRequest>
  readonly #queues: UnitQueue[]
  readonly #callers: Callers
  readonly #tests: Judgement[][]
  readonly #sums: Sums[][]
  readonly #counted: { first?: number; last?: number; settledAt?: number }
  readonly #met: Record<Arm, number>
  #sample: number

  private constructor(state: State) {
    this.plan = state.plan
    this.#positions = new Map(Object.entries(state.positions))
    this.#cohort = new Cohort(state.plan.metrics, state.plan.windows.request, state)
    this.#open = new Map(Object.entries(state.open))
    this.#queues = state.queues.map((queue) => new UnitQueue(queue))
    this.#callers = callersOf(state)
    this.#tests = state.tests
    this.#sums = state.sums
    this.#counted = { ...state.counted }
    this.#sample = state.sample
    // An older program counted none.
    this.#met = { baseline: 0, candidate: 0, ...(state.met as State['met'] | undefined) }
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
      callers: '',
      tests: each(startJudgement),
      sums: each(noSums),
      counted: {},
      sample: 1,
      met: { baseline: 0, candidate: 0 },
    })
  }

  static parse(text: string): Comparison {
    return Comparison.from(JSON.parse(text) as State)
  }

  static from(state: State): Comparison {
    return new Comparison(state)
  }

  serialize(): string {
    return JSON.stringify(this)
  }

  toJSON(): State {
    return {
      plan: this.plan,
      positions: Object.fromEntries(this.#positions),
      ...this.#cohort.state(),
      open: Object.fromEntries(this.#open),
      queues: this.#queues.map((queue) => queue.serialize()),
      callers: this.#callers.toJSON(),
      tests: this.#tests,
      sums: this.#sums,
      counted: this.#counted,
      sample: this.#sample,
      met: this.#met,
    }
  }

  /** True where the record is of this release and new. */
  add(record: RequestRecord): boolean {
    const position = this.#positions.get(record.gateway)
    if (position && (record.boot < position.boot || (record.boot === position.boot && record.seq <= position.seq))) return false
    if (record.type === 'feedback') return this.#rate(record)
    const assignment = record.assignments?.find(({ by }) => by === this.plan.key)
    if (!assignment || (assignment.arm !== this.plan.to && assignment.arm !== this.plan.from)) return false
    this.#positions.set(record.gateway, { boot: record.boot, seq: record.seq })
    const ran = record.type === 'finished' ? record.times.total : record.after
    const arm = assignment.arm === this.plan.to ? 'candidate' : 'baseline'
    const share = this.plan.share ?? (arm === 'candidate' ? assignment.share : 100 - assignment.share) / 100
    const unit = assignment.unitKind === 'random' ? undefined : `${assignment.unitKind}:${assignment.unit}`
    // One that is not known and has run for longer was dropped when nothing was waited for any more.
    const late = ran > this.plan.windows.request
    const request = this.#open.get(record.id) ?? (late ? undefined : this.#meet(record.id, Date.parse(record.time) - ran, unit, arm, share))
    if (!request) return true
    request.consumer ??= consumerOf(record)
    if (record.type !== 'progress') request.stream = record.stream === true
    if (record.type === 'progress') request.firstToken = record.firstToken
    if (record.type === 'finished') {
      request.firstToken = record.times.firstToken ?? request.firstToken
      request.ended = endOf(record)
    }
    this.#cohort.learn(record.id, request)
    return true
  }

  /**
   * Counts what is known at this moment. True where there was something. After a pause of control the time of judging only catches up, for what was
   * written meanwhile must be read before anything is taken for missing.
   */
  settle(time: number, onCounted?: (queue: number, metric: number, units: readonly Counted[]) => void): boolean {
    let some = false
    const { settledAt = time } = this.#counted
    const now = Math.min(time, settledAt + MOST_AT_ONCE_MS)
    this.#counted.settledAt = now
    this.#cohort.settle(now)
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
        onCounted?.(q, m, units)
      }
    return some
  }

  evidence(share: number, first = 0): Evidence {
    return evidenceOf(this.findings(), share, first)
  }

  report(share: number): MetricReport[] {
    return reportOf(this.findings(), share)
  }

  findings(): Findings {
    return { plan: this.plan, tests: this.#tests, sums: this.#sums, thresholds: this.#cohort.thresholds, counted: this.#counted }
  }

  /** Units that came to each arm so far, of those that are looked at. */
  get met(): Readonly<Record<Arm, number>> {
    return this.#met
  }

  /** Feedback counts only from the consumer whose request it was; the last one before the request is counted. */
  #rate(record: FeedbackRecord): boolean {
    const request = this.#open.get(record.request)
    if (!request || request.consumer !== consumerOf(record)) return false
    this.#positions.set(record.gateway, { boot: record.boot, seq: record.seq })
    rate(request, record.score, Date.parse(record.time), this.plan.windows.feedback)
    return true
  }

  /** The request's units in the queues that it counts in. */
  #meet(id: string, at: number, unit: string | undefined, arm: Arm, share: number): KnownRequest | undefined {
    const name = unit ?? id
    if (!this.#admits(name)) return undefined
    const queues = this.#queues.flatMap((queue, q) => ((queue.watched === 0) === (unit === undefined) ? [q] : []))
    const isNew = unit === undefined || !this.#callers.has(name)
    if (isNew) this.#met[arm] += 1
    if (isNew && unit !== undefined) this.#callers.add(name)
    const counting = queues.filter((q) => {
      const found = this.#queues[q]!.unitOf(name, at, arm, share, isNew)
      if (found) for (let m = 0; m < found.open.length; m++) found.open[m]! += 1
      return found !== undefined
    })
    const request: KnownRequest = { at, unit: name, arm, queues: counting, known: this.plan.metrics.map(() => false) }
    this.#open.set(id, request)
    if (arm === 'baseline') this.#cohort.note(id, at)
    this.#sampleLess()
    return request
  }

  /**
   * Where there is more than can be held, half of it is looked at from now on: by a hash of its name, which knows nothing of how it goes nor of its
   * version. What has been counted stays counted.
   */
  #sampleLess(): void {
    const watched = this.#open.size + Math.max(...this.#queues.map(({ size }) => size))
    if (watched <= MOST_WATCHED && this.#callers.size <= MOST_SEEN) return
    this.#sample /= 2
    this.#callers.keepOnly(this.#sample)
    for (const queue of this.#queues) queue.keepOnly((id) => this.#admits(id))
    for (const [id, { unit }] of this.#open) if (!this.#admits(unit)) this.#open.delete(id)
  }

  #waitFor(metric: Metric): number {
    return metric.name === 'feedback' ? this.plan.windows.feedback : this.plan.windows.request
  }

  #longestWait(): number {
    return Math.max(...this.plan.metrics.map((metric) => this.#waitFor(metric)))
  }

  #learn(request: KnownRequest, now: number): void {
    for (const [m, metric] of this.plan.metrics.entries()) {
      if (request.known[m]) continue
      const value = outcomeValue(metric, request, this.#cohort.thresholds[m] ?? undefined, this.plan.windows, now)
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

  #admits(name: string): boolean {
    return isAmong(name, this.#sample)
  }
}

function consumerOf({ namespace, consumer }: { readonly namespace?: string; readonly consumer?: string }): string | undefined {
  return consumer === undefined ? undefined : `${namespace}/${consumer}`
}

/** An older program had them in its queues, by name. */
function callersOf({ callers, queues }: State): Callers {
  const found = new Callers(callers)
  for (const { seen = [] } of queues as (UnitQueueState & { seen?: string[] })[]) for (const name of seen) found.add(name)
  return found
}
