/** The examples are those of kubernetes.io, "Horizontal Pod Autoscaling", sections "Configurable scaling behavior" and "Default behavior". */
import { describe, expect, it } from 'vitest'
import { type Behavior, type BehaviorState, DEFAULT_BEHAVIOR, NO_BEHAVIOR_YET, normalize } from './hpa-behavior.ts'

/** A loop of the controller every 15 s: each time so many are recommended, and what comes of it is there the next time. */
function loops(behavior: Behavior, from: number, recommended: readonly number[], every = 15_000): number[] {
  let state: BehaviorState = NO_BEHAVIOR_YET
  let current = from
  return recommended.map((desired, i) => {
    const { replicas, state: next } = normalize(behavior, state, current, desired, i * every)
    state = next
    current = replicas
    return replicas
  })
}

describe('by default', () => {
  it('adds four or doubles every 15 s, whichever is more', () => {
    expect(loops(DEFAULT_BEHAVIOR, 1, [100, 100, 100, 100])).toEqual([5, 10, 20, 40])
  })

  it('begins with what is there', () => {
    expect(loops(DEFAULT_BEHAVIOR, 10, [2, ...new Array<number>(19).fill(2)]).at(-1)).toBe(10)
    expect(loops(DEFAULT_BEHAVIOR, 10, [2, ...new Array<number>(20).fill(2)]).at(-1)).toBe(2)
  })

  it('goes up at once and down to the highest of the last 300 s', () => {
    expect(loops(DEFAULT_BEHAVIOR, 10, [12, 3, 3, 3])).toEqual([12, 12, 12, 12])
    // 21 × 15 s: the 12 of the beginning is older than 300 s.
    expect(loops(DEFAULT_BEHAVIOR, 10, [12, ...new Array<number>(20).fill(3)]).at(-1)).toBe(3)
    expect(loops(DEFAULT_BEHAVIOR, 10, [12, ...new Array<number>(19).fill(3)]).at(-1)).toBe(12)
  })
})

describe('with policies', () => {
  const down = (rules: Partial<Behavior['scaleDown']>): Behavior => ({
    ...DEFAULT_BEHAVIOR,
    scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [], ...rules },
  })
  const four = { type: 'Pods', value: 4, periodSeconds: 60 } as const
  const tenth = { type: 'Percent', value: 10, periodSeconds: 60 } as const

  it('of four pods and a tenth a minute goes from 80 by 8, 8, 7 … and below 40 by 4', () => {
    const seen = loops(down({ policies: [four, tenth] }), 80, new Array<number>(13).fill(10), 60_000)
    expect(seen).toEqual([72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12])
  })

  it('takes the smaller change with selectPolicy Min, none with Disabled', () => {
    expect(loops(down({ policies: [four, tenth], selectPolicy: 'Min' }), 80, [10])).toEqual([76])
    expect(loops(down({ policies: [four, tenth], selectPolicy: 'Disabled' }), 80, [10, 10])).toEqual([80, 80])
  })

  it('counts what has changed within the period', () => {
    expect(loops(down({ policies: [four] }), 20, [1, 1, 1, 1, 1], 15_000)).toEqual([16, 16, 16, 16, 12])
  })

  it('waits with going up for the lowest of a window', () => {
    const behavior = { ...DEFAULT_BEHAVIOR, scaleUp: { ...DEFAULT_BEHAVIOR.scaleUp, stabilizationWindowSeconds: 60 } }
    expect(loops(behavior, 4, [4, 8, 8, 8, 8])).toEqual([4, 4, 4, 4, 8])
  })
})
