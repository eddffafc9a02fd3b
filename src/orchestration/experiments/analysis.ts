/**
 * What an experiment has seen: a comparison of each arm with the control, whether callers come to the arms as they should, and the moments of the
 * primary metric, from which its effect is estimated. Kept as one text, so that a control that is killed goes on where it was.
 */
import type { RequestRecord } from '../../monitoring/request-records.ts'
import { Comparison, type ComparisonState } from '../comparison/comparison.ts'
import { safetyQueues } from '../comparison/findings.ts'
import type { Counted } from '../comparison/unit-queue.ts'
import { NO_PAIRS, observePairs, type PairMoments } from '../statistics/cuped.ts'
import type { Arm } from '../statistics/difference.ts'
import { observeCounts, type SampleRatioTest, startSampleRatioTest } from '../statistics/sample-ratio.ts'
import { Before, type BeforeState } from './before.ts'
import { type Point, thinned } from './course.ts'
import { type ArmFinding, findingOf, observedP } from './findings.ts'
import { type ExperimentPlan, PRIMARY } from './plan.ts'

/** Of one arm beside the control. */
interface ArmState {
  readonly ratio: SampleRatioTest
  readonly met: Readonly<Record<Arm, number>>
  readonly moments: Readonly<Record<Arm, PairMoments>>
  /** The least p of the asymptotic sequence so far. */
  readonly leastP: number
  readonly course: readonly Point[]
}

interface State {
  readonly plan: ExperimentPlan
  readonly comparisons: readonly ComparisonState[]
  readonly arms: readonly ArmState[]
  readonly before: BeforeState
  /** Mean of what was known before; undefined while callers are not divided, and where nothing is known. */
  readonly usual?: number
}

export class ExperimentAnalysis {
  readonly plan: ExperimentPlan
  readonly before: Before
  readonly #comparisons: readonly Comparison[]
  readonly #arms: ArmState[]
  #usual: number | undefined
  #stopped: ReadonlySet<string> = new Set()

  private constructor({ plan, comparisons, arms, before, usual }: State) {
    this.plan = plan
    this.before = new Before(plan.key, plan.primary, before)
    this.#comparisons = comparisons.map((each) => Comparison.from(each))
    this.#arms = [...arms]
    this.#usual = usual
  }

  static begin(plan: ExperimentPlan): ExperimentAnalysis {
    const none = { baseline: 0, candidate: 0 }
    return new ExperimentAnalysis({
      plan,
      comparisons: plan.comparisons.map((each) => Comparison.begin(each).toJSON()),
      arms: plan.comparisons.map(({ share = 0.5 }) => ({
        ratio: startSampleRatioTest([1 - share, share]),
        met: none,
        moments: { baseline: NO_PAIRS, candidate: NO_PAIRS },
        leastP: 1,
        course: [],
      })),
      before: { positions: {}, callers: {}, rated: [] },
    })
  }

  static parse(text: string): ExperimentAnalysis {
    return new ExperimentAnalysis(JSON.parse(text) as State)
  }

  serialize(): string {
    const state: State = {
      plan: this.plan,
      comparisons: this.#comparisons.map((each) => each.toJSON()),
      arms: this.#arms,
      before: this.before.toJSON(),
      ...(this.#usual === undefined ? {} : { usual: this.#usual }),
    }
    return JSON.stringify(state)
  }

  /** Callers are divided from now on: what is known of them before is what it is. */
  divide(): void {
    this.before.close()
    this.#usual ??= this.before.mean()
  }

  /** True where the record is of this experiment and new. */
  add(record: RequestRecord): boolean {
    let some = this.#usual === undefined && this.plan.prepared && this.before.add(record)
    for (const comparison of this.#comparisons) if (!this.#stopped.has(comparison.plan.to)) some = comparison.add(record) || some
    return some
  }

  /**
   * Counts what is known at this moment. True where there was something.
   *
   * @param stopped Arms that get nothing any more: beside them the control would have callers alone.
   */
  settle(now: number, stopped: ReadonlySet<string>): boolean {
    let some = false
    this.#stopped = stopped
    for (const [i, comparison] of this.#comparisons.entries()) {
      if (stopped.has(comparison.plan.to)) continue
      const shown = safetyQueues(comparison.findings())
      const counted = comparison.settle(now, (queue, metric, units) => {
        if (metric === PRIMARY && shown.includes(queue)) this.#observe(i, units)
      })
      const met = this.#observeRatio(i, comparison.met)
      some = counted || met || some
      if (counted) this.#note(i, now)
    }
    return some
  }

  /** What is found of each arm beside the control. */
  findings(): ArmFinding[] {
    return this.#comparisons.map((comparison, i) =>
      findingOf(this.plan, comparison, this.#arms[i]!, { isAdjusted: this.#usual !== undefined }),
    )
  }

  /** How the effects of those arms have narrowed. */
  courses(): readonly (readonly Point[])[] {
    return this.#arms.map(({ course }) => course)
  }

  #observe(i: number, units: readonly Counted[]): void {
    const arm = this.#arms[i]!
    const pairs = { baseline: [] as { x: number; y: number }[], candidate: [] as { x: number; y: number }[] }
    for (const { id, arm: which, value } of units)
      pairs[which].push({ x: (this.#usual === undefined ? undefined : this.before.of(id)) ?? this.#usual ?? 0, y: value })
    const moments = {
      baseline: observePairs(arm.moments.baseline, pairs.baseline),
      candidate: observePairs(arm.moments.candidate, pairs.candidate),
    }
    this.#arms[i] = { ...arm, moments, leastP: Math.min(arm.leastP, observedP(moments)) }
  }

  #observeRatio(i: number, met: Readonly<Record<Arm, number>>): boolean {
    const arm = this.#arms[i]!
    const more = [met.baseline - arm.met.baseline, met.candidate - arm.met.candidate]
    if (more.every((count) => count === 0)) return false
    this.#arms[i] = { ...arm, met: { ...met }, ratio: observeCounts(arm.ratio, more) }
    return true
  }

  #note(i: number, now: number): void {
    const arm = this.#arms[i]!
    const { effect } = findingOf(this.plan, this.#comparisons[i]!, arm, { isAdjusted: this.#usual !== undefined })
    if (effect.value === undefined) return
    const course = thinned(arm.course, [now, effect.value, effect.low, effect.high])
    if (course !== arm.course) this.#arms[i] = { ...arm, course }
  }
}
