import { describe, expect, test } from 'vitest'
import type { Instance } from './identity.ts'
import { planVersion } from './plan.ts'

/** "a0": config a, index 0. A capital letter when it is known and ready. */
const instance = (word: string) => ({ id: word.toLowerCase(), digest: word[0]!.toLowerCase(), index: Number(word[1]) }) as Instance
const words = (text: string) => text.split(' ').filter(Boolean)
const plan = (desired: string | undefined, known: string, most?: number) => {
  const { start, keep, retire } = planVersion(
    desired === undefined ? undefined : words(desired).map(instance),
    words(known).map((word) => ({ instance: instance(word), ready: word === word.toUpperCase() })),
    most,
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
    ['scaled down while the first is starting: the one that answers goes on', 'a0', 'a0 A1', { start: '', keep: 'a0 a1', retire: '' }],
    ['stopped', '', 'A0 A1', { start: '', keep: '', retire: 'a0 a1' }],
    ['another config: the new one starts beside the old one', 'b0', 'A0', { start: 'b0', keep: 'a0', retire: '' }],
    ['the new one is starting', 'b0', 'A0 b0', { start: '', keep: 'b0 a0', retire: '' }],
    ['the new one is ready', 'b0', 'A0 B0', { start: '', keep: 'b0', retire: 'a0' }],
    ['two are replaced: one at a time beside them', 'b0 b1', 'A0 A1', { start: 'b0', keep: 'a0 a1', retire: '' }],
    ['one of two new ones is ready: it takes the place of one', 'b0 b1', 'A0 A1 B0', { start: 'b1', keep: 'b0 a0', retire: 'a1' }],
    ['the second new one is ready', 'b0 b1', 'A0 B0 B1', { start: '', keep: 'b0 b1', retire: 'a0' }],
    ['a new one that breaks does not take the last old one along', 'b0 b1', 'A0 b0 B1', { start: '', keep: 'b0 b1 a0', retire: '' }],
    ['an old one that answers nobody leaves at once', 'b0', 'a0', { start: 'b0', keep: '', retire: 'a0' }],
    ['a third config while the second starts', 'c0', 'A0 b0', { start: 'c0', keep: 'a0', retire: 'b0' }],
    ['back to the first while the second starts', 'a0', 'A0 b0', { start: '', keep: 'a0', retire: 'b0' }],
  ])('%s', (_, desired, known, expected) => {
    expect(plan(desired, known)).toEqual(expected)
  })

  test('as many are started beside the old ones as `most` leaves room for', () => {
    expect(plan('b0 b1', 'A0 A1', 4)).toEqual({ start: 'b0 b1', keep: 'a0 a1', retire: '' })
    expect(plan('b0 b1', 'A0 A1', 2).start).toBe('b0')
    expect(plan('b0 b1', 'A0 A1 b0 b1', 2)).toEqual({ start: '', keep: 'b0 a0 a1', retire: 'b1' })
    expect(plan('a0 a1 a2', 'A0', 3).start).toBe('a1 a2')
  })
})
