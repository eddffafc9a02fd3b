/**
 * What the confidence sequences of this folder share: the special functions that they need, the interval that they return, and the checks of what
 * they are given.
 */

/** Closed. An end of ±Infinity says that nothing is known on that side. */
export interface Interval {
  readonly lower: number
  readonly upper: number
}

/** Throws unless α is a probability of error, above 0 and below 1. */
export function checkAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha is ${alpha}, but must lie between 0 and 1: 0.05 for intervals of 95 %.`)
}

/** Throws unless `n` is a whole number, 0 or more. */
export function checkCount(n: number, what: string): void {
  if (!(Number.isSafeInteger(n) && n >= 0)) throw new RangeError(`${what} is ${n}, but must be a whole number, 0 or more.`)
}

const HALF_LOG_TWO_PI = 0.918_938_533_204_672_7

/**
 * ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x ≥ 10: the rest of Stirling's series (NIST Digital Library of Mathematical Functions, 5.11.1), of which
 * six terms are exact to 10⁻¹⁵ there.
 */
function stirlingRest(x: number): number {
  const r = 1 / (x * x)
  return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360_360))))) / x
}

/** ln Γ(x) for finite x > 0, to about 10⁻¹⁵ of its size or of 1. Throws a RangeError elsewhere. */
export function logGamma(x: number): number {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) throw new RangeError(`logGamma is defined for finite numbers above 0 here, not for ${x}.`)
  let shifted = x
  let product = 1
  for (; shifted < 10; shifted++) product *= shifted
  return (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI + stirlingRest(shifted) - Math.log(product)
}

/**
 * ln B(a, b) for finite a, b > 0. Three logGamma would lose all digits where a and b are in the millions, so what cancels is cancelled first (A. R.
 * DiDonato and A. H. Morris, "Algorithm 708: significant digit computation of the incomplete beta function ratios", ACM TOMS 18(3), 1992).
 */
export function logBeta(a: number, b: number): number {
  const [small, large] = a <= b ? [a, b] : [b, a]
  if (!(small > 0 && large < Number.POSITIVE_INFINITY))
    throw new RangeError(`logBeta is defined for finite numbers above 0, not for ${a} and ${b}.`)
  if (large < 10) return logGamma(small) + logGamma(large) - logGamma(small + large)
  const share = small / (small + large)
  const rest = stirlingRest(large) - stirlingRest(small + large)
  if (small < 10) return logGamma(small) + rest + small - small * Math.log(small + large) + (large - 0.5) * Math.log1p(-share)
  return HALF_LOG_TWO_PI - 0.5 * Math.log(large) + rest + stirlingRest(small) + (small - 0.5) * Math.log(share) + large * Math.log1p(-share)
}
