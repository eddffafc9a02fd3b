/**
 * One verdict from several metrics.
 *
 * Harm is looked for in each of K metrics at α/K (Bonferroni), so that the probability of ever crying wolf about any of them is at most α. The mean of
 * their evidence would be a sharper test, but it holds only when all metrics have seen the same units at each look, and they have not: an error is
 * known at once, an hour of a user after an hour. That none is worse by its margin is a claim about all at once: each must be shown at α, and no
 * correction is needed (intersection–union; Berger 1982, Technometrics 24).
 */
/** Any test that keeps the natural logarithm of the greatest evidence that it ever had. */
export interface Evidenced {
  readonly peak: number
}

/** Natural logarithm of the evidence that one of `among` tests must reach, so that any of them reaching it falsely has a probability of at most `alpha`. */
export function evidenceNeeded(alpha: number, among = 1): number {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`a level must lie between 0 and 1, and is ${alpha}`)
  if (!(among >= 1)) throw new RangeError(`the level is shared among one test at least, and here among ${among}`)
  return Math.log(among / alpha)
}

/** Positions of the tests that refute their hypothesis, all of them looked at together at level `alpha`. Of no tests: none. */
export function refutedOfAny(tests: readonly Evidenced[], alpha: number): number[] {
  if (tests.length === 0) return []
  const needed = evidenceNeeded(alpha, tests.length)
  return tests.flatMap((test, i) => (test.peak >= needed ? [i] : []))
}
