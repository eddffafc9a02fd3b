import { describe, expect, it } from 'vitest'
import { type Point, withPoint } from './points.ts'

const arm = (units: number) => ({ units, mean: 1, low: 0, high: 2 })
const point = (at: number): Point => ({
  at,
  reports: [{ name: 'errorRate', baseline: arm(at), candidate: arm(at), verdict: 'undecided' }],
})

describe('points', () => {
  it('come one after the other, and what says nothing new is left out', () => {
    const two = withPoint(withPoint([], point(1)), point(2))
    expect(two.map(({ at }) => at)).toEqual([1, 2])
    expect(withPoint(two, { ...point(2), at: 3 })).toBe(two)
  })

  it('are never too many: the first and the newest stay, what lies between is thinned', () => {
    let points: readonly Point[] = []
    for (let at = 0; at < 1_000; at++) {
      points = withPoint(points, point(at), 40)
      expect(points.length).toBeLessThanOrEqual(40)
    }
    expect(points[0]!.at).toBe(0)
    expect(points.slice(-5).map(({ at }) => at)).toEqual([995, 996, 997, 998, 999])
  })
})
