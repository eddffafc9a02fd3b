/** What a comparison has shown while somebody looked: points that a chart is made of. Pure but for the memory at the end. */
import type { MetricReport } from '../../../src/resources/comparison.ts'

export interface Point {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly reports: readonly MetricReport[]
}

const MOST = 400

/** With one more at the end; what is older than the newest quarter is thinned when there are too many. */
export function withPoint(points: readonly Point[], point: Point, most = MOST): readonly Point[] {
  const last = points.at(-1)
  if (last && JSON.stringify(last.reports) === JSON.stringify(point.reports)) return points
  const all = [...points, point]
  const fine = all.length - Math.floor(most / 4)
  return all.length <= most ? all : all.filter((_, i) => i >= fine || i % 2 === 0)
}

/** By release and try, so that a look at another page loses none of it. */
const seen = new Map<string, readonly Point[]>()

export function remember(key: string, point: Point): readonly Point[] {
  const points = withPoint(seen.get(key) ?? [], point)
  seen.set(key, points)
  return points
}
