/** What a policy reaches at one setting of its knob, and what lies between two settings. */
export interface Point {
  readonly knob: number
  /** Mean number of instances from creation to stop. */
  readonly cost: number
  readonly missShare: number
}

/** Fewer than one in a million cannot be told from none; logarithms want a floor. */
const FLOOR = 1e-6
const log = (share: number) => Math.log(Math.max(FLOOR, share))

/** Those settings that no other of the same policy beats in both, by growing cost. */
export function frontierOf(points: readonly Point[]): Point[] {
  const byCost = points.toSorted((a, b) => a.cost - b.cost || a.missShare - b.missShare)
  const kept: Point[] = []
  for (const point of byCost) if (kept.length === 0 || point.missShare < kept.at(-1)!.missShare) kept.push(point)
  return kept
}

/** The cost at which it misses so much, between two settings on a straight line over the logarithm of the misses; undefined where it never does. */
export function costAt(points: readonly Point[], missShare: number): number | undefined {
  const frontier = frontierOf(points)
  if (frontier.length > 0 && frontier[0]!.missShare <= missShare) return frontier[0]!.cost
  for (const [i, right] of frontier.entries()) {
    const left = frontier[i - 1]
    if (!left || right.missShare > missShare) continue
    const share = (log(left.missShare) - log(missShare)) / (log(left.missShare) - log(right.missShare))
    return left.cost + share * (right.cost - left.cost)
  }
  return undefined
}

/** The misses at a cost; those of the dearest setting beyond it; undefined below the cheapest. */
export function missesAt(points: readonly Point[], cost: number): number | undefined {
  const frontier = frontierOf(points)
  for (const [i, right] of frontier.entries()) {
    const left = frontier[i - 1]
    if (right.cost < cost) continue
    if (!left) return right.cost === cost ? right.missShare : undefined
    const share = (cost - left.cost) / (right.cost - left.cost)
    return Math.exp(log(left.missShare) + share * (log(right.missShare) - log(left.missShare)))
  }
  return frontier.at(-1)?.missShare
}
