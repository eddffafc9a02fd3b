/** Latency against load, as a load test or the version's own records show it: what share of first tokens is late where each instance has so much to do. */
export interface LoadPoint {
  /** Instance-seconds of work that come to each instance a second, by its unit costs. */
  readonly load: number
  /** Share of first tokens over the objective, 0 to 1, when it goes on like that. */
  readonly missShare: number
}

export interface LoadCurve {
  /** The load at which every second first token is late: more than that cannot be borne for long. */
  readonly saturation: number
  /** Late share at a use of 0 to 1, where 1 is saturation. */
  missShare(use: number): number
}

const STEPS = 64

/** @throws RangeError where there is no point with a load. */
export function loadCurve(points: readonly LoadPoint[]): LoadCurve {
  const sorted = points.filter(({ load }) => load > 0).toSorted((a, b) => a.load - b.load)
  if (sorted.length === 0) throw new RangeError('a load curve needs a point')
  const saturation = crossing(sorted, 0.5)
  const table = Float64Array.from({ length: STEPS + 1 }, (_, i) => at(sorted, (i / STEPS) * saturation))
  return { saturation, missShare: (use) => table[use >= 1 ? STEPS : Math.floor(use * STEPS)]! }
}

/** Between two points on a straight line; the load of the last one where none of them is that high. */
function crossing(sorted: readonly LoadPoint[], share: number): number {
  const above = sorted.findIndex(({ missShare }) => missShare >= share)
  if (above === -1) return sorted.at(-1)!.load
  const right = sorted[above]!
  const left = sorted[above - 1] ?? { load: 0, missShare: 0 }
  return left.load + ((share - left.missShare) / (right.missShare - left.missShare)) * (right.load - left.load)
}

function at(sorted: readonly LoadPoint[], load: number): number {
  const above = sorted.findIndex((point) => point.load >= load)
  if (above === -1) return sorted.at(-1)!.missShare
  const right = sorted[above]!
  const left = sorted[above - 1] ?? { load: 0, missShare: 0 }
  return left.missShare + ((load - left.load) / (right.load - left.load)) * (right.missShare - left.missShare)
}
