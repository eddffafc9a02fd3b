import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { Sketch } from '../../kernel/sketch.ts'
import { mixtureLogEvidence, priorUnits } from './mean-mixture.ts'
import { quantileInterval, quantileRanks } from './quantile.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const count = fc.integer({ min: 0, max: 200_000 })
const share = fc.double({ min: 0.001, max: 0.999, noNaN: true })
const alpha = fc.double({ min: 1e-6, max: 0.5, noNaN: true })

function bySorting(values: readonly number[]): (q: number) => number {
  const sorted = [...values].sort((a, b) => a - b)
  return (q) => sorted[Math.floor(q * (sorted.length - 1))]!
}

/**
 * Where not even a count of 0 or of n crosses the boundary, demo/quantiles.py of confseq takes the smallest or greatest value for an end of the
 * interval, because beta_binomial_mixture_bound returns the greatest possible deviation then: of one value it says that the median is that value. The
 * vectors have no end there.
 */
test('ranks are those of confseq with its beta-binomial boundary, exactly', () => {
  for (const [n, p, alpha, tightestAt, lower, upper] of vectors.quantiles)
    expect(quantileRanks(n!, p!, alpha!, { tightestAt: tightestAt! })).toEqual({ lower: lower ?? undefined, upper: upper ?? undefined })
})

test('ranks lie on both sides of the quantile, and the counts just inside them are credible, those outside not', () => {
  fc.assert(
    fc.property(count, share, alpha, (n, p, alpha) => {
      const { lower, upper } = quantileRanks(n, p, alpha)
      const credible = (below: number) => mixtureLogEvidence(n, below, p, priorUnits()) < -Math.log(alpha)
      if (lower === undefined) expect(credible(0)).toBe(true)
      else {
        expect(lower).toBeGreaterThanOrEqual(1)
        expect(lower).toBeLessThanOrEqual(n * p + 1)
        expect([credible(lower - 1), credible(lower)]).toEqual([false, true])
      }
      if (upper === undefined) expect(credible(n)).toBe(true)
      else {
        expect(upper).toBeLessThanOrEqual(n)
        expect(upper).toBeGreaterThanOrEqual(n * p)
        expect([credible(upper), credible(upper - 1)]).toEqual([false, true])
      }
    }),
  )
})

test('intervals are nested, narrow with the number of values in share, and mirror with the order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50_000 }), share, alpha, alpha, (n, p, a, b) => {
      const ends = (n: number, p: number, alpha: number): [number, number] => {
        const { lower = 0, upper = n + 1 } = quantileRanks(n, p, alpha)
        return [lower, upper]
      }
      const [wide, narrow] = [ends(n, p, Math.min(a, b)), ends(n, p, Math.max(a, b))]
      expect(wide[0]).toBeLessThanOrEqual(narrow[0])
      expect(wide[1]).toBeGreaterThanOrEqual(narrow[1])
      const more = ends(4 * n, p, a)
      const fewer = ends(n, p, a)
      expect(more[1] - more[0]).toBeLessThanOrEqual(4 * (fewer[1] - fewer[0]) + 4)
    }),
  )
  const mirrored = quantileRanks(1000, 0.1, 0.05)
  expect(quantileRanks(1000, 0.9, 0.05)).toEqual({ lower: 1001 - mirrored.upper!, upper: 1001 - mirrored.lower! })
})

test('an interval has the values of its ranks, whether they are sorted or in a sketch', () => {
  const { uniform } = randomFrom(5)
  for (const n of [1, 2, 50, 777, 5000]) {
    const values = Array.from({ length: n }, () => 100 * Math.exp(2 * uniform()))
    const sorted = [...values].sort((a, b) => a - b)
    const sketch = values.reduce((each, value) => each.add(value), new Sketch())
    for (const p of [0.5, 0.95, 0.99]) {
      const ranks = quantileRanks(n, p, 0.05)
      const exact = quantileInterval(n, p, 0.05, bySorting(values))
      expect(exact.lower).toBe(ranks.lower ? sorted[ranks.lower - 1] : Number.NEGATIVE_INFINITY)
      expect(exact.upper).toBe(ranks.upper ? sorted[ranks.upper - 1] : Number.POSITIVE_INFINITY)
      const sketched = quantileInterval(n, p, 0.05, (q) => sketch.quantile(q))
      if (ranks.lower) expect(Math.abs(sketched.lower / exact.lower - 1)).toBeLessThan(0.0201)
      if (ranks.upper) expect(Math.abs(sketched.upper / exact.upper - 1)).toBeLessThan(0.0201)
    }
  }
})

test('every rank is asked for as a share that finds it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), share, (n, p) => {
      const { lower, upper } = quantileRanks(n, p, 0.05)
      const asked = quantileInterval(n, p, 0.05, (q) => Math.floor(q * (n - 1)) + 1)
      if (upper) expect(asked.upper).toBe(upper)
      if (lower) expect(asked.lower).toBe(lower)
    }),
  )
})

test('no values bound nothing, and none is asked for', () => {
  const never = () => expect.unreachable()
  expect(quantileInterval(0, 0.95, 0.05, never)).toEqual({ lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY })
  expect(quantileInterval(1, 0.5, 0.05, never)).toEqual({ lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY })
})

test('of 300 streams of 1,000 values 5 % miss the quantile at any time, no more', () => {
  const MOST = 28 // the 99.9 % quantile of the binomial distribution of 300 with 5 %
  for (const p of [0.5, 0.95]) {
    // The interval holds the quantile as long as enough values are at or below it and few enough.
    const ranks = Array.from({ length: 1001 }, (_, n) => quantileRanks(n, p, 0.05))
    let missed = 0
    for (let run = 0; run < 300; run++) {
      const { uniform } = randomFrom(1000 * p + run)
      let below = 0
      for (let n = 1; n <= 1000; n++) {
        if (uniform() < p) below++
        const { lower = 0, upper = n + 1 } = ranks[n]!
        if (below >= lower && below < upper) continue
        missed++
        break
      }
    }
    expect(missed).toBeLessThanOrEqual(MOST)
  }
})

test('what is out of bounds is refused with its reason', () => {
  for (const p of [0, 1, 95, Number.NaN]) expect(() => quantileRanks(10, p, 0.05)).toThrow(/quantile is/)
  for (const alpha of [0, 1, Number.NaN]) expect(() => quantileRanks(10, 0.5, alpha)).toThrow(/alpha/)
  for (const n of [-1, 0.5, Number.NaN]) expect(() => quantileRanks(n, 0.5, 0.05)).toThrow(/number of values/)
})
