/**
 * A confidence sequence for the mean of values in [0, 1] from their number and sum alone: nothing has to be kept but two numbers, so it is what a page
 * draws of an arm at any time, as often as it likes.
 *
 * Against each candidate mean m stands a beta-binomial mixture: the likelihood ratio of a coin with probability θ against one with m, averaged over
 * θ ~ Beta(κm, κ(1−m)). H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41(5), 1970;
 * S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49(2),
 * 2021, arXiv 1810.08240, proposition 6 (two-sided beta-binomial mixture).
 *
 * It is valid for any values in [0, 1], not only for zeros and ones: the logarithm of the ratio's factor, y ln(θ/m) + (1−y) ln((1−θ)/(1−m)), is linear
 * in y, so the factor is convex and lies below its chord, whose expectation is 1 when that of y is m. Values of little variance pay for that: where
 * they are kept one by one, `mean-betting.ts` is tighter.
 *
 * The prior sits at each candidate itself and weighs κ units. A prior of fixed place (Jeffreys' ½ and ½) needs no κ, but from some 1,000 units on it is
 * wider at both ends.
 */
import { checkAlpha, checkCount, type Interval, logBeta } from './special.ts'

export interface MixtureOptions {
  /**
   * For how many units the interval is to be as tight as it can (default 1,000). Within 10 to 1,000 times as many it stays within a third of the
   * best; far below it is wide. To be chosen before the first unit; it may not depend on what was seen.
   */
  readonly tightestAt?: number
}

const TIGHTEST_AT = 1000
/** The level for which κ is chosen, whatever is asked later: intervals of smaller α then hold those of greater. */
const ALPHA_OF_PRIOR = 0.05

/**
 * κ, the units that the prior counts for, so that the interval is tightest at `tightestAt` units (Howard et al. 2021, section 3.5; the constant is that
 * of their package confseq with its default `alpha_opt`). Throws a RangeError unless `tightestAt` is at least 1.
 */
export function priorUnits(tightestAt = TIGHTEST_AT): number {
  if (!(tightestAt >= 1 && tightestAt < Number.POSITIVE_INFINITY))
    throw new RangeError(`tightestAt is ${tightestAt}, but must be a number of units, 1 or more.`)
  const doubled = 2 * Math.log(1 / ALPHA_OF_PRIOR)
  return Math.max(tightestAt / (doubled + Math.log1p(doubled)) - 1, 0.001)
}

/**
 * Natural logarithm of the evidence (an e-value) of `n` values that sum up to `sum` against "their mean is `mean`". Under that hypothesis it ever
 * reaches ln(1/α) with probability at most α. Convex in `sum`.
 *
 * @param mean Between 0 and 1, both excluded.
 * @param units κ, of {@link priorUnits}.
 */
export function mixtureLogEvidence(n: number, sum: number, mean: number, units: number): number {
  const [a, b] = [units * mean, units * (1 - mean)]
  const rest = n - sum
  return logBeta(a + sum, b + rest) - logBeta(a, b) - (sum > 0 ? sum * Math.log(mean) : 0) - (rest > 0 ? rest * Math.log1p(-mean) : 0)
}

/**
 * The means that `n` values in [0, 1] with this sum leave possible, at level 1 − α at all times together. No values leave all: [0, 1].
 *
 * Throws a RangeError when `n` is no count, `sum` lies outside [0, n], or α outside (0, 1).
 */
export function meanMixtureInterval(n: number, sum: number, alpha: number, options: MixtureOptions = {}): Interval {
  checkAlpha(alpha)
  checkCount(n, 'The number of values')
  if (!(sum >= 0 && sum <= n))
    throw new RangeError(`The sum of ${n} values in [0, 1] cannot be ${sum}: scale the values to [0, 1] before they are summed.`)
  const units = priorUnits(options.tightestAt)
  const threshold = -Math.log(alpha)
  const excluded = (mean: number): boolean => mixtureLogEvidence(n, sum, mean, units) >= threshold
  // The evidence is convex in the candidate when sum and rest are 0 or at least 1 each. With a sum in (0, 1] it grows with the candidate all along,
  // because the prior goes to 0 together with the candidate: none below the mean is ever excluded. Likewise for the rest.
  return {
    lower: sum > 1 ? outermost(0, sum / n, excluded) : 0,
    upper: n - sum > 1 ? outermost(1, sum / n, excluded) : 1,
  }
}

/** Where, between `outside` and the empirical mean, candidates cease to be excluded: the last that is. `outside` itself when none is. */
function outermost(outside: number, mean: number, excluded: (mean: number) => boolean): number {
  let [out, inside] = [outside, mean]
  for (;;) {
    const middle = (out + inside) / 2
    if (middle === out || middle === inside || Math.abs(out - inside) <= 1e-15 * inside) return out
    if (excluded(middle)) out = middle
    else inside = middle
  }
}
