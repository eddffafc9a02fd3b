import { expect, test } from 'vitest'
import { pressureOf } from './pressure.ts'

test.each([
  [0, undefined, 0],
  [3, undefined, 0],
  [4, 0.5, 1],
  [8, 0.5, 2],
  [100, 0.5, 4],
  [0, 0.95, 1],
  [100, 0.9, 5],
])('%i requests wait where 8 run at once, and %s of the cache is in use: %i', (waiting, cacheUsed, expected) => {
  expect(pressureOf({ waiting, ...(cacheUsed === undefined ? {} : { cacheUsed }) }, 8, 2)).toBe(expected)
})

test('a gateway that is alone counts its requests itself', () => {
  expect(pressureOf({ waiting: 100 }, 8, 1)).toBe(0)
  expect(pressureOf({ waiting: 100, cacheUsed: 0.9 }, 8, 1)).toBe(1)
})
