/** What a comparison has found so far, as a decision and as figures for people. Pure. */
import type { Metric, MetricReport } from '../../resources/comparison.ts'
import { evidenceNeeded, refutedOfAny } from '../statistics/combine.ts'
import { meanMixtureInterval } from '../statistics/mean-mixture.ts'
import type { ComparisonPlan } from './comparison.ts'
import { effectiveUnits, type Judgement, meanOf, missingUntilSafe, type Sum, type Sums } from './judgement.ts'
import { harmSentence, missingSentence } from './words.ts'

export interface Findings {
  readonly plan: ComparisonPlan
  /** [queue][metric] */
  readonly tests: readonly (readonly Judgement[])[]
  readonly sums: readonly (readonly Sums[])[]
  /** Milliseconds, for each metric; null where there is none, or none yet. */
  readonly thresholds: readonly (number | null)[]
  /** Milliseconds since the epoch. */
  readonly counted: { readonly first?: number; readonly last?: number }
}

/** What the comparison has shown so far. */
export interface Evidence {
  /** One sentence: the new version is worse. */
  readonly harm?: string
  /** Every judged metric is shown not to be worse by its margin. */
  readonly safe: boolean
  /** Every check is good; without one it is. */
  readonly good: boolean
  /** Units of the new version that were counted. */
  readonly units: number
  /** What is missing until `safe`, in words. */
  readonly missing: string
}

/** Level of the intervals that are drawn. */
const DRAWN_ALPHA = 0.05

/**
 * @param share Of the new version, in [0, 1].
 * @param first Of the metrics that must be shown to be safe; those before it are only looked at for harm.
 */
export function evidenceOf(findings: Findings, share: number, first = 0): Evidence {
  const { plan, tests, sums, thresholds } = findings
  const judged = tests.flatMap((ofQueue, queue) =>
    ofQueue.flatMap((test, m) => (plan.metrics[m]!.watch ? [] : [{ harm: test.harm, queue, m }])),
  )
  const [harmed] = refutedOfAny(
    judged.map(({ harm }) => harm),
    plan.alpha,
  )
  const worse = harmed === undefined ? undefined : judged[harmed]!
  const open = plan.metrics.flatMap((metric, m) => {
    if (m < first || metric.watch || metric.margin === undefined || shownOf(findings, m, 'safety') >= 1) return []
    return [{ metric, units: missing(findings, m, share) }]
  })
  const safe = open.length === 0 && plan.metrics.some(({ watch, margin }) => !watch && margin !== undefined)
  return {
    ...(worse ? { harm: harmSentence(plan.metrics[worse.m]!, sums[worse.queue]![worse.m]!, plan, thresholds[worse.m] ?? undefined) } : {}),
    safe,
    good: true,
    units: Math.max(0, ...sums.flat().map(({ candidate }) => candidate.units)),
    missing: safe ? '' : missingSentence(open, paceOf(findings)),
  }
}

/** @param share Of the new version, in [0, 1]. */
export function reportOf(findings: Findings, share: number): MetricReport[] {
  const { plan, tests, sums, thresholds } = findings
  const among = tests.length * plan.metrics.filter(({ watch }) => !watch).length
  return plan.metrics.map((metric, m) => {
    const harm = Math.max(...tests.map((ofQueue) => ofQueue[m]!.harm.peak)) / evidenceNeeded(plan.alpha, Math.max(among, 1))
    const safety = shownOf(findings, m, 'safety')
    const isSafe = safety >= 1
    const wanted = missing(findings, m, share)
    const threshold = thresholds[m]
    const { baseline, candidate } = sums[shownQueue(findings, m)]![m]!
    return {
      name: nameOf(metric),
      baseline: drawn(baseline),
      candidate: drawn(candidate),
      ...(threshold === null || threshold === undefined ? {} : { threshold: Math.round(threshold) }),
      ...(metric.watch ? {} : { harm: rounded(harm), ...(metric.margin === undefined ? {} : { safety: rounded(safety) }) }),
      ...(metric.watch || metric.margin === undefined || isSafe || !Number.isFinite(wanted) ? {} : { missing: wanted }),
      verdict: metric.watch ? 'watched' : harm >= 1 ? 'harm' : isSafe && metric.margin !== undefined ? 'safe' : 'undecided',
    }
  })
}

export function nameOf(metric: Metric): string {
  return 'quantile' in metric ? `${metric.name} p${metric.quantile}` : metric.name
}

/**
 * Single requests, and of the queues of callers the one that watches them longest, may show that a version is safe. Where a route has both kinds, one
 * of them is enough, each at its part of the level.
 */
export function safetyQueues({ plan: { watched } }: Findings): number[] {
  const longest = Math.max(...watched)
  return watched.flatMap((each, queue) => (each === 0 || each === longest ? [queue] : []))
}

/** How much of the evidence that is needed there is by one of those queues, that the new version is worse, or is safe: 1 is enough. */
export function shownOf(findings: Findings, m: number, what: 'harm' | 'safety', alpha = findings.plan.alpha): number {
  return peakOf(findings, m, what) / evidenceNeeded(alpha, safetyQueues(findings).length)
}

/** Natural logarithm of the greatest evidence that any of those queues has had. */
function peakOf(findings: Findings, m: number, what: 'harm' | 'safety'): number {
  return Math.max(...safetyQueues(findings).map((queue) => findings.tests[queue]![m]![what].peak))
}

/** Units of both versions until a metric is shown to be safe, if the new version is better by `effect`. */
export function missing(findings: Findings, m: number, share: number, effect = 0): number {
  const queues = safetyQueues(findings)
  const alpha = findings.plan.alpha / queues.length
  return Math.min(...queues.map((queue) => missingUntilSafe(findings.tests[queue]![m]!, alpha, findings.sums[queue]![m]!, share, effect)))
}

/** Of the queues that say when a version is safe the one that has seen most. */
function shownQueue(findings: Findings, m: number): number {
  const units = (queue: number) => findings.sums[queue]![m]!.baseline.units + findings.sums[queue]![m]!.candidate.units
  return safetyQueues(findings).reduce((most, queue) => (units(queue) > units(most) ? queue : most))
}

/** Units a second. */
export function paceOf({ sums, counted: { first, last } }: Findings): number {
  if (first === undefined || last === undefined || last <= first) return 0
  return (Math.max(...sums.flat().map(({ baseline, candidate }) => baseline.units + candidate.units)) * 1000) / (last - first)
}

function drawn(sum: Sum) {
  const units = Math.floor(effectiveUnits(sum))
  const mean = Math.min(1, Math.max(0, meanOf(sum)))
  const { lower, upper } = meanMixtureInterval(units, mean * units, DRAWN_ALPHA)
  return { units: sum.units, mean: percent(mean), low: percent(lower), high: percent(upper) }
}

const percent = (part: number) => Math.round(part * 100_000) / 1000
const rounded = (part: number) => Math.round(Math.min(1, Math.max(0, part)) * 1000) / 1000
