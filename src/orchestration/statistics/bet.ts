/**
 * One bet on the difference of two means: an e-variable for one unit that was put into the first or the second arm at random.
 *
 * The null hypothesis is "mean of the second − mean of the first ≤ difference". A bet is a factor for each arm and value whose expectation is at
 * most 1 under every distribution of that null, so that products of bets are evidence whenever one looks (Ville's inequality).
 *
 * The obvious ways fail here. A test of two pooled counts (chi-squared, t) is valid at one look only. Blocks of fixed composition, the usual form of
 * this test, lose their validity or their units when the share of an arm changes in the middle. Here the unit's arm itself is part of the
 * observation, its probability being the share: then the null is a convex set of distributions, and the likelihood ratio of an alternative with its
 * reverse information projection onto that set is an e-variable for all of it, for any share, unit by unit.
 *
 * Sources: R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping", J. Stat. Plan.
 * Inference 230, 2024 (arXiv 2106.02693); R. Turner, P. Grünwald, "Exact anytime-valid confidence intervals for contingency tables and beyond",
 * Stat. Prob. Letters 198, 2023 (arXiv 2203.09785), for a margin; P. Grünwald, R. de Heide, W. Koolen, "Safe testing", JRSS B 86, 2024, theorem 1.
 */

/** Two means in (0, 1). */
export interface Means {
  readonly first: number
  readonly second: number
}

/**
 * The factors for the values 0 and 1 of each arm. For a value between them the factor is the straight line between the two: its expectation depends on
 * the mean alone, so what holds for 0 and 1 holds for everything in [0, 1].
 */
export interface Bet {
  readonly first: readonly [zero: number, one: number]
  readonly second: readonly [zero: number, one: number]
}

const NO_BET: Bet = { first: [1, 1], second: [1, 1] }

/** Means nearer to 0 or 1 than this are not told from them. */
const EDGE = 1e-9

/**
 * The bet that grows fastest if `alternative` is true.
 *
 * @param alternative Means that are bet on. Where they lie in the null there is nothing to win, and the bet is 1 whatever comes.
 * @param difference Bound of the null hypothesis, in (−1, 1).
 * @param share Probability in (0, 1) with which a unit comes to the second arm.
 */
export function betOn(alternative: Means, difference: number, share: number): Bet {
  const first = inside(alternative.first)
  const second = inside(alternative.second)
  if (second - first <= difference) return NO_BET
  const nearest = nearestOfNull(first, second, difference, share)
  const bet: Bet = {
    first: [(1 - first) / (1 - nearest), first / nearest],
    second: [(1 - second) / (1 - nearest - difference), second / (nearest + difference)],
  }
  return scaled(bet, 1 / Math.max(1, greatestExpectation(bet, difference, share)))
}

/**
 * The same bet, with `stake` times as much on it: right for values that vary less than zeros and ones with the same mean would.
 * More than nine tenths of what is there is never at risk with one unit.
 *
 * @param stake At least 0.
 */
export function staked(bet: Bet, stake: number): Bet {
  const least = Math.min(...bet.first, ...bet.second)
  if (least >= 1) return bet
  const bounded = Math.min(stake, Math.max(1, 0.9 / (1 - least)))
  const at = (factor: number): number => 1 + bounded * (factor - 1)
  return { first: [at(bet.first[0]), at(bet.first[1])], second: [at(bet.second[0]), at(bet.second[1])] }
}

/**
 * Greatest expectation of a bet over the null. It is linear in the two means, and the null is a polygon, so one of its corners has it. An exact
 * projection makes it 1; what rounding leaves above that is divided away, and thus no bet is ever better than fair.
 */
export function greatestExpectation(bet: Bet, difference: number, share: number): number {
  let greatest = 0
  for (const [first, second] of corners(difference)) {
    const ofFirst = bet.first[0] + (bet.first[1] - bet.first[0]) * first
    const ofSecond = bet.second[0] + (bet.second[1] - bet.second[0]) * second
    greatest = Math.max(greatest, (1 - share) * ofFirst + share * ofSecond)
  }
  return greatest
}

/** Corners of { (first, second) in the unit square: second ≤ first + difference }. */
function corners(difference: number): readonly (readonly [number, number])[] {
  return difference >= 0
    ? [
        [0, 0],
        [1, 0],
        [1, 1],
        [1 - difference, 1],
        [0, difference],
      ]
    : [
        [-difference, 0],
        [1, 0],
        [1, 1 + difference],
      ]
}

/**
 * The mean `p` of the first arm for which (p, p + difference) is the point of the null that is least distinguishable from (first, second): it minimises
 * (1 − share)·KL(first‖p) + share·KL(second‖p + difference). Without a difference it is the mean of the mixture; otherwise the only root of the derivative.
 */
function nearestOfNull(first: number, second: number, difference: number, share: number): number {
  if (difference === 0) return (1 - share) * first + share * second
  const slope = (p: number): number => {
    const q = p + difference
    return ((1 - share) * (p - first)) / (p * (1 - p)) + (share * (q - second)) / (q * (1 - q))
  }
  let low = Math.max(first, -difference + EDGE)
  let high = Math.min(second - difference, 1 - EDGE)
  for (let i = 0; i < 60 && high - low > 1e-15; i++) {
    const middle = (low + high) / 2
    if (slope(middle) < 0) low = middle
    else high = middle
  }
  return inside((low + high) / 2)
}

function scaled(bet: Bet, by: number): Bet {
  return { first: [bet.first[0] * by, bet.first[1] * by], second: [bet.second[0] * by, bet.second[1] * by] }
}

function inside(mean: number): number {
  return Math.min(Math.max(mean, EDGE), 1 - EDGE)
}
