import { describe, expect, test } from 'vitest'
import type { Instance } from './identity.ts'
import { indicesOf, planVersion, type Standing } from './plan.ts'

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

describe('which of them, by their indices', () => {
  /** "0r 1 2s": index 0 is ready, 1 starts, 2 has served and does not now. "l": it leaves; "e": it was told to end; "*3": three requests. */
  const standing = (text: string): Standing[] =>
    words(text).map((word) => {
      const [, index, flags = '', busy = '0'] = /^(\d+)([a-z]*)(?:\*(\d+))?$/.exec(word)!
      const ready = flags.includes('r')
      const leaving = flags.includes('l')
      return { index: Number(index), ready, served: ready || flags.includes('s'), leaving, ended: flags.includes('e'), busy: Number(busy) }
    })

  test.each([
    ['the first ones', 3, '', [0, 1, 2]],
    ['more: the lowest that are free', 4, '0r 2r', [0, 1, 2, 3]],
    ['fewer: the one of the highest index goes', 2, '0r 1r 2r', [0, 1]],
    ['fewer: first the one that is not ready', 2, '0 1r 2r', [1, 2]],
    ['fewer: one that has served stays before one that never did', 1, '0 1s', [1]],
    ['fewer: of those that are ready the least busy', 2, '0r*3 1r 2r*5', [0, 2]],
    ['more: one that drains comes back, and no new one starts', 2, '0r 1rl', [0, 1]],
    ['more: one that drains and answers nobody is none', 2, '0r 1l', [0, 2]],
    ['more: one that was told to end goes, and its place is not free yet', 2, '0r 1rle', [0, 2]],
    ['more: one comes back before one of a lower index begins', 2, '1r 4rl', [1, 4]],
    ['none', 0, '0r 1r', []],
  ])('%s', (_, count, given, expected) => {
    expect(indicesOf(count, standing(given))).toEqual(expected)
  })
})
