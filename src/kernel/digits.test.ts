import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digits } from './digits.ts'

const number = fc.oneof(
  fc.nat(2_000),
  fc.maxSafeNat(),
  fc.integer(),
  fc.nat(20_000).map((tenths) => tenths / 10),
  fc.maxSafeNat().map((tenths) => tenths / 10),
  fc.double(),
)

test('a number is what String makes of it', () => {
  fc.assert(
    fc.property(number, (value) => {
      expect(digits(value)).toBe(String(value))
    }),
    { numRuns: 5_000 },
  )
})

test.each([0, -0, 0.05, 0.1, 0.95, 0.999, 1.999_999, 9.9, 999, 999.9, 1_000, 1_000_000, 1e14 - 0.1, 1e14, 1e21, -1, Number.NaN, Infinity])(
  '%d as well',
  (value) => {
    expect(digits(value)).toBe(String(value))
  },
)
