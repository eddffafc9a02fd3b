import { expect, it } from 'vitest'
import { lasting } from './format.ts'

it.each([
  [0, '0.0\u202fms'],
  [340, '340\u202fms'],
  [12_000, '12.0\u202fs'],
  [60_000, '1\u202fmin'],
  [7_200_000, '2\u202fh'],
])('%i ms last %s', (ms, words) => {
  expect(lasting(ms)).toBe(words)
})
