import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { meanMixtureInterval, mixtureLogEvidence, priorUnits } from './mean-mixture.ts'
import { logBeta } from './special.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const alpha = fc.double({ min: 1e-6, max: 0.5, noNaN: true })
const counted = fc
  .tuple(fc.integer({ min: 1, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([n, share]) => [n, n * share] as const)
const tightestAt = fc.constantFrom(1, 100, 1000, 50_000)

test('intervals are those of confseq.boundaries.bernoulli_confidence_interval, to 10⁻⁹', () => {
  for (const [n, sum, alpha, tightestAt, lower, upper] of vectors.mixture.intervals) {
    const interval = meanMixtureInterval(n!, sum!, alpha!, { tightestAt: tightestAt! })
    expect(interval.lower).toBeCloseTo(lower!, 9)
    expect(interval.upper).toBeCloseTo(upper!, 9)
  }
})

test('the evidence is that of confseq, and an integral over the alternatives by scipy, to 10⁻⁹', () => {
  for (const [n, sum, mean, tightestAt, confseq, integral] of vectors.mixture.evidence) {
    const log = mixtureLogEvidence(n!, sum!, mean!, priorUnits(tightestAt!))
    expect(log).toBeCloseTo(confseq!, 9)
    expect(log).toBeCloseTo(integral!, 9)
  }
})

test('an interval holds the empirical mean, and the candidates against which there is less evidence than 1/α', () => {
  fc.assert(
    fc.property(
      counted,
      alpha,
      tightestAt,
      fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }),
      ([n, sum], alpha, tightestAt, candidate) => {
        const { lower, upper } = meanMixtureInterval(n, sum, alpha, { tightestAt })
        expect(lower).toBeGreaterThanOrEqual(0)
        expect(lower).toBeLessThanOrEqual(sum / n)
        expect(upper).toBeGreaterThanOrEqual(sum / n)
        expect(upper).toBeLessThanOrEqual(1)
        const log = mixtureLogEvidence(n, sum, candidate, priorUnits(tightestAt))
        const near = Math.min(Math.abs(candidate - lower), Math.abs(candidate - upper)) < 1e-9 * candidate
        if (!near) expect(lower <= candidate && candidate <= upper).toBe(log < -Math.log(alpha))
      },
    ),
    { numRuns: 500 },
  )
})

test('intervals are nested: the greater alpha, the narrower', () => {
  fc.assert(
    fc.property(counted, alpha, alpha, ([n, sum], a, b) => {
      const [wide, narrow] = [meanMixtureInterval(n, sum, Math.min(a, b)), meanMixtureInterval(n, sum, Math.max(a, b))]
      expect(wide.lower).toBeLessThanOrEqual(narrow.lower)
      expect(wide.upper).toBeGreaterThanOrEqual(narrow.upper)
    }),
  )
})

test('more values of the same mean are told apart from less; a greater sum moves both ends up; exchanging 0 and 1 mirrors', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 100_000 }), fc.integer({ min: 0, max: 100_000 }), (n, among) => {
      const sum = among % n
      const interval = meanMixtureInterval(n, sum, 0.05)
      const more = meanMixtureInterval(4 * n, 4 * sum, 0.05)
      expect(more.upper - more.lower).toBeLessThanOrEqual(interval.upper - interval.lower)
      const greater = meanMixtureInterval(n, sum + 1, 0.05)
      expect(greater.lower).toBeGreaterThanOrEqual(interval.lower)
      expect(greater.upper).toBeGreaterThanOrEqual(interval.upper)
      const mirrored = meanMixtureInterval(n, n - sum, 0.05)
      expect(mirrored.lower).toBeCloseTo(1 - interval.upper, 12)
      expect(mirrored.upper).toBeCloseTo(1 - interval.lower, 12)
    }),
  )
})

test('from 1,000 values on it is tighter than with Jeffreys’ prior, and at ten to a thousand times as many as chosen near the best there is', () => {
  const wide = ({ lower, upper }: { lower: number; upper: number }) => upper - lower
  for (const rate of [0.01, 0.05, 0.5])
    for (const n of [1000, 10_000, 100_000, 1_000_000]) {
      const interval = meanMixtureInterval(n, n * rate, 0.05)
      for (const end of [interval.lower, interval.upper]) {
        const likelihood = n * rate * Math.log(end) + n * (1 - rate) * Math.log1p(-end)
        const jeffreys = logBeta(0.5 + n * rate, 0.5 + n * (1 - rate)) - logBeta(0.5, 0.5) - likelihood
        expect(jeffreys).toBeLessThan(Math.log(20))
      }
      if (n >= 10_000) expect(wide(interval) / wide(meanMixtureInterval(n, n * rate, 0.05, { tightestAt: n }))).toBeLessThan(4 / 3)
    }
})

test('few values say little, none say nothing, and billions are no harder', () => {
  expect(meanMixtureInterval(0, 0, 0.05)).toEqual({ lower: 0, upper: 1 })
  expect(meanMixtureInterval(1, 0.4, 0.05)).toEqual({ lower: 0, upper: 1 })
  expect(meanMixtureInterval(100, 0, 0.05).lower).toBe(0)
  expect(meanMixtureInterval(100, 100, 0.05).upper).toBe(1)
  const billions = meanMixtureInterval(4e9, 2e9, 0.05)
  expect(billions.upper - billions.lower).toBeLessThan(1e-4)
  expect(meanMixtureInterval(4e9, 3, 0.05).upper).toBeLessThan(1e-8)
})

test('of 300 streams of 1,000 values 5 % miss the mean at any time, no more', () => {
  const MOST = 28 // the 99.9 % quantile of the binomial distribution of 300 with 5 %
  const units = priorUnits()
  const kinds: ((random: () => number) => number)[] = [(random) => (random() < 0.05 ? 1 : 0), (random) => (random() < 0.1 ? random() : 0)]
  for (const [kind, draw] of kinds.entries()) {
    let missed = 0
    for (let run = 0; run < 300; run++) {
      const { uniform } = randomFrom(1000 * kind + run)
      let sum = 0
      for (let n = 1; n <= 1000; n++) {
        sum += draw(uniform)
        // An interval leaves out what has this much evidence against it (above).
        if (mixtureLogEvidence(n, sum, 0.05, units) < Math.log(20)) continue
        missed++
        break
      }
    }
    expect(missed).toBeLessThanOrEqual(MOST)
  }
})

test('what is out of bounds is refused with its reason', () => {
  for (const alpha of [0, 1, Number.NaN]) expect(() => meanMixtureInterval(10, 5, alpha)).toThrow(/alpha/)
  for (const n of [-1, 1.5, Number.NaN]) expect(() => meanMixtureInterval(n, 0, 0.05)).toThrow(/number of values/)
  for (const sum of [-0.1, 10.1, Number.NaN]) expect(() => meanMixtureInterval(10, sum, 0.05)).toThrow(/scale the values/)
  for (const tightestAt of [0, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => priorUnits(tightestAt)).toThrow(/tightestAt/)
})
