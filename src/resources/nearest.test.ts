import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearest } from './nearest.ts'

test.each([
  ['wieght', ['version', 'weight'], 'weight'],
  ['Rout', ['Model', 'Route'], 'Route'],
  ['contextsize', ['contextSize', 'sequences'], 'contextSize'],
  ['assistant-v2', ['assistant-v1', 'other'], 'assistant-v1'],
  ['zzz', ['weight', 'version'], undefined],
  ['a', ['b'], undefined],
  ['x', [], undefined],
])('%s among %j means %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected)
})

test('edit distance is a metric on short words, with a swap of neighbours as one edit', () => {
  expect(editDistance('ab', 'ba')).toBe(1)
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
      const distance = editDistance(a, b)
      expect(distance).toBe(editDistance(b, a))
      expect(distance === 0).toBe(a === b)
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
    }),
  )
})
