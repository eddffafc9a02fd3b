/**
 * Does a series grow? Theil–Sen: the slope is the median of the slopes of all pairs of points, which no single outlier moves. Its confidence
 * interval takes the pairs' slopes at the ranks that Kendall's statistic allows (Sen 1968, "Estimates of the regression coefficient based on
 * Kendall's tau"): no assumption about how the values are distributed.
 */
export interface Trend {
  /** Per unit of `at`. */
  readonly slope: number
  /** One-sided: the slope is above it with the confidence of `z`. */
  readonly least: number
  readonly most: number
}

/** `z`: quantile of the normal distribution; 3.09 is 99.9 % on each side. At least 10 points. */
export function trendOf(at: readonly number[], values: readonly number[], z = 3.09): Trend {
  const n = values.length
  if (n < 10 || at.length !== n) throw new RangeError(`a trend needs at least 10 points, not ${n}`)
  const slopes: number[] = []
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) slopes.push((values[j]! - values[i]!) / (at[j]! - at[i]!))
  slopes.sort((a, b) => a - b)
  const spread = z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  const rank = (r: number) => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(r)))]!
  return {
    slope: rank((slopes.length - 1) / 2),
    least: rank((slopes.length - spread) / 2 - 1),
    most: rank((slopes.length + spread) / 2),
  }
}
