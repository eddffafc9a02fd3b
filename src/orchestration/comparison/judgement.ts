/**
 * The two tests of one metric: is the new version worse, and is it no worse by as much as the margin?
 *
 * Failures and amounts are counted unit by unit. Times are compared in blocks of three seconds, because what makes one request slow makes those beside it
 * slow too, and two equal versions run on a server each (`block-difference.ts`).
 */

import type { Metric } from '../../resources/comparison.ts'
import { type BlockTest, blocksMissing, observeBlocks, startBlockTest } from '../statistics/block-difference.ts'
import { type Arm, type DifferenceTest, observeUnits, startDifferenceTest, unitsMissing } from '../statistics/difference.ts'
import type { Counted } from './unit-queue.ts'

/** Units of one version that were counted, and what their values make together. */
export interface Sum {
  units: number
  sum: number
  /**
   * The same, each unit weighted with the probability of the other version at its moment. Both versions then have the same mixture of moments, and
   * their means can be set side by side though shares have changed (overlap weights: Li, Morgan, Zaslavsky, JASA 113, 2018).
   */
  weight: number
  squares: number
  weighted: number
}

export type Sums = Record<Arm, Sum>

export function noSums(): Sums {
  const none = () => ({ units: 0, sum: 0, weight: 0, squares: 0, weighted: 0 })
  return { baseline: none(), candidate: none() }
}

/** Adds one unit to its version's sum. */
export function addTo(sums: Sums, { arm, share, value }: Pick<Counted, 'arm' | 'share' | 'value'>): void {
  const sum = sums[arm]
  const weight = arm === 'candidate' ? 1 - share : share
  sum.units += 1
  sum.sum += value
  sum.weight += weight
  sum.squares += weight * weight
  sum.weighted += weight * value
}

export function meanOf({ units, sum, weight, weighted }: Sum): number {
  return weight > 0 ? weighted / weight : units > 0 ? sum / units : 0
}

/** As many units of equal weight would know as much. */
export function effectiveUnits({ units, weight, squares }: Sum): number {
  return squares > 0 ? (weight * weight) / squares : units
}

/** Plain data: it can be stored as JSON and gone on with. */
export type Judgement =
  | { readonly by: 'units'; readonly harm: DifferenceTest; readonly safety: DifferenceTest }
  /** `open`: the block that may still grow, since the second in which it began. */
  | {
      readonly by: 'blocks'
      readonly harm: BlockTest
      readonly safety: BlockTest
      readonly units: number
      readonly open?: Open
    }

/** Longer than what is commonly called a hiccup, so that one falls into one block, or two. */
const BLOCK_MS = 3_000

interface Open extends Record<Arm, { units: number; sum: number }> {
  readonly second: number
}

/** Without a margin only something absurd would count as worse: safety is never asked for then. */
const NO_MARGIN = 99

export function startJudgement(metric: Metric): Judgement {
  const harm = { is: 'atMost', difference: metric.harmMargin / 100 } as const
  const safety = { is: 'atLeast', difference: Math.min(metric.margin ?? NO_MARGIN, NO_MARGIN) / 100 } as const
  if ('quantile' in metric) return { by: 'blocks', harm: startBlockTest(harm), safety: startBlockTest(safety), units: 0 }
  const prior = { mean: metric.name === 'errorRate' ? 0.01 : 0.3, units: 50 }
  return { by: 'units', harm: startDifferenceTest(harm, prior), safety: startDifferenceTest(safety, prior) }
}

/** @param units In the order of their assignment. */
export function judge(judgement: Judgement, units: readonly Counted[]): Judgement {
  const compared = units.filter(({ share }) => share > 0 && share < 1)
  if (judgement.by === 'units') {
    const { harm, safety } = judgement
    return { by: 'units', harm: observeUnits(harm, compared), safety: observeUnits(safety, compared) }
  }
  const blocks: { baseline: number; candidate: number }[] = []
  let open = judgement.open && {
    second: judgement.open.second,
    baseline: { ...judgement.open.baseline },
    candidate: { ...judgement.open.candidate },
  }
  for (const { at, arm, value } of compared) {
    const second = Math.floor(at / BLOCK_MS)
    if (open && second !== open.second && open.baseline.units > 0 && open.candidate.units > 0) {
      blocks.push({ baseline: open.baseline.sum / open.baseline.units, candidate: open.candidate.sum / open.candidate.units })
      open = undefined
    }
    open ??= { second, baseline: { units: 0, sum: 0 }, candidate: { units: 0, sum: 0 } }
    open[arm].units += 1
    open[arm].sum += value
  }
  const { harm, safety } = judgement
  return {
    by: 'blocks',
    harm: observeBlocks(harm, blocks),
    safety: observeBlocks(safety, blocks),
    units: judgement.units + compared.length,
    ...(open ? { open } : {}),
  }
}

/**
 * About how many more units until it is shown that the new version is no worse, if it is better by `effect` (in [0, 1]; 0: as good).
 */
export function missingUntilSafe(judgement: Judgement, alpha: number, { baseline, candidate }: Sums, share: number, effect = 0): number {
  if (!(share > 0 && share < 1)) return Number.POSITIVE_INFINITY
  if (judgement.by === 'blocks') {
    const each = judgement.harm.blocks === 0 ? 1 / Math.min(share, 1 - share) : judgement.units / judgement.harm.blocks
    return Math.ceil(blocksMissing(judgement.safety, alpha, -effect) * Math.max(1, each))
  }
  const { safety } = judgement
  const believed = safety.sum / safety.units
  const mean = (baseline.sum + candidate.sum + believed) / (baseline.units + candidate.units + 1)
  return unitsMissing(safety, alpha, { baseline: mean, candidate: Math.max(0, mean - effect) }, share)
}
