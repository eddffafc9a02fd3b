/**
 * CUPED: a mean with less variance by what was known of each unit before. A. Deng, Y. Xu, R. Kohavi and T. Walker, "Improving the sensitivity of online
 * controlled experiments by utilizing pre-experiment data", WSDM 2013, doi 10.1145/2433396.2433413, section 3.2: with ȳ the mean of what is compared
 * and x̄ that of a covariate which assignment cannot have touched, ȳ − θ (x̄ − E x) has the same expectation as ȳ, and the least variance, (1 − ρ²) of
 * ȳ's with ρ the correlation of x and y, where θ = cov(y, x) / var(x).
 */
import { LARGEST, type Moments, NO_MOMENTS } from './mean-asymptotic.ts'

/** Plain data: number, means, and sums of squares and products of the distances from them. */
export interface PairMoments {
  readonly n: number
  readonly meanX: number
  readonly meanY: number
  readonly xx: number
  readonly yy: number
  readonly xy: number
}

/** One unit: the covariate, from before assignment, and what is compared. */
export interface Pair {
  readonly x: number
  readonly y: number
}

export interface Adjusted {
  readonly theta: number
  /** In the order of the arms given, ready for `mean-asymptotic.ts`. */
  readonly arms: readonly Moments[]
  /** The share of variance within the arms that is gone, at most 1; below 0 where arms differ so much in x that adjusting adds some. */
  readonly saved: number
}

/** A standard deviation so small beside the mean is none. */
const ROUNDING = 1e-9

export const NO_PAIRS: PairMoments = { n: 0, meanX: 0, meanY: 0, xx: 0, yy: 0, xy: 0 }

/**
 * With these units seen too. Sums of raw squares would lose what matters where means are large against the variance.
 * @throws RangeError at a value that is none, or farther from 0 than 1e100.
 */
export function observePairs(moments: PairMoments, pairs: readonly Pair[]): PairMoments {
  let { n, meanX, meanY, xx, yy, xy } = moments
  for (const { x, y } of pairs) {
    if (!(Number.isFinite(x) && Number.isFinite(y)))
      throw new RangeError(`A unit is (${x}, ${y}): leave out units of which one is not known.`)
    if (Math.max(Math.abs(x), Math.abs(y)) > LARGEST) throw new RangeError(`A unit is (${x}, ${y}): farther from 0 than ${LARGEST}.`)
    const [fromX, fromY] = [x - meanX, y - meanY]
    n += 1
    meanX += fromX / n
    meanY += fromY / n
    xx += fromX * (x - meanX)
    yy += fromY * (y - meanY)
    xy += fromX * (y - meanY)
  }
  return { n, meanX, meanY, xx, yy, xy }
}

/** The moments of the units of both together. */
export function mergePairs(a: PairMoments, b: PairMoments): PairMoments {
  const n = a.n + b.n
  if (n === 0) return NO_PAIRS
  const [fromX, fromY] = [b.meanX - a.meanX, b.meanY - a.meanY]
  const weight = (a.n * b.n) / n
  return {
    n,
    meanX: a.meanX + (fromX * b.n) / n,
    meanY: a.meanY + (fromY * b.n) / n,
    xx: a.xx + b.xx + fromX * fromX * weight,
    yy: a.yy + b.yy + fromY * fromY * weight,
    xy: a.xy + b.xy + fromX * fromY * weight,
  }
}

/**
 * The arms' moments of y, adjusted with one θ and one expectation of x for all of them: those of all units together. A covariate that does not vary
 * adjusts nothing (θ = 0).
 */
export function adjust(arms: readonly PairMoments[]): Adjusted {
  const all = arms.reduce(mergePairs, NO_PAIRS)
  // What varies in its last digits does so by rounding: it foretells nothing, and dividing by it would make up anything.
  const theta = all.xx > all.n * (ROUNDING * all.meanX) ** 2 ? all.xy / all.xx : 0
  const adjusted = arms.map(
    ({ n, meanX, meanY, xx, yy, xy }): Moments =>
      // Rounding may make the sum of squares a little less than the nothing that is left where x foretells y.
      n === 0 ? NO_MOMENTS : { n, mean: meanY - theta * (meanX - all.meanX), squares: Math.max(0, yy - theta * (2 * xy - theta * xx)) },
  )
  const [before, after] = [arms.reduce((sum, { yy }) => sum + yy, 0), adjusted.reduce((sum, { squares }) => sum + squares, 0)]
  return { theta, arms: adjusted, saved: before > 0 ? 1 - after / before : 0 }
}
