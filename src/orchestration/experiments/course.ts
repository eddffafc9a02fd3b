/** How an effect has narrowed over time, in a bounded number of points. Pure. */

/** Milliseconds since the epoch; percentage points. */
export type Point = readonly [at: number, value: number, low: number, high: number]

const MOST = 96
/** Points are at least so far apart. */
const LEAST_MS = 2_000

/** With this point, if it is far enough from the last one; where there are too many, every second one goes, and they come at half the pace from then on. */
export function thinned(points: readonly Point[], next: Point): readonly Point[] {
  const first = points[0]
  const last = points.at(-1)
  if (!first || !last) return [next]
  const apart = Math.max(LEAST_MS, (2 * (last[0] - first[0])) / MOST)
  if (next[0] - last[0] < apart) return points
  const kept = points.length >= MOST ? points.filter((_, i) => i % 2 === 0) : points
  return [...kept, next]
}
