import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pickTarget } from './routing.ts'

const units = Array.from({ length: 4_000 }, (_, i) => ({ kind: 'header' as const, value: `user-${i}` }))
const split = (...targets: [string, number][]) => ({ salt: 's', targets: targets.map(([version, weight]) => ({ version, weight })) })
const count = (route: ReturnType<typeof split>, version: string) =>
  units.filter((unit) => pickTarget(route, unit, 0) === version).length / units.length

describe('sticky routing', () => {
  it('gives each version its share', () => {
    expect(count(split(['a', 90], ['b', 10]), 'b')).toBeCloseTo(0.1, 1)
    expect(count(split(['a', 20], ['b', 30], ['c', 50]), 'c')).toBeCloseTo(0.5, 1)
    expect(count(split(['a', 100], ['b', 0]), 'b')).toBe(0)
  })

  it('never moves a unit out of a version whose share grows at the others’ expense', () => {
    const weights = fc
      .tuple(
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
      )
      .map(([b, grow, aShare, aLoss]) => {
        const before = { a: Math.round(((100 - b) * aShare) / 100), b }
        const taken = Math.min(100 - b, grow)
        const fromA = Math.min(before.a, Math.round((taken * aLoss) / 100))
        const c = 100 - b - before.a
        const fromC = Math.min(c, taken - fromA)
        return [
          split(['a', before.a], ['b', b], ['c', c]),
          split(['a', before.a - fromA], ['b', b + fromA + fromC], ['c', c - fromC]),
        ] as const
      })
    fc.assert(
      fc.property(weights, fc.string({ minLength: 1 }), ([before, after], value) => {
        const unit = { kind: 'header' as const, value }
        if (pickTarget(before, unit, 0) === 'b') expect(pickTarget(after, unit, 0)).toBe('b')
      }),
      { numRuns: 2_000 },
    )
  })

  it('does not care in which order the versions are written', () => {
    for (const unit of units.slice(0, 200)) {
      expect(pickTarget(split(['a', 60], ['b', 40]), unit, 0)).toBe(pickTarget(split(['b', 40], ['a', 60]), unit, 0))
    }
  })

  it('splits anew by the random number where nothing is sticky', () => {
    const route = split(['a', 90], ['b', 10])
    expect(pickTarget(route, { kind: 'random' }, 0)).toBe('a')
    expect(pickTarget(route, { kind: 'random' }, 0.899)).toBe('a')
    expect(pickTarget(route, { kind: 'random' }, 0.901)).toBe('b')
    expect(pickTarget(route, { kind: 'random' }, 0.9999)).toBe('b')
  })

  it('draws two routes’ users independently', () => {
    const one = { ...split(['a', 50], ['b', 50]), salt: 'one' }
    const two = { ...one, salt: 'two' }
    const same = units.filter((unit) => pickTarget(one, unit, 0) === pickTarget(two, unit, 0)).length / units.length
    expect(same).toBeCloseTo(0.5, 1)
  })
})
