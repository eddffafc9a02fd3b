import { expect, test } from 'vitest'
import type { Resource } from '../../resources/index.ts'
import { route } from '../../resources/route.ts'
import { specWith } from './lab.ts'
import { effective } from './overlay.ts'

const ROUTE = route.spec.parse({
  models: ['m'],
  targets: [
    { version: 'v1', weight: 80 },
    { version: 'v3', weight: 20 },
  ],
  stickyBy: { header: 'x-session', else: 'random' },
})
const arms = [
  { name: 'control', version: 'v1', weight: 50 },
  { name: 'short', version: 'v1', weight: 25, prompt: { system: 'Be short.' } },
  { name: 'cold', version: 'v2', weight: 25, sampling: { temperature: 0 } },
]
const experiment = (status: object, rest: object = {}) =>
  ({
    kind: 'Experiment',
    metadata: { name: 'e', namespace: 'default', uid: 'uid-e' },
    spec: specWith({ arms, ...rest }),
    status,
  }) as Resource<'Experiment'>
const laid = (status: object, rest?: object) => effective(ROUTE, { rollouts: [], experiments: [experiment(status, rest)] })
const head = { by: 'Experiment/e', uid: 'uid-e', attempt: 1, arms: [] }

test('while it runs its arms have the whole route, by its own units', () => {
  expect(laid({ phase: 'Running' })).toEqual({
    by: 'Experiment/e',
    targets: [
      { version: 'v1', weight: 75 },
      { version: 'v2', weight: 25 },
    ],
    division: {
      ...head,
      split: {
        stickyBy: { header: 'x-user-id', else: 'consumer' },
        arms: [
          { name: 'control', version: 'v1', weight: 50 },
          { name: 'short', version: 'v1', weight: 25, system: 'Be short.' },
          { name: 'cold', version: 'v2', weight: 25, sampling: { temperature: 0 } },
        ],
      },
    },
  })
})

test('without units of its own it takes those of the route', () => {
  expect(laid({ phase: 'Running' }, { assignBy: undefined }).division?.split?.stickyBy).toEqual({ header: 'x-session', else: 'random' })
})

test('what a stopped arm had the others share', () => {
  const { division, targets } = laid({ phase: 'Running', arms: [{ name: 'cold', exposed: 1, stopped: 'harm' }] })
  expect(division?.split?.arms.map(({ name, weight }) => [name, Math.round(weight)])).toEqual([
    ['control', 67],
    ['short', 33],
  ])
  expect(targets).toEqual([{ version: 'v1', weight: 100 }])
})

test('before that, held, and decided, all go where the route says; before it callers are noted', () => {
  const written = { targets: ROUTE.targets, by: 'spec' }
  expect(laid({ phase: 'Pending' })).toEqual(written)
  expect(laid({ phase: 'Preparing' })).toEqual({
    ...written,
    division: { ...head, split: { stickyBy: { header: 'x-user-id', else: 'consumer' }, arms: [] } },
  })
  expect(laid({ phase: 'Running', heldSince: '2026-01-01T00:00:00Z' })).toEqual(written)
  expect(laid({ phase: 'Decided', decision: 'ship', arm: 'short' })).toEqual(written)
})
