import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { adjust, mergePairs, NO_PAIRS, observePairs, type Pair } from './cuped.ts'
import { differenceAsymptoticInterval, NO_MOMENTS, observeMoments, varianceOf } from './mean-asymptotic.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const amount = fc.double({ min: -1e3, max: 1e3, noNaN: true })
const pairs = fc.array(fc.record({ x: amount, y: amount }), { maxLength: 50 })
const of = (units: readonly Pair[]) => observePairs(NO_PAIRS, units)

/** gbstats' adjusted means are ȳ − θx̄; these are θ times the mean of x of all units greater, so that they stay in the place of y. */
test('theta, the difference of the means and the variances are those of gbstats, to 10⁻⁹', () => {
  const arms = vectors.cuped.arms.map(({ x, y }) => of(x.map((each, i) => ({ x: each, y: y[i]! }))))
  const { theta, arms: adjusted } = adjust(arms)
  expect(theta).toBeCloseTo(vectors.cuped.theta, 9)
  expect(adjusted[1]!.mean - adjusted[0]!.mean).toBeCloseTo(vectors.cuped.means[1]! - vectors.cuped.means[0]!, 9)
  adjusted.forEach((arm, i) => {
    expect(varianceOf(arm)).toBeCloseTo(vectors.cuped.variances[i]!, 9)
    expect(arm.mean).toBeCloseTo(vectors.cuped.means[i]! + theta * arms.reduce(mergePairs, NO_PAIRS).meanX, 9)
  })
})

test('moments are those of all units, however they were parted', () => {
  fc.assert(
    fc.property(pairs, pairs, (a, b) => {
      const whole = of([...a, ...b])
      expect(observePairs(of(a), b)).toEqual(whole)
      const merged = mergePairs(of(a), of(b))
      expect(merged.n).toBe(whole.n)
      for (const name of ['meanX', 'meanY', 'xx', 'yy', 'xy'] as const)
        expect(Math.abs(merged[name] - whole[name])).toBeLessThanOrEqual(1e-10 * (1000 + whole.xx + whole.yy))
    }),
  )
  const far = of([4, 7, 13, 16].map((each) => ({ x: 1e9 + each, y: 1e9 - each })))
  expect([far.xx, far.yy, far.xy]).toEqual([90, 90, -90])
})

test('one arm keeps its mean and never gains variance; a covariate moved or scaled adjusts as before', () => {
  fc.assert(
    fc.property(pairs, fc.double({ min: 0.1, max: 10, noNaN: true }), amount, (units, scale, move) => {
      const before = of(units)
      const [{ theta, arms, saved }, moved] = [adjust([before]), adjust([of(units.map(({ x, y }) => ({ x: scale * x + move, y })))])]
      expect(arms[0]!.mean).toBeCloseTo(before.meanY, 9)
      expect(arms[0]!.squares).toBeLessThanOrEqual(before.yy * (1 + 1e-12))
      expect(saved).toBeLessThanOrEqual(1)
      if (before.xx > 1) {
        expect(moved.theta * scale).toBeCloseTo(theta, 5)
        expect(Math.abs(moved.arms[0]!.squares - arms[0]!.squares)).toBeLessThanOrEqual(1e-6 * (1 + before.yy))
      }
    }),
  )
})

test('the share of variance saved is the squared correlation', () => {
  const { normal } = randomFrom(11)
  const units = Array.from({ length: 20_000 }, () => {
    const x = normal()
    return { x, y: 0.8 * x + 0.6 * normal() }
  })
  expect(adjust([of(units.slice(0, 9000)), of(units.slice(9000))]).saved).toBeCloseTo(0.64, 1)
})

test('a covariate that does not vary, or none, adjusts nothing', () => {
  const ys = [3, 5, 10]
  const { theta, arms, saved } = adjust([of(ys.map((y) => ({ x: 7, y }))), NO_PAIRS])
  expect(theta).toBe(0)
  expect(saved).toBe(0)
  expect(arms).toEqual([observeMoments(NO_MOMENTS, ys), NO_MOMENTS])
  expect(adjust([])).toEqual({ theta: 0, arms: [], saved: 0 })
})

test('a difference is found that is not found without, and the true one is kept', () => {
  const { normal } = randomFrom(8)
  const draw = (effect: number) =>
    Array.from({ length: 2000 }, () => {
      const x = 50 + 10 * normal()
      return { x, y: x + effect + normal() }
    })
  const [baseline, candidate] = [draw(0), draw(0.5)]
  const plain = [baseline, candidate].map((units) =>
    observeMoments(
      NO_MOMENTS,
      units.map(({ y }) => y),
    ),
  )
  const { arms } = adjust([of(baseline), of(candidate)])
  const [raw, adjusted] = [differenceAsymptoticInterval(plain[0]!, plain[1]!, 0.05), differenceAsymptoticInterval(arms[0]!, arms[1]!, 0.05)]
  expect(raw.lower).toBeLessThan(0)
  expect(adjusted.lower).toBeGreaterThan(0)
  expect(adjusted.lower).toBeLessThan(0.5)
  expect(adjusted.upper).toBeGreaterThan(0.5)
})

test('a unit of which one value is not known is refused', () => {
  for (const unit of [
    { x: Number.NaN, y: 1 },
    { x: 1, y: Number.POSITIVE_INFINITY },
  ])
    expect(() => of([unit])).toThrow(/leave out/)
  expect(() => of([{ x: 1e200, y: 1 }])).toThrow(/farther from 0/)
})

test('a covariate that varies by rounding alone adjusts nothing', () => {
  const arm = (seed: number) =>
    observePairs(
      NO_PAIRS,
      // The mean of so many times 0.4 is not always 0.4.
      Array.from({ length: 400 }, (_, i) => ({
        x: Array.from({ length: (i % 5) + 1 }, () => 0.4).reduce((sum, x) => sum + x, 0) / ((i % 5) + 1),
        y: ((i * seed) % 7) / 7,
      })),
    )
  const arms = [arm(3), arm(5)]
  expect(Math.max(...arms.map(({ xx }) => xx))).toBeGreaterThan(0)
  const { theta, saved } = adjust(arms)
  expect([theta, saved]).toEqual([0, 0])
})
