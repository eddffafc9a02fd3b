import { expect, it } from 'vitest'
import { deedOf, thingOf } from './deed.ts'

it.each([
  ['created', { action: 'create', kind: 'Route', diff: [] }],
  ['changed', { action: 'change', kind: 'ApiKey', diff: [{ path: ['spec', 'expires'], after: '2030-01-01' }] }],
  ['revoked', { action: 'change', kind: 'ApiKey', diff: [{ path: ['spec', 'revoked'], before: false, after: true }] }],
  ['made', { action: 'token', kind: 'Token', diff: [{ path: ['role'], after: 'editor' }] }],
  ['revoked', { action: 'token', kind: 'Token', diff: [{ path: ['role'], before: 'editor' }] }],
  ['ended', { action: 'logout', kind: 'Session', diff: [] }],
] as const)('%s', (word, entry) => expect(deedOf(entry)).toBe(word))

it('things have the names that people give them', () => {
  expect(thingOf({ kind: 'ApiKey', name: 'web' })).toBe('key web')
  expect(thingOf({ kind: 'Consumer', name: 'shop' })).toBe('consumer shop')
})

it('a release is told what to do', () => {
  expect(
    ['pause', 'resume', 'promote', 'promote-full', 'abort', 'retry', 'undo'].map((action) => deedOf({ action, kind: 'Rollout', diff: [] })),
  ).toEqual(['paused', 'resumed', 'promoted by a step', 'promoted fully', 'aborted', 'tried again', 'undone'])
  expect(thingOf({ kind: 'Rollout', name: 'm-v2' })).toBe('release m-v2')
})
