import { describe, expect, test } from 'vitest'
import type { Resource } from '../../resources/index.ts'
import { rollout } from '../../resources/rollout.ts'
import { API_VERSION } from '../../resources/scalars.ts'
import { divisionKey, overlay } from './overlay.ts'

type Rollout = Resource<'Rollout'>

function release(name: string, from: string, to: string, status: Partial<Rollout['status']> & object, rest: object = {}): Rollout {
  return {
    apiVersion: API_VERSION,
    kind: 'Rollout',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: `2026-01-0${name.slice(-1)}T00:00:00Z` },
    spec: rollout.spec.parse({ route: 'r', from, to, ...rest }),
    status: { conditions: [], history: [], ...status },
  }
}

const V1 = [{ version: 'v1', weight: 100 }]

describe('what a release makes of a route', () => {
  test('its share of what would go to the old version goes to the new one, and others keep theirs', () => {
    const targets = [
      { version: 'v0', weight: 20 },
      { version: 'v1', weight: 80 },
    ]
    const laid = overlay(targets, [release('a1', 'v1', 'v2', { phase: 'Progressing', weight: 5, attempt: 3 })])
    expect(laid).toEqual({
      targets: [
        { version: 'v0', weight: 20 },
        { version: 'v1', weight: 76 },
        { version: 'v2', weight: 4 },
      ],
      by: 'Rollout/a1',
      division: { by: 'Rollout/a1', uid: 'uid-a1', attempt: 3, arms: ['v1', 'v2'] },
    })
    expect(divisionKey(laid.division!)).toBe('Rollout/a1#uid-a1#3')
  })

  test.each([
    ['not begun', {}],
    ['waiting', { phase: 'Pending', weight: 0 }],
    ['held, because it is not ready', { phase: 'Degraded', weight: 25, heldSince: '2026-01-01T00:00:00Z' }],
    ['rolled back', { phase: 'Degraded', weight: 0 }],
  ] as const)('nothing while it is %s', (_, status) => {
    expect(overlay(V1, [release('a1', 'v1', 'v2', status)])).toEqual({ targets: V1, by: 'spec' })
  })

  test('promoted it stands for the whole, and compares no more', () => {
    expect(overlay(V1, [release('a1', 'v1', 'v2', { phase: 'Healthy', weight: 100 })])).toEqual({
      targets: [{ version: 'v2', weight: 100 }],
      by: 'Rollout/a1',
    })
  })

  test('once the route itself says so, it has no say any more', () => {
    const targets = [{ version: 'v2', weight: 100 }]
    expect(overlay(targets, [release('a1', 'v1', 'v2', { phase: 'Healthy', weight: 100 })])).toEqual({ targets, by: 'spec' })
  })

  test('the next release starts from what the last one has promoted, in whatever order they are listed', () => {
    const releases = [
      release('b2', 'v2', 'v3', { phase: 'Progressing', weight: 25, attempt: 1 }),
      release('a1', 'v1', 'v2', { phase: 'Healthy', weight: 100 }),
    ]
    expect(overlay(V1, releases).targets).toEqual([
      { version: 'v2', weight: 75 },
      { version: 'v3', weight: 25 },
    ])
  })

  test('previews go on while it waits, and end with it', () => {
    const preview = { headers: { 'x-preview': 'v2' }, consumers: ['qa'] }
    const division = { by: 'Rollout/a1', uid: 'uid-a1', attempt: 1, arms: ['v1', 'v2'], preview: { to: 'v2', ...preview } }
    expect(overlay(V1, [release('a1', 'v1', 'v2', { phase: 'Pending', weight: 0 }, { preview })])).toEqual({
      targets: V1,
      by: 'spec',
      division,
    })
    expect(overlay(V1, [release('a1', 'v1', 'v2', { phase: 'Degraded', weight: 0 }, { preview })]).division).toBeUndefined()
  })
})
