import { describe, expect, it } from 'vitest'
import type { Resource } from '../../../src/resources/index.ts'
import type { AuditEntry } from '../../../src/store/audit.ts'
import { type Difference, differences } from '../../../src/store/difference.ts'
import { writtenOf } from '../api/resources.ts'
import { fieldsOf, pastOf } from './past.ts'

const route = (v2: number, labels?: Record<string, string>) =>
  ({
    apiVersion: 'x',
    kind: 'Route',
    metadata: { name: 'm', namespace: 'default', ...(labels ? { labels } : {}) },
    spec: {
      targets: [
        { version: 'v1', weight: 100 - v2 },
        { version: 'v2', weight: v2 },
      ],
      retries: { attempts: 1 },
    },
  }) as unknown as Resource<'Route'>
const changed = (id: number, before: Resource, after: Resource): AuditEntry => ({
  id,
  time: id,
  actor: 'me',
  action: 'change',
  kind: 'Route',
  namespace: 'default',
  name: 'm',
  diff: differences(writtenOf(before), writtenOf(after)),
})
const created: AuditEntry = {
  id: 1,
  time: 1,
  actor: 'me',
  action: 'create',
  kind: 'Route',
  namespace: 'default',
  name: 'm',
  diff: [{ path: ['spec'], after: {} }],
}

it('what was only told to it changes nothing that is written', () => {
  const paused: AuditEntry = { ...created, id: 3, action: 'pause', diff: [] }
  const [deed, change] = pastOf(route(50), [paused, changed(2, route(10), route(50))])
  expect(deed).toEqual({ entry: paused, differences: [], before: undefined })
  expect(change?.before?.spec).toEqual(route(10).spec)
})

describe('the past of a resource', () => {
  it('is walked back entry by entry, labels too', () => {
    const [a, b, c] = [route(10), route(20), route(20, { by: 'me' })]
    const past = pastOf(c, [changed(3, b, c), changed(2, a, b), created])
    expect(past.map(({ before }) => before && [before.metadata.labels, (before.spec as typeof a.spec).targets[1]!.weight])).toEqual([
      [undefined, 20],
      [undefined, 10],
      undefined,
    ])
    expect(past[1]!.differences).toEqual([{ path: [], before: expect.anything(), after: expect.anything() }])
    expect(past[2]!.differences).toEqual(created.diff)
  })

  it('ends where the log does not fit what is there, and tells the fields all the same', () => {
    const [newest, older] = pastOf(route(50), [changed(3, route(10), route(20)), changed(2, route(5), route(10))])
    expect([newest!.before, older!.before]).toEqual([undefined, undefined])
    expect(newest!.differences).toHaveLength(2)
  })
})

it.each<[Difference[], string]>([
  [[{ path: ['spec', 'retries', 'attempts'], before: 1, after: 0 }], 'retries.attempts 1 → 0'],
  [
    [
      { path: ['spec', 'targets', 0, 'weight'], before: 90, after: 85 },
      { path: ['spec', 'targets', 1, 'weight'], before: 10, after: 15 },
    ],
    'targets',
  ],
  [[{ path: ['metadata', 'labels', 'team'], after: 'shop' }], 'metadata.labels.team unset → shop'],
  [['a', 'b', 'c', 'd'].map((name) => ({ path: ['spec', name], before: {}, after: [] })), 'a, b, c and 1 more'],
])('%j is told as %s', (diff, told) => {
  expect(fieldsOf(diff)).toBe(told)
})
