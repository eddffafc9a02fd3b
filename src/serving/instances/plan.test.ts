import { describe, expect, test } from 'vitest'
import type { Instance } from './identity.ts'
import { planVersion } from './plan.ts'

/** "a0": config a, index 0. A capital letter when it is known and ready. */
const instance = (word: string): Instance => ({
  id: word.toLowerCase(),
  digest: word[0]!.toLowerCase(),
  index: Number(word[1]),
  ...{ namespace: 'default', version: 'v', socketPath: '', config: '', drainTimeoutMs: 0, sequences: 1, maxWaiting: 0, standIn: false },
})
const words = (text: string) => text.split(' ').filter(Boolean)
const plan = (desired: string | undefined, known: string) => {
  const { start, keep, retire } = planVersion(
    desired === undefined ? undefined : words(desired).map(instance),
    words(known).map((word) => ({ instance: instance(word), ready: word === word.toUpperCase() })),
  )
  const ids = (list: readonly Instance[]) => list.map(({ id }) => id).join(' ')
  return { start: ids(start), keep: ids(keep), retire: ids(retire) }
}

describe('which instances run', () => {
  test.each([
    ['the first start', 'a0 a1', '', { start: 'a0 a1', keep: '', retire: '' }],
    ['all is well', 'a0 a1', 'A0 A1', { start: '', keep: 'a0 a1', retire: '' }],
    ['not known yet what they shall run', undefined, 'A0 a1', { start: '', keep: 'a0 a1', retire: '' }],
    ['scaled up', 'a0 a1', 'A0', { start: 'a1', keep: 'a0', retire: '' }],
    ['scaled down', 'a0', 'A0 A1', { start: '', keep: 'a0', retire: 'a1' }],
    ['scaled down while the first is starting', 'a0', 'a0 A1', { start: '', keep: 'a0', retire: 'a1' }],
    ['stopped', '', 'A0 A1', { start: '', keep: '', retire: 'a0 a1' }],
    ['another config: the new one starts beside the old one', 'b0', 'A0', { start: 'b0', keep: 'a0', retire: '' }],
    ['the new one is starting', 'b0', 'A0 b0', { start: '', keep: 'b0 a0', retire: '' }],
    ['the new one is ready', 'b0', 'A0 B0', { start: '', keep: 'b0', retire: 'a0' }],
    ['one of two new ones is ready', 'b0 b1', 'A0 A1 B0 b1', { start: '', keep: 'b0 b1 a0 a1', retire: '' }],
    ['an old one that answers nobody leaves at once', 'b0', 'a0', { start: 'b0', keep: '', retire: 'a0' }],
    ['a third config while the second starts', 'c0', 'A0 b0', { start: 'c0', keep: 'a0', retire: 'b0' }],
    ['back to the first while the second starts', 'a0', 'A0 b0', { start: '', keep: 'a0', retire: 'b0' }],
  ])('%s', (_, desired, known, expected) => {
    expect(plan(desired, known)).toEqual(expected)
  })
})
