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

/** @param share Of the new version, in [0, 1]. */
export function evidenceOf(findings: Findings, share: number): Evidence {
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
    if (metric.watch || metric.margin === undefined || safetyOf(findings, m).shown) return []
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
    const safety = safetyOf(findings, m)
    const wanted = missing(findings, m, share)
    const threshold = thresholds[m]
    const { baseline, candidate } = sums[shownQueue(findings, m)]![m]!
    return {
      name: nameOf(metric),
      baseline: drawn(baseline),
      candidate: drawn(candidate),
      ...(threshold === null || threshold === undefined ? {} : { threshold: Math.round(threshold) }),
      ...(metric.watch ? {} : { harm: rounded(harm), ...(metric.margin === undefined ? {} : { safety: rounded(safety.part) }) }),
      ...(metric.watch || metric.margin === undefined || safety.shown || !Number.isFinite(wanted) ? {} : { missing: wanted }),
      verdict: metric.watch ? 'watched' : harm >= 1 ? 'harm' : safety.shown && metric.margin !== undefined ? 'safe' : 'undecided',
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
function safetyQueues({ plan: { watched } }: Findings): number[] {
  const longest = Math.max(...watched)
  return watched.flatMap((each, queue) => (each === 0 || each === longest ? [queue] : []))
}

function safetyOf(findings: Findings, m: number): { readonly part: number; readonly shown: boolean } {
  const queues = safetyQueues(findings)
  const peak = Math.max(...queues.map((queue) => findings.tests[queue]![m]!.safety.peak))
  const part = peak / evidenceNeeded(findings.plan.alpha, queues.length)
  return { part, shown: part >= 1 }
}

function missing(findings: Findings, m: number, share: number): number {
  const queues = safetyQueues(findings)
  const alpha = findings.plan.alpha / queues.length
  return Math.min(...queues.map((queue) => missingUntilSafe(findings.tests[queue]![m]!, alpha, findings.sums[queue]![m]!, share)))
}

/** Of the queues that say when a version is safe the one that has seen most. */
function shownQueue(findings: Findings, m: number): number {
  const units = (queue: number) => findings.sums[queue]![m]!.baseline.units + findings.sums[queue]![m]!.candidate.units
  return safetyQueues(findings).reduce((most, queue) => (units(queue) > units(most) ? queue : most))
}

/** Units a second. */
function paceOf({ sums, counted: { first, last } }: Findings): number {
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
