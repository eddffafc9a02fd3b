/**
 * A confidence sequence for one quantile, a 95th percentile say, of any distribution: S. R. Howard and A. Ramdas, "Sequential estimation of quantiles
 * with applications to A/B testing and best-arm identification", Bernoulli 28(3), 2022, doi 10.3150/21-BEJ1388, arXiv 1906.09712, the confidence
 * sequence for a fixed quantile with the beta-binomial mixture as its boundary.
 *
 * How many of n values lie at or below the true quantile p is a sum of n coins of probability p, so `mean-mixture.ts` says which sums would be too far
 * from np to be believed; the values of the ranks just inside are the ends. It needs values that are independent and equally distributed, unlike the
 * confidence sequences for means: where the distribution changes over the day, so does its quantile.
 */
import { type MixtureOptions, mixtureLogEvidence, priorUnits } from './mean-mixture.ts'
import { checkAlpha, checkCount, type Interval } from './special.ts'

/** Ranks count from 1, the smallest value, to n. None: no value seen so far bounds the quantile on that side. */
export interface RankInterval {
  readonly lower: number | undefined
  readonly upper: number | undefined
}

/**
 * Between the values of which ranks the quantile `p` of the distribution lies, at level 1 − α at all times together.
 *
 * Throws a RangeError when `n` is no count, or `p` or α lies outside (0, 1).
 */
export function quantileRanks(n: number, p: number, alpha: number, options: MixtureOptions = {}): RankInterval {
  checkAlpha(alpha)
  checkCount(n, 'The number of values')
  if (!(p > 0 && p < 1)) throw new RangeError(`The quantile is ${p}, but must lie between 0 and 1: 0.95 for the 95th percentile.`)
  const units = priorUnits(options.tightestAt)
  const threshold = -Math.log(alpha)
  const incredible = (below: number): boolean => mixtureLogEvidence(n, below, p, units) >= threshold
  // Of the counts that are credible, the smallest is the rank of a value that is not above the quantile; the value after the greatest is above it.
  const lower = firstThat(Math.floor(n * p), (step) => incredible(Math.floor(n * p) - step))
  const upper = firstThat(n - Math.ceil(n * p), (step) => incredible(Math.ceil(n * p) + step))
  return {
    lower: lower === undefined ? undefined : Math.floor(n * p) - lower + 1,
    upper: upper === undefined ? undefined : Math.ceil(n * p) + upper,
  }
}

/**
 * The interval that {@link quantileRanks} describes, read from whatever holds the values: a sorted array or a `Sketch`, whose own error (2 %) comes on
 * top. An end that no value bounds is ±Infinity.
 *
 * @param quantileAt The value at rank ⌊q (n − 1)⌋ of the sorted values, counted from 0, as `Sketch.quantile` gives it; not called when n is 0.
 */
export function quantileInterval(
  n: number,
  p: number,
  alpha: number,
  quantileAt: (q: number) => number | undefined,
  options: MixtureOptions = {},
): Interval {
  const { lower, upper } = quantileRanks(n, p, alpha, options)
  // Half a rank more than needed, so that rounding cannot take the rank before.
  const share = (rank: number): number => Math.min(1, (rank - 0.5) / Math.max(1, n - 1))
  return {
    lower: (lower === undefined ? undefined : quantileAt(share(lower))) ?? Number.NEGATIVE_INFINITY,
    upper: (upper === undefined ? undefined : quantileAt(share(upper))) ?? Number.POSITIVE_INFINITY,
  }
}

/** The smallest whole number from 0 to `most` for which `holds`, which goes on to hold once it does; undefined when it does for none. */
function firstThat(most: number, holds: (step: number) => boolean): number | undefined {
  if (!holds(most)) return undefined
  let [no, yes] = [-1, most]
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2)
    if (holds(middle)) yes = middle
    else no = middle
  }
  return yes
}
