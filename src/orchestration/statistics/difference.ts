/**
 * Evidence against a hypothesis on the difference of two means, valid however often one looks: an e-process for two arms to which units come at
 * random, each with one value in [0, 1] (an error or none, the share of its slow requests, a score between its bounds).
 *
 * The process is a mixture over alternatives: for each of a few sizes of effect a product of bets ({@link betOn}), the mean of which is the evidence.
 * What the bets need to know besides (the mean of both arms together) is estimated from the units before, so that each bet is chosen before its unit
 * is seen. A mixture of sizes finds a doubled error rate with fewer units than bets on the estimated means of both arms, which must first be learnt.
 *
 * By Ville's inequality the probability that the evidence ever reaches 1/α although the hypothesis is true is at most α. That holds for means that
 * drift together (day and night) and for shares that are changed with what was seen, as long as the hypothesis is true at each unit given those
 * before it. It does not hold for requests of the same person counted as if they were many: a unit is what was assigned.
 */
import { type Bet, betOn, type Means, staked } from './bet.ts'

export type Arm = 'baseline' | 'candidate'

export interface Unit {
  readonly arm: Arm
  /** In [0, 1]. */
  readonly value: number
  /** Probability in (0, 1) with which the unit came to the candidate. */
  readonly share: number
}

/** "The candidate's mean − the baseline's mean is at most (or at least) `difference`", which lies in (−1, 1). */
export interface Hypothesis {
  readonly is: 'atMost' | 'atLeast'
  readonly difference: number
}

/** What is believed of the mean before the first unit, and for how many units that counts. Wrong beliefs cost time, never validity. */
export interface Prior {
  readonly mean: number
  readonly units: number
}

/** Plain data: it can be stored as JSON and gone on with. */
export interface DifferenceTest {
  readonly hypothesis: Hypothesis
  /** With the prior's: pseudo-counts that the bets are made from. */
  readonly units: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Logarithm of what each alternative's bets have made of 1. */
  readonly logs: readonly number[]
  /** Natural logarithm of the evidence now, and of the greatest that ever was. */
  readonly log: number
  readonly peak: number
  /** Bets in force, the share that they are for, and the number of units from which on they are made anew. */
  readonly bets: readonly LogBet[]
  readonly share: number
  readonly until: number
}

/** A bet for either arm, with the logarithms of its factors for 0 and 1, because most values are one of the two. */
interface LogBet {
  readonly bet: Bet
  readonly first: readonly [number, number]
  readonly second: readonly [number, number]
}

const PRIOR: Prior = { mean: 0.01, units: 50 }

/** Odds ratios between the arms that are bet on. */
const ODDS_RATIOS = [1.25, 1.6, 2.2, 4, 12] as const

/** Where there is a margin: how much of it the arms may turn out to be away from it. */
const SHARES_OF_MARGIN = [0.5, 1, 1.5] as const

/** Bets are made anew when there are this many times as many units as when they were made. */
const RENEWAL = 1.02

/** @throws RangeError for a difference outside of (−1, 1) or a prior that is none. */
export function startDifferenceTest(hypothesis: Hypothesis, prior: Prior = PRIOR): DifferenceTest {
  if (!(Math.abs(hypothesis.difference) < 1)) throw new RangeError(`difference must lie between −1 and 1, and is ${hypothesis.difference}`)
  if (!(prior.mean >= 0 && prior.mean <= 1 && prior.units > 0))
    throw new RangeError(`a prior has a mean in [0, 1] and more than 0 units, not ${prior.mean} and ${prior.units}`)
  const sum = prior.mean * prior.units
  return { hypothesis, units: prior.units, sum, sumOfSquares: sum, logs: [], log: 0, peak: 0, bets: [], share: 0, until: 0 }
}

/**
 * The test after these units, in the order of their assignment. A unit whose value is not known yet must be waited for: counted in the order in
 * which outcomes become known, a slower arm would look like a worse one.
 *
 * @throws RangeError for a value outside of [0, 1] or a share outside of (0, 1).
 */
export function observeUnits(test: DifferenceTest, units: Iterable<Unit>): DifferenceTest {
  const { hypothesis } = test
  const swapped = hypothesis.is === 'atLeast'
  const difference = swapped ? -hypothesis.difference : hypothesis.difference
  let { units: count, sum, sumOfSquares, peak, bets, share, until } = test
  const logs = [...test.logs]

  for (const unit of units) {
    const { value } = unit
    if (!(value >= 0 && value <= 1)) throw new RangeError(`a unit's value must lie in [0, 1], and is ${value}`)
    if (count >= until || unit.share !== share) {
      if (!(unit.share > 0 && unit.share < 1)) throw new RangeError(`a share must lie between 0 and 1, and is ${unit.share}`)
      share = unit.share
      const mean = sum / count
      bets = logBets(mean, sumOfSquares / count - mean * mean, difference, swapped ? 1 - share : share)
      until = count * RENEWAL
      while (logs.length < bets.length) logs.push(0)
    }
    const ofSecond = (unit.arm === 'candidate') !== swapped
    for (let i = 0; i < bets.length; i++) {
      const bet = bets[i]!
      const ends = ofSecond ? bet.second : bet.first
      logs[i] = logs[i]! + (value === 0 ? ends[0] : value === 1 ? ends[1] : logBetween(ofSecond ? bet.bet.second : bet.bet.first, value))
    }
    count++
    sum += value
    sumOfSquares += value * value
    // The mean is at most the greatest: mostly that settles that there is no new peak.
    if (greatestOf(logs) > peak) peak = Math.max(peak, logOfMean(logs))
  }
  return { hypothesis, units: count, sum, sumOfSquares, logs, log: logs.length === 0 ? 0 : logOfMean(logs), peak, bets, share, until }
}

/** The p-value that holds at every look: 1 over the greatest evidence so far. The hypothesis is refuted at level α as soon as it is ≤ α. */
export function alwaysValidP(test: DifferenceTest): number {
  return Math.min(1, Math.exp(-test.peak))
}

/**
 * How many more units it will take to refute the hypothesis at level `alpha`, if the means are what `truth` says: the least that any alternative
 * needs, from what its bets have made so far and what they then make of a unit in the mean.
 *
 * @returns A whole number; 0 once it is refuted, infinite where such means do not refute it.
 */
export function unitsMissing(
  test: DifferenceTest,
  alpha: number,
  truth: { readonly baseline: number; readonly candidate: number },
  share: number,
): number {
  if (test.peak >= -Math.log(alpha)) return 0
  const swapped = test.hypothesis.is === 'atLeast'
  const means: Means = swapped ? { first: truth.candidate, second: truth.baseline } : { first: truth.baseline, second: truth.candidate }
  const difference = swapped ? -test.hypothesis.difference : test.hypothesis.difference
  const ofSecond = swapped ? 1 - share : share
  const mean = (1 - ofSecond) * means.first + ofSecond * means.second
  const estimated = test.sum / test.units
  const variance = Math.min(mean * (1 - mean), Math.max(test.sumOfSquares / test.units - estimated * estimated, 0))
  const bets = logBets(mean, variance, difference, ofSecond)
  const needed = Math.log(bets.length / alpha)
  let least = Number.POSITIVE_INFINITY
  for (const [i, { first, second }] of bets.entries()) {
    const rate =
      (1 - ofSecond) * (first[0] * (1 - means.first) + first[1] * means.first) +
      ofSecond * (second[0] * (1 - means.second) + second[1] * means.second)
    if (rate > 0) least = Math.min(least, (needed - (test.logs[i] ?? 0)) / rate)
  }
  return Math.max(1, Math.ceil(least))
}

function logBets(mean: number, variance: number, difference: number, share: number): LogBet[] {
  const ofZerosAndOnes = mean * (1 - mean)
  const stake = variance > 0 ? Math.max(1, ofZerosAndOnes / variance) : 1
  return alternatives(mean, difference, share).map((means) => {
    const fair = betOn(means, difference, share)
    const bet = stake > 1 ? staked(fair, stake) : fair
    return { bet, first: logsOf(bet.first), second: logsOf(bet.second) }
  })
}

/** Pairs of means that make `mean` together and lie farther from the hypothesis the farther down the list. Always as many, for the same hypothesis. */
function alternatives(mean: number, difference: number, share: number): Means[] {
  const gaps = ODDS_RATIOS.map((ratio) => {
    const first = firstOfOdds(mean, share, ratio)
    return (mean - first) / share
  })
  if (difference < 0) gaps.push(...SHARES_OF_MARGIN.map((part) => -difference * part))
  return gaps.map((gap) => {
    const apart = Math.min(difference + gap, 1)
    const first = Math.min(Math.max(mean - share * apart, 0, -apart), 1, 1 - apart)
    return { first, second: first + apart }
  })
}

/** The first of two means whose odds are 1 to `ratio` and whose mixture is `mean`: the positive root of a quadratic equation. */
function firstOfOdds(mean: number, share: number, ratio: number): number {
  const a = (1 - share) * (ratio - 1)
  const b = 1 - share + share * ratio - mean * (ratio - 1)
  return (2 * mean) / (b + Math.sqrt(b * b + 4 * a * mean))
}

function logsOf(factors: readonly [number, number]): readonly [number, number] {
  return [Math.log(factors[0]), Math.log(factors[1])]
}

function logBetween(factors: readonly [number, number], value: number): number {
  return Math.log(factors[0] + (factors[1] - factors[0]) * value)
}

function greatestOf(logs: readonly number[]): number {
  let greatest = Number.NEGATIVE_INFINITY
  for (const log of logs) if (log > greatest) greatest = log
  return greatest
}

function logOfMean(logs: readonly number[]): number {
  const greatest = greatestOf(logs)
  let sum = 0
  for (const log of logs) {
    const below = log - greatest
    if (below > -40) sum += Math.exp(below)
  }
  return greatest + Math.log(sum / logs.length)
}
