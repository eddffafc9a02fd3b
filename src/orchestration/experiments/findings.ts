/** What is found of one arm beside the control: how much better it is, and how far that is proven. Pure. */

import type { MetricReport } from '../../resources/comparison.ts'
import { type Effect, isGradual } from '../../resources/experiment.ts'
import type { Comparison } from '../comparison/comparison.ts'
import { missing, paceOf, safetyQueues, shownOf } from '../comparison/findings.ts'
import { effectiveUnits, meanOf, type Sum } from '../comparison/judgement.ts'
import { adjust, type PairMoments } from '../statistics/cuped.ts'
import type { Arm } from '../statistics/difference.ts'
import { atLeastPooled, differenceAsymptoticInterval, differenceAsymptoticP, type Moments } from '../statistics/mean-asymptotic.ts'
import { meanMixtureInterval } from '../statistics/mean-mixture.ts'
import { type SampleRatioTest, sampleRatioP } from '../statistics/sample-ratio.ts'
import { type ExperimentPlan, FIRST_GUARDRAIL, FUTILITY, PRIMARY } from './plan.ts'

export interface ArmFinding {
  readonly name: string
  /** Callers that came to the control and to this arm. */
  readonly exposed: Readonly<Record<Arm, number>>
  readonly effect: Effect
  /** Parts of the evidence that is needed: 1 is enough. */
  readonly better: number
  readonly worse: number
  readonly futile: number
  /** Every judged guardrail is shown not to be worse by its margin. */
  readonly guarded: boolean
  /** One sentence: the primary metric, or a guardrail, is proven worse. */
  readonly harm?: string
  /** The metrics of which that is proven. */
  readonly harmBy: readonly string[]
  /** What is missing until all guardrails are shown to be safe, in words. */
  readonly missing: string
  /** Units of both until the arm is shown to be better, if it is by the minimum effect. Infinite: no number would do. */
  readonly unitsMissing: number
  /** Units a second so far. */
  readonly pace: number
  readonly metrics: readonly MetricReport[]
  /** The level at which it would be rejected that callers come as set. */
  readonly ratioP: number
}

interface Seen {
  readonly ratio: SampleRatioTest
  readonly moments: Readonly<Record<Arm, PairMoments>>
  readonly leastP: number
}

/** Asymptotic sequences are believed from so many units in each arm. */
const FEWEST = 500

/** @param isAdjusted Callers were watched before. */
export function findingOf(
  plan: ExperimentPlan,
  comparison: Comparison,
  { ratio, moments, leastP }: Seen,
  { isAdjusted }: { readonly isAdjusted: boolean },
): ArmFinding {
  const findings = comparison.findings()
  const share = comparison.plan.share ?? 0.5
  const reports = comparison.report(share)
  const evidence = comparison.evidence(share, FIRST_GUARDRAIL)
  // Where two ways may show the same, each has half of the level.
  const decidesToo = isGradual(plan.primary)
  const alpha = decidesToo ? plan.alpha / 2 : plan.alpha
  const adjusted = momentsOf(moments, isAdjusted)
  const interval = differenceAsymptoticInterval(adjusted.baseline, adjusted.candidate, alpha, { fewest: FEWEST })
  const asymptotic = {
    better: decidesToo && interval.upper < 0 ? 1 : 0,
    futile: decidesToo && interval.lower > -plan.primary.minimumEffect / 100 ? 1 : 0,
  }
  const judged = plan.comparisons[0]!.metrics.flatMap(({ watch, margin }, m) =>
    m >= FIRST_GUARDRAIL && !watch && margin !== undefined ? [m] : [],
  )
  const queue = safetyQueues(findings).reduce((most, each) => (unitsIn(each) > unitsIn(most) ? each : most))
  function unitsIn(each: number): number {
    const { baseline, candidate } = findings.sums[each]![PRIMARY]!
    return baseline.units + candidate.units
  }
  const better = part(Math.max(shownOf(findings, PRIMARY, 'safety', alpha / 2), asymptotic.better))
  const futile = part(Math.max(shownOf(findings, FUTILITY, 'harm', alpha), asymptotic.futile))
  const worse = part(reports[PRIMARY]!.harm ?? 0)
  const estimated = effectOf(plan, findings.sums[queue]![PRIMARY]!, adjusted, interval, {
    p: pOf(comparison, decidesToo ? leastP : undefined),
    saved: isAdjusted ? adjusted.saved : undefined,
    alpha,
  })
  return {
    name: comparison.plan.to,
    exposed: comparison.met,
    effect: asProven(estimated, { better, worse, futile }, plan.primary.minimumEffect),
    better,
    worse,
    futile,
    guarded: judged.every((m) => shownOf(findings, m, 'safety') >= 1),
    ...(evidence.harm === undefined ? {} : { harm: evidence.harm }),
    harmBy: reports.filter(({ verdict }) => verdict === 'harm').map(({ name }) => name),
    missing: evidence.missing,
    unitsMissing: missing(findings, PRIMARY, share, plan.primary.minimumEffect / 100),
    pace: paceOf(findings),
    metrics: reports.filter((_, m) => m !== FUTILITY),
    ratioP: sampleRatioP(ratio),
  }
}

/** An interval of each arm by itself may hold what the test of both has refuted. */
function asProven(effect: Effect, { better, worse, futile }: Pick<ArmFinding, 'better' | 'worse' | 'futile'>, minimum: number): Effect {
  const low = better >= 1 ? Math.max(effect.low, 0) : effect.low
  const high = Math.min(effect.high, worse >= 1 ? 0 : Number.POSITIVE_INFINITY, futile >= 1 ? minimum : Number.POSITIVE_INFINITY)
  // What was proven once stays proven, wherever the estimate has gone since.
  return low <= high ? { ...effect, low, high } : effect
}

/** The smallest level at which the asymptotic sequence says by now that the arms differ. */
export function observedP(moments: Readonly<Record<Arm, PairMoments>>): number {
  const { baseline, candidate } = momentsOf(moments, true)
  return differenceAsymptoticP(baseline, candidate, 0, { fewest: FEWEST })
}

function momentsOf({ baseline, candidate }: Readonly<Record<Arm, PairMoments>>, isAdjusted: boolean) {
  const { arms, saved } = isAdjusted ? adjust([baseline, candidate]) : { arms: [plain(baseline), plain(candidate)], saved: 0 }
  const [one, other] = atLeastPooled(arms[0]!, arms[1]!)
  return { baseline: one, candidate: other, saved }
}

const plain = ({ n, meanY, yy }: PairMoments): Moments => ({ n, mean: meanY, squares: yy })

/** For two sides, and for each queue that may show it: e-processes by Ville's inequality. */
function pOf(comparison: Comparison, asymptotic: number | undefined): number {
  const findings = comparison.findings()
  const queues = safetyQueues(findings)
  const peak = Math.max(
    ...queues.flatMap((queue) => [findings.tests[queue]![PRIMARY]!.harm.peak, findings.tests[queue]![PRIMARY]!.safety.peak]),
  )
  const exact = Math.min(1, 2 * queues.length * Math.exp(-peak))
  return asymptotic === undefined ? exact : Math.min(1, 2 * Math.min(exact, asymptotic))
}

function effectOf(
  { primary }: ExperimentPlan,
  sums: Readonly<Record<Arm, Sum>>,
  adjusted: Readonly<Record<Arm, Moments>>,
  interval: { readonly lower: number; readonly upper: number },
  { p, saved, alpha }: { readonly p: number; readonly saved: number | undefined; readonly alpha: number },
): Effect {
  const told = {
    level: Number((100 * (1 - alpha)).toFixed(2)),
    p: Number(p.toPrecision(3)),
    ...(saved === undefined ? {} : { saved: Math.round(saved * 1000) / 1000 }),
  }
  const isLarge = Number.isFinite(interval.lower) && isGradual(primary)
  if (isLarge) {
    const value = adjusted.baseline.mean - adjusted.candidate.mean
    return { value: points(value), low: points(-interval.upper), high: points(-interval.lower), by: 'asymptotic', ...told }
  }
  const [control, arm] = [bandOf(sums.baseline, alpha / 2), bandOf(sums.candidate, alpha / 2)]
  const isKnown = sums.baseline.units > 0 && sums.candidate.units > 0
  return {
    ...(isKnown ? { value: points(control.mean - arm.mean) } : {}),
    low: points(control.lower - arm.upper),
    high: points(control.upper - arm.lower),
    by: 'exact',
    ...told,
  }
}

function bandOf(sum: Sum, alpha: number) {
  const units = Math.floor(effectiveUnits(sum))
  const mean = Math.min(1, Math.max(0, meanOf(sum)))
  return { mean, ...meanMixtureInterval(units, mean * units, alpha) }
}

const points = (share: number) => Math.round(share * 100_000) / 1000
/** Rounded down: 1 is a proof. */
const part = (value: number) => Math.floor(Math.min(1, Math.max(0, value)) * 1000) / 1000
