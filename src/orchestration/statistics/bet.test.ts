import fc from 'fast-check'
import { expect, test } from 'vitest'
import { betOn, greatestExpectation, staked } from './bet.ts'

const share = fc.double({ min: 0.01, max: 0.99, noNaN: true })
const mean = fc.double({ min: 0, max: 1, noNaN: true })
const difference = fc.double({ min: -0.9, max: 0.9, noNaN: true })

test('no bet is better than fair, whatever mean of the null is true, and none can lose more than all', () => {
  fc.assert(
    fc.property(
      mean,
      mean,
      difference,
      share,
      mean,
      mean,
      fc.double({ min: 0, max: 50, noNaN: true }),
      (first, second, bound, w, p, q, stake) => {
        const bet = staked(betOn({ first, second }, bound, w), stake)
        for (const factor of [...bet.first, ...bet.second]) expect(factor).toBeGreaterThanOrEqual(0)
        expect(greatestExpectation(bet, bound, w)).toBeLessThanOrEqual(1 + 1e-9)
        if (q > p + bound) return
        const expectation = (1 - w) * (bet.first[0] * (1 - p) + bet.first[1] * p) + w * (bet.second[0] * (1 - q) + bet.second[1] * q)
        expect(expectation).toBeLessThanOrEqual(1 + 1e-9)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('without a difference the bet is the likelihood ratio with the mean of both', () => {
  const bet = betOn({ first: 0.1, second: 0.3 }, 0, 0.25)
  expect(bet.first[1]).toBeCloseTo(0.1 / 0.15, 12)
  expect(bet.second[1]).toBeCloseTo(0.3 / 0.15, 12)
  expect(bet.first[0]).toBeCloseTo(0.9 / 0.85, 12)
})

test('no other bet of its kind grows faster where the alternative is true', () => {
  const [truth, bound, w] = [{ first: 0.2, second: 0.3 }, -0.05, 0.3] as const
  const growth = ({ first, second }: ReturnType<typeof betOn>) =>
    (1 - w) * (0.8 * Math.log(first[0]) + 0.2 * Math.log(first[1])) + w * (0.7 * Math.log(second[0]) + 0.3 * Math.log(second[1]))
  const best = growth(betOn(truth, bound, w))
  fc.assert(
    fc.property(mean, mean, (first, second) => {
      expect(growth(betOn({ first, second }, bound, w))).toBeLessThanOrEqual(best + 1e-12)
    }),
  )
})

test('what lies in the null is not bet on', () => {
  expect(betOn({ first: 0.3, second: 0.3 }, 0, 0.5)).toEqual({ first: [1, 1], second: [1, 1] })
  expect(betOn({ first: 0.3, second: 0.31 }, 0.02, 0.5)).toEqual({ first: [1, 1], second: [1, 1] })
})
