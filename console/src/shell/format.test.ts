import { expect, it } from 'vitest'
import { lasting, withoutZeros } from './format.ts'

it.each([
  [0, '0.0\u202fms'],
  [340, '340\u202fms'],
  [12_000, '12.0\u202fs'],
  [60_000, '1\u202fmin'],
  [7_200_000, '2\u202fh'],
])('%i ms last %s', (ms, words) => {
  expect(lasting(ms)).toBe(words)
})

it.each([
  ['2.00\u202fs', '2\u202fs'],
  ['2.50\u202fs', '2.5\u202fs'],
  ['0.05\u202f/s', '0.05\u202f/s'],
  ['100\u202fms', '100\u202fms'],
  ['1.05', '1.05'],
])('at an axis %s is %s', (text, shown) => expect(withoutZeros(text)).toBe(shown))
