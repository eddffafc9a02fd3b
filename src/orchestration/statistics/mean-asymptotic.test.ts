import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import {
  atLeastPooled,
  differenceAsymptoticInterval,
  differenceAsymptoticP,
  type Moments,
  meanAsymptoticInterval,
  meanAsymptoticP,
  mergeMoments,
  NO_MOMENTS,
  observeMoments,
  optimalRho,
  varianceOf,
} from './mean-asymptotic.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 60 })
const alpha = fc.double({ min: 1e-6, max: 0.5, noNaN: true })
const moments = fc.record({
  n: fc.integer({ min: 2, max: 1_000_000 }),
  mean: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
  squares: fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
})
const EVERYTHING = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY }

describe('as gbstats has its sequential test', () => {
  for (const { arms, alpha, tightestAt, rho, interval, p, intervalOfCandidate } of vectors.means.cases) {
    const [baseline, candidate] = arms.map(([n, mean, variance]) => ({ n: n!, mean: mean!, squares: variance! * (n! - 1) })) as [
      Moments,
      Moments,
    ]
    const options = { rho, fewest: 2 }

    test(`${baseline.n} and ${candidate.n} values, alpha ${alpha}, tightest at ${tightestAt}: interval and p of the difference, to 10⁻⁹`, () => {
      const own = differenceAsymptoticInterval(baseline, candidate, alpha, options)
      expect(own.lower).toBeCloseTo(interval[0]!, 9)
      expect(own.upper).toBeCloseTo(interval[1]!, 9)
      expect(differenceAsymptoticP(baseline, candidate, 0, options)).toBeCloseTo(p, 9)
    })

    test(`${baseline.n} and ${candidate.n} values, alpha ${alpha}, tightest at ${tightestAt}: equation 9 for one mean, to 10⁻⁹`, () => {
      const own = meanAsymptoticInterval(candidate, alpha, options)
      expect(own.lower).toBeCloseTo(intervalOfCandidate[0]!, 9)
      expect(own.upper).toBeCloseTo(intervalOfCandidate[1]!, 9)
    })

    test(`alpha ${alpha}, tightest at ${tightestAt}: gbstats' rho is an approximation of the optimal, some 2 % less`, () => {
      expect(rho / optimalRho(tightestAt, alpha)).toBeGreaterThan(0.97)
      expect(rho / optimalRho(tightestAt, alpha)).toBeLessThan(1)
    })
  }
})

test('the optimal rho is that of the paper with scipy’s Lambert W, and no other is tighter there', () => {
  for (const [values, alpha, rho] of vectors.means.rhos) expect(optimalRho(values!, alpha!) / rho!).toBeCloseTo(1, 12)
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 1_000_000 }), fc.double({ min: 1e-9, max: 0.999, noNaN: true }), (n, alpha) => {
      const width = (rho: number) => {
        const { lower, upper } = meanAsymptoticInterval({ n, mean: 0, squares: n - 1 }, alpha, { rho, fewest: 2 })
        return upper - lower
      }
      const best = width(optimalRho(n, alpha))
      for (const factor of [0.5, 0.98, 1.02, 2]) expect(width(factor * optimalRho(n, alpha))).toBeGreaterThanOrEqual(best)
    }),
  )
})

test('moments are those of all values, however they were parted', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const whole = observeMoments(NO_MOMENTS, [...a, ...b])
      const merged = mergeMoments(observeMoments(NO_MOMENTS, a), observeMoments(NO_MOMENTS, b))
      expect(merged.n).toBe(whole.n)
      expect(merged.mean).toBeCloseTo(whole.mean, 5)
      expect(Math.abs(merged.squares - whole.squares)).toBeLessThanOrEqual(1e-9 * (1 + whole.squares))
      expect(observeMoments(observeMoments(NO_MOMENTS, a), b)).toEqual(whole)
    }),
  )
  expect(varianceOf(observeMoments(NO_MOMENTS, [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]))).toBe(30)
  expect(varianceOf(observeMoments(NO_MOMENTS, [3]))).toBeUndefined()
})

test('intervals hold the estimate, are nested, and shrink with the number of values', () => {
  fc.assert(
    fc.property(moments, moments, alpha, alpha, (a, b, one, other) => {
      const options = { fewest: 2 }
      const wide = differenceAsymptoticInterval(a, b, Math.min(one, other), options)
      const narrow = differenceAsymptoticInterval(a, b, Math.max(one, other), options)
      expect(wide.lower).toBeLessThanOrEqual(narrow.lower)
      expect(narrow.lower).toBeLessThanOrEqual(b.mean - a.mean)
      expect(b.mean - a.mean).toBeLessThanOrEqual(narrow.upper)
      expect(narrow.upper).toBeLessThanOrEqual(wide.upper)
      const interval = meanAsymptoticInterval(a, one, options)
      const more = meanAsymptoticInterval(mergeMoments(a, a), one, options)
      expect(more.upper - more.lower).toBeLessThan(interval.upper - interval.lower)
    }),
  )
})

test('the p-value is the level at which the interval ends', () => {
  fc.assert(
    fc.property(moments, moments, alpha, (a, b, alpha) => {
      const options = { fewest: 2, rho: 0.1 }
      const interval = differenceAsymptoticInterval(a, b, alpha, options)
      const half = (interval.upper - interval.lower) / 2
      fc.pre(half > 1e-6)
      expect(differenceAsymptoticP(a, b, b.mean - a.mean + half, options) / alpha).toBeCloseTo(1, 4)
      expect(differenceAsymptoticP(a, b, b.mean - a.mean, options)).toBe(1)
      expect(differenceAsymptoticP(a, b, 0, options)).toBeCloseTo(differenceAsymptoticP(b, a, 0, options), 12)
      const own = meanAsymptoticInterval(a, alpha, options)
      expect(meanAsymptoticP(a, a.mean - (own.upper - own.lower) / 2, options) / alpha).toBeCloseTo(1, 4)
    }),
  )
})

test('too few values, or values that are all the same, say nothing', () => {
  const few = observeMoments(NO_MOMENTS, [1, 2, 3])
  const same = observeMoments(NO_MOMENTS, new Array(1000).fill(0))
  const many = { n: 1000, mean: 1, squares: 1000 }
  for (const each of [NO_MOMENTS, few, same]) {
    expect(meanAsymptoticInterval(each, 0.05)).toEqual(EVERYTHING)
    expect(meanAsymptoticP(each, 7)).toBe(1)
  }
  expect(differenceAsymptoticInterval(many, few, 0.05)).toEqual(EVERYTHING)
  expect(differenceAsymptoticP(few, many, 0)).toBe(1)
  expect(differenceAsymptoticInterval(same, many, 0.05).lower).toBeGreaterThan(0)
})

test('of 300 experiments of 1,000 looks 5 % miss the difference at any time, no more, with long tails too', () => {
  const MOST = 28 // the 99.9 % quantile of the binomial distribution of 300 with 5 %
  const kinds: ((normal: () => number) => number)[] = [(normal) => normal(), (normal) => Math.exp(normal())]
  for (const [kind, draw] of kinds.entries()) {
    let missed = 0
    for (let run = 0; run < 300; run++) {
      const { normal, uniform } = randomFrom(1000 * kind + run)
      const arms = [NO_MOMENTS, NO_MOMENTS] as [Moments, Moments]
      let p = 1
      for (let look = 0; look < 1000; look++) {
        for (let unit = 0; unit < 2; unit++) {
          const arm = uniform() < 0.3 ? 1 : 0
          arms[arm] = observeMoments(arms[arm], [draw(normal) + arm])
        }
        p = Math.min(p, differenceAsymptoticP(...arms, 1))
      }
      if (p < 0.05) missed++
    }
    expect(missed).toBeLessThanOrEqual(MOST)
  }
})

test('of 300 streams of 1,000 values 5 % miss one mean, no more, but many more do where the tail is very long', () => {
  const MOST = 28 // the 99.9 % quantile of the binomial distribution of 300 with 5 %
  const misses = (draw: (normal: () => number) => number, mean: number): number => {
    let missed = 0
    for (let run = 0; run < 300; run++) {
      const { normal } = randomFrom(run)
      let [seen, p] = [NO_MOMENTS, 1]
      for (let n = 0; n < 1000; n++) {
        seen = observeMoments(seen, [draw(normal)])
        p = Math.min(p, meanAsymptoticP(seen, mean))
      }
      if (p < 0.05) missed++
    }
    return missed
  }
  expect(misses((normal) => normal(), 0)).toBeLessThanOrEqual(MOST)
  expect(misses((normal) => Math.exp(normal()), Math.exp(1 / 2))).toBeLessThanOrEqual(MOST)
  expect(misses((normal) => Math.exp(1.5 * normal()), Math.exp(9 / 8))).toBeGreaterThan(MOST)
})

test('what is out of bounds is refused with its reason', () => {
  const many = { n: 1000, mean: 1, squares: 1000 }
  for (const alpha of [0, 1, Number.NaN]) {
    expect(() => meanAsymptoticInterval(many, alpha)).toThrow(/alpha/)
    expect(() => meanAsymptoticInterval(NO_MOMENTS, alpha)).toThrow(/alpha/)
    expect(() => optimalRho(10, alpha)).toThrow(/alpha/)
  }
  for (const rho of [0, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => meanAsymptoticInterval(many, 0.05, { rho })).toThrow(/optimalRho/)
  for (const n of [0, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => optimalRho(n)).toThrow(/number of values/)
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) expect(() => observeMoments(NO_MOMENTS, [1, value])).toThrow(/not measured/)
  expect(() => observeMoments(NO_MOMENTS, [-1e200])).toThrow(/farther from 0/)
  expect(() => meanAsymptoticP(many, Number.NaN)).toThrow(/hypothesis/)
  expect(() => meanAsymptoticInterval({ n: 1000, mean: Number.NaN, squares: 1 }, 0.05)).toThrow(/moments/)
})

describe('a small arm that has not met a rare value yet', () => {
  /** One in 500 counts, 5 % of the units are the candidate's, looked at every 100 units. */
  const wrong = (together: (a: Moments, b: Moments) => readonly [Moments, Moments]) => {
    let count = 0
    for (let run = 0; run < 100; run++) {
      const random = randomFrom(run + 1).uniform
      let [baseline, candidate] = [NO_MOMENTS, NO_MOMENTS]
      for (let units = 0; units < 20_000; units += 100) {
        const arms: [number[], number[]] = [[], []]
        for (let i = 0; i < 100; i++) arms[random() < 0.05 ? 1 : 0].push(random() < 0.002 ? 1 : 0.01)
        baseline = observeMoments(baseline, arms[0])
        candidate = observeMoments(candidate, arms[1])
        const { lower, upper } = differenceAsymptoticInterval(...together(baseline, candidate), 0.025, { fewest: 500 })
        if (lower <= 0 && upper >= 0) continue
        count += 1
        break
      }
    }
    return count
  }

  test('is taken to vary as both do', () => {
    expect(wrong((a, b) => [a, b])).toBeGreaterThan(15)
    // Of 100 runs at 2.5 %: more than 8 would come in one of a thousand tries.
    expect(wrong(atLeastPooled)).toBeLessThanOrEqual(8)
  })

  test('and one that varies more is left as it is', () => {
    const [a, b] = [observeMoments(NO_MOMENTS, [1, 1, 1, 2]), observeMoments(NO_MOMENTS, [0, 10, 0, 10])]
    const [calm, wild] = atLeastPooled(a, b)
    expect(wild).toEqual(b)
    expect(varianceOf(calm)).toBeCloseTo((a.squares + b.squares) / 6)
  })
})
