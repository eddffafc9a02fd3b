import { describe, expect, it } from 'vitest'
import type { CompiledDivision, CompiledRoute, CompiledVersion } from '../resources/snapshot.ts'
import { assignmentsOf, comparedArm } from './assignments.ts'
import { type Choice, type Unit, unitHash } from './routing.ts'

const division: CompiledDivision = { by: 'Rollout/v2', uid: 'uid-1', attempt: 2, arms: ['v1', 'v2'] }
const user: Unit = { kind: 'header', value: 'ann' }

function choice(
  weights: Record<string, number>,
  more: Partial<Choice> & { assigned?: never; to: string; divided?: CompiledDivision },
): Choice {
  const { to, divided, ...rest } = more
  const targets = Object.entries(weights).map(([version, weight]) => ({ version, weight }))
  return {
    route: { name: 'assistant', generation: 3, salt: 's', targets, ...(divided && { division: divided }) } as unknown as CompiledRoute,
    ...{ why: 'weights', unit: user },
    ...rest,
    assigned: { name: to } as CompiledVersion,
  }
}
const byRoute = { by: 'Route/assistant#3', unitKind: 'header', unit: unitHash('s', user) }
const byRelease = { by: 'Rollout/v2#uid-1#2', unitKind: 'header', unit: unitHash('s', user) }

describe('what a request was assigned to', () => {
  it('is nothing where there was nothing to choose from', () => {
    expect(assignmentsOf(choice({ v1: 100 }, { to: 'v1' }))).toBeUndefined()
  })

  it('is the route’s share of the version', () => {
    expect(assignmentsOf(choice({ v1: 90, v2: 10 }, { to: 'v2' }))).toEqual([{ ...byRoute, arm: 'v2', share: 10 }])
  })

  it('is the release’s too, with the probability among what it compares', () => {
    const weights = { v1: 60, v2: 10, other: 30 }
    expect(assignmentsOf(choice(weights, { to: 'v2', divided: division }))).toEqual([
      { ...byRoute, arm: 'v2', share: 10 },
      { ...byRelease, arm: 'v2', share: 1000 / 70 },
    ])
    expect(assignmentsOf(choice(weights, { to: 'v1', divided: division }))?.[1]).toEqual({ ...byRelease, arm: 'v1', share: 6000 / 70 })
    expect(assignmentsOf(choice(weights, { to: 'other', divided: division }))).toEqual([{ ...byRoute, arm: 'other', share: 30 }])
  })

  it('says no unit where chance decides', () => {
    const random = choice({ v1: 50, v2: 50 }, { to: 'v1', divided: division, unit: { kind: 'random' } })
    expect(assignmentsOf(random)).toEqual([
      { by: 'Route/assistant#3', arm: 'v1', share: 50, unitKind: 'random', unit: '' },
      { by: 'Rollout/v2#uid-1#2', arm: 'v1', share: 50, unitKind: 'random', unit: '' },
    ])
  })

  it('is nothing of the release while one version has everything', () => {
    const alone = choice({ v1: 100, v2: 0 }, { to: 'v1', divided: division })
    expect(assignmentsOf(alone)).toEqual([{ ...byRoute, arm: 'v1', share: 100 }])
    const beside = choice({ v1: 70, v2: 0, other: 30 }, { to: 'v1', divided: division })
    expect(comparedArm(beside)).toBeUndefined()
  })

  it.each(['pin', 'preview'] as const)('is nothing where it was no chance: %s', (why) => {
    const wanted = choice({ v1: 90, v2: 10 }, { to: 'v2', divided: division, why })
    expect(assignmentsOf(wanted)).toBeUndefined()
    expect(comparedArm(wanted)).toBeUndefined()
  })
})
