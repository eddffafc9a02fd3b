/**
 * The tightest confidence sequence for the mean of values in [0, 1], where each value is seen: I. Waudby-Smith and A. Ramdas, "Estimating means of
 * bounded random variables by betting", Journal of the Royal Statistical Society B 86(1), 2024 (read 2023), arXiv 2010.09686, theorem 3 (hedged
 * capital) with the predictable plug-in bets.
 *
 * Of each candidate mean m on a grid two gamblers play against the claim that the mean is m: one bets λ that values are above it, one that they are
 * below, and so K⁺ₜ = Π (1 + λᵢ (xᵢ − m)), K⁻ₜ = Π (1 − λᵢ (xᵢ − m)). The bets grow as the variance seen so far shrinks, λₜ = √(2 ln(2/α) / (σ̂²ₜ₋₁ t
 * ln(1 + t))), so the interval adapts to it, and are cut at c/m and c/(1 − m), so that no capital is lost at once. A candidate is left out when θK⁺ or
 * (1−θ)K⁻ exceeds 1/α. What was left out once stays out: the interval is that of all times together.
 */
import { checkAlpha, type Interval } from './special.ts'

export interface BettingOptions {
  readonly alpha: number
  /** Steps of the grid of candidate means; the interval is that of the grid, one step wider on either side. Default 1,000. */
  readonly steps?: number
  /** c, in (0, 1]: which part of the capital a bet may lose. Default ½. */
  readonly truncation?: number
  /** In (0, 1): the part of α for means that are greater than the candidate. Default ½. */
  readonly theta?: number
}

/** Plain data: it can be stored as JSON and gone on with. */
export interface MeanBetting extends Required<BettingOptions> {
  readonly n: number
  readonly sum: number
  /** Sum of squared distances of each value from the mean estimated with it. */
  readonly squares: number
  /** Capital of both gamblers for the candidates from number `first` on that are not left out at an end; candidate i is i / steps. */
  readonly first: number
  readonly above: readonly number[]
  readonly below: readonly number[]
}

/** Throws a RangeError when an option lies outside its bounds. */
export function startMeanBetting(options: BettingOptions): MeanBetting {
  const { alpha, steps = 1000, truncation = 0.5, theta = 0.5 } = options
  checkAlpha(alpha)
  if (!(Number.isSafeInteger(steps) && steps >= 2 && steps <= 100_000))
    throw new RangeError(`The grid has ${steps} steps: take 2 to 100,000, such as 1000.`)
  if (!(truncation > 0 && truncation <= 1))
    throw new RangeError(`The truncation is ${truncation}, but must be above 0 and at most 1, such as 0.5.`)
  if (!(theta > 0 && theta < 1)) throw new RangeError(`theta is ${theta}, but must lie between 0 and 1: 0.5 for both sides alike.`)
  const even = (): number[] => new Array<number>(steps + 1).fill(1)
  return { alpha, steps, truncation, theta, n: 0, sum: 0, squares: 0, first: 0, above: even(), below: even() }
}

/**
 * After these values too, each in [0, 1]; `state` itself stays as it is. Costs two multiplications for each value and candidate that is left.
 *
 * Throws a RangeError when a value lies outside [0, 1]; none of the values is seen then.
 */
export function observeMeanBetting(state: MeanBetting, values: readonly number[]): MeanBetting {
  for (const value of values)
    if (!(value >= 0 && value <= 1))
      throw new RangeError(`A value is ${value}, but must lie in [0, 1]: divide by the greatest that it can be.`)
  const { alpha, steps, truncation, theta, first } = state
  const [above, below] = [Float64Array.from(state.above), Float64Array.from(state.below)]
  const candidates = above.map((_, i) => (first + i) / steps)
  const [mostAbove, mostBelow] = [candidates.map((m) => truncation / m), candidates.map((m) => truncation / (1 - m))]
  let { n, sum, squares } = state
  let [low, high] = [0, above.length - 1]
  for (const value of values) {
    const scale = 2 / ((n + 1) * Math.log(n + 2) * ((0.25 + squares) / (n + 1)))
    const [betAbove, betBelow] = [Math.sqrt(-Math.log(alpha * theta) * scale), Math.sqrt(-Math.log(alpha * (1 - theta)) * scale)]
    for (let i = low; i <= high; i++) {
      const distance = value - candidates[i]!
      above[i] = Math.min(Number.MAX_VALUE, above[i]! * (1 + Math.min(betAbove, mostAbove[i]!) * distance))
      below[i] = Math.min(Number.MAX_VALUE, below[i]! * (1 - Math.min(betBelow, mostBelow[i]!) * distance))
    }
    n += 1
    sum += value
    squares += (value - (0.5 + sum) / (n + 1)) ** 2
    const out = (i: number): boolean => Math.max(theta * above[i]!, (1 - theta) * below[i]!) > 1 / alpha
    let [from, to] = [low, high]
    while (from <= to && out(from)) from++
    while (to > from && out(to)) to--
    if (from <= to) [low, high] = [from, to]
  }
  const left = (capital: Float64Array): number[] => Array.from(capital.subarray(low, high + 1))
  return { ...state, n, sum, squares, first: first + low, above: left(above), below: left(below) }
}

/**
 * The means that are left, at level 1 − α at all times together; [0, 1] before the first value. Should every candidate be left out, which says that
 * the mean has changed under way, the interval stays what it was before.
 */
export function meanBettingInterval({ steps, first, above }: MeanBetting): Interval {
  return { lower: Math.max(0, (first - 1) / steps), upper: Math.min(1, (first + above.length) / steps) }
}
