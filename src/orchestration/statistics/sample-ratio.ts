/**
 * Whether units come to the arms in the shares that were set, at all times: a sample ratio mismatch says that assignment or counting is broken, and
 * that no comparison of the arms may be believed. M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, arXiv
 * 2011.03567, section 2.
 *
 * The evidence against the shares p is a Dirichlet-multinomial mixture: the probability of the counts under shares θ, averaged over
 * θ ~ Dirichlet(κp), against that under p. When shares are changed a block of counts ends, and the evidence of the next, which begins at 1, multiplies
 * that of all before: a product of bets made one after the other is a bet.
 */
import { checkCount, logBeta } from './special.ts'

/** Plain data: it can be stored as JSON and gone on with. */
export interface SampleRatioTest {
  /** κ. */
  readonly concentration: number
  /** In force now, and the units that came to each arm since. */
  readonly shares: readonly number[]
  readonly counts: readonly number[]
  /** Natural logarithm of the evidence of the blocks before this one, of all, and of the greatest that ever was. */
  readonly closed: number
  readonly log: number
  readonly peak: number
}

export interface SampleRatioOptions {
  /**
   * κ, how near to the shares a mismatch is looked for first: at a share of one half the alternatives have a standard deviation of ½/√(κ + 1).
   * The default of 1,000 (1.6 percentage points) finds 60 : 40 instead of halves in some 600 units and 51 : 49 in some 33,000 (at α = 1 %). Greater numbers find
   * mismatches of tenths of a percentage point sooner, and gross ones later. Lindon's package ssrm-test takes 10,000.
   */
  readonly concentration?: number
}

/**
 * @param shares Probability of each arm, each above 0, with a sum of 1 (within 10⁻⁹).
 */
export function startSampleRatioTest(shares: readonly number[], { concentration = 1000 }: SampleRatioOptions = {}): SampleRatioTest {
  if (!(concentration > 0 && concentration < Number.POSITIVE_INFINITY))
    throw new RangeError(`The concentration is ${concentration}, but must be above 0: 1000 if nothing speaks for another.`)
  checkShares(shares)
  return { concentration, shares, counts: shares.map(() => 0), closed: 0, log: 0, peak: 0 }
}

/**
 * After so many more units of each arm. Only their number counts, not their order.
 *
 * Throws a RangeError when there are not as many counts as shares, or one is no count.
 */
export function observeCounts(test: SampleRatioTest, more: readonly number[]): SampleRatioTest {
  if (more.length !== test.shares.length)
    throw new RangeError(`${more.length} counts for ${test.shares.length} shares: give one for each arm, 0 where no unit came.`)
  for (const count of more) checkCount(count, 'The count of an arm')
  const counts = test.counts.map((count, arm) => count + more[arm]!)
  const log = test.closed + blockLogEvidence(counts, test.shares, test.concentration)
  return { ...test, counts, log, peak: Math.max(test.peak, log) }
}

/** From now on these are the shares; arms may be added or left out. To be called before the first unit that comes by them. */
export function changeShares(test: SampleRatioTest, shares: readonly number[]): SampleRatioTest {
  checkShares(shares)
  return { ...test, shares, counts: shares.map(() => 0), closed: test.log }
}

/** The smallest α at which the shares are rejected by now: 1 over the greatest evidence that ever was. */
export function sampleRatioP(test: SampleRatioTest): number {
  return Math.exp(-test.peak)
}

/** Arm by arm as betas, whose logarithms stay exact with large counts: Dirichlet's normaliser is B(α₁, α₂ + …) · B(α₂, α₃ + …) · … */
function blockLogEvidence(counts: readonly number[], shares: readonly number[], concentration: number): number {
  let log = 0
  let [prior, count] = [0, 0]
  for (let arm = shares.length - 1; arm >= 0; arm--) {
    const own = concentration * shares[arm]!
    if (prior > 0) log += logBeta(own + counts[arm]!, prior + count) - logBeta(own, prior)
    log -= counts[arm]! * Math.log(shares[arm]!)
    prior += own
    count += counts[arm]!
  }
  return log
}

function checkShares(shares: readonly number[]): void {
  for (const share of shares)
    if (!(share > 0 && share <= 1))
      throw new RangeError(`A share is ${share}, but must be above 0 and at most 1: leave out arms that get nothing.`)
  const sum = shares.reduce((total, share) => total + share, 0)
  if (Math.abs(sum - 1) > 1e-9) throw new RangeError(`The shares ${shares.join(', ')} sum up to ${sum}: divide each by that sum.`)
}
