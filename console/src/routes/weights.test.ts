import { describe, expect, it } from 'vitest'
import { rebalanced, sameTargets, type Target, withoutTarget, withTarget } from './weights.ts'

const targets = (...weights: number[]): Target[] => weights.map((weight, i) => ({ version: `v${i + 1}`, weight }))
const weightsOf = (list: readonly Target[]) => list.map(({ weight }) => weight)

describe('weights', () => {
  it.each([
    [[90, 10], 1, 25, [75, 25]],
    [[90, 10], 0, 0, [0, 100]],
    [[60, 30, 10], 2, 40, [40, 20, 40]],
    [[100, 0, 0], 0, 70, [70, 30, 0]],
    [[0, 100], 1, 99, [1, 99]],
    [[100], 0, 30, [100]],
    [[50, 50], 0, 250, [100, 0]],
    [[50, 50], 0, -3, [0, 100]],
  ])('%j with number %i at %i is %j', (before, at, wanted, after) => {
    expect(weightsOf(rebalanced(targets(...before), at, wanted))).toEqual(after)
  })

  it('add up to 100 whatever is asked for', () => {
    let state = targets(34, 33, 33)
    for (let step = 0; step < 500; step++) {
      state = rebalanced(state, (step * 7) % 3, (step * 37) % 101)
      expect(weightsOf(state).reduce((a, b) => a + b, 0)).toBe(100)
      expect(weightsOf(state).every((weight) => Number.isInteger(weight) && weight >= 0)).toBe(true)
    }
  })

  it('of a target that goes are the others’, and a new one begins with nothing', () => {
    expect(weightsOf(withoutTarget(targets(50, 30, 20), 0))).toEqual([60, 40])
    expect(weightsOf(withoutTarget(targets(100), 0))).toEqual([100])
    expect(withTarget(targets(100), 'v9')).toEqual([
      { version: 'v1', weight: 100 },
      { version: 'v9', weight: 0 },
    ])
  })

  it('are the same when order, versions and numbers are', () => {
    expect(sameTargets(targets(90, 10), targets(90, 10))).toBe(true)
    expect(sameTargets(targets(90, 10), targets(10, 90))).toBe(false)
    expect(sameTargets(targets(100), targets(100, 0))).toBe(false)
  })
})
