import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { type MeanBetting, meanBettingInterval, observeMeanBetting, startMeanBetting } from './mean-betting.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const streams: Record<string, number[]> = vectors.betting.streams
const bounded = fc.array(fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 120 })
const options = { alpha: 0.05, steps: 50 }
const after = (values: readonly number[], alpha = 0.05) =>
  meanBettingInterval(observeMeanBetting(startMeanBetting({ ...options, alpha }), values))

describe('as confseq has it', () => {
  for (const { stream, alpha, steps, theta, truncation, intervals, candidate, capital } of vectors.betting.cases) {
    const start = startMeanBetting({ alpha, steps, theta, truncation })
    test(`${stream}, alpha ${alpha}: the running intersection at all times, to 10⁻⁹`, () => {
      for (const [t, lower, upper] of intervals) {
        const interval = meanBettingInterval(observeMeanBetting(start, streams[stream]!.slice(0, t)))
        expect(interval.lower).toBeCloseTo(lower!, 9)
        expect(interval.upper).toBeCloseTo(upper!, 9)
      }
    })

    test(`${stream}, alpha ${alpha}: the capital of the candidate next to the mean, to 10⁻⁹ of it`, () => {
      const state = observeMeanBetting(start, streams[stream]!)
      expect(state.above[candidate - state.first]! / capital.above).toBeCloseTo(1, 9)
      expect(state.below[candidate - state.first]! / capital.below).toBeCloseTo(1, 9)
    })
  }
})

test('nothing is known before the first value', () => {
  expect(after([])).toEqual({ lower: 0, upper: 1 })
})

test('values seen in pieces, with the state stored in between, are values seen at once; the state given stays', () => {
  fc.assert(
    fc.property(bounded, fc.integer({ min: 1, max: 40 }), (values, piece) => {
      let state = startMeanBetting(options)
      for (let i = 0; i < values.length; i += piece) {
        const stored = JSON.stringify(state)
        const next = observeMeanBetting(state, values.slice(i, i + piece))
        expect(JSON.stringify(state)).toBe(stored)
        state = JSON.parse(JSON.stringify(next)) as MeanBetting
      }
      expect(state).toEqual(observeMeanBetting(startMeanBetting(options), values))
    }),
  )
})

test('intervals lie in [0, 1], only shrink, and are nested: the greater alpha, the narrower', () => {
  fc.assert(
    fc.property(bounded, (values) => {
      let state = startMeanBetting(options)
      let last = meanBettingInterval(state)
      for (const value of values) {
        state = observeMeanBetting(state, [value])
        const now = meanBettingInterval(state)
        expect(now.lower).toBeGreaterThanOrEqual(last.lower)
        expect(now.upper).toBeLessThanOrEqual(last.upper)
        expect(now.lower).toBeLessThanOrEqual(now.upper)
        last = now
      }
      expect(last.lower).toBeGreaterThanOrEqual(0)
      expect(last.upper).toBeLessThanOrEqual(1)
    }),
  )
})

test('mirrored values have the mirrored interval', () => {
  fc.assert(
    fc.property(bounded, (values) => {
      const [interval, mirrored] = [after(values), after(values.map((value) => 1 - value))]
      // A capital of 20 sharp may round to either side, a step of the grid apart.
      expect(Math.abs(interval.lower - (1 - mirrored.upper))).toBeLessThanOrEqual(1 / options.steps + 1e-9)
      expect(Math.abs(interval.upper - (1 - mirrored.lower))).toBeLessThanOrEqual(1 / options.steps + 1e-9)
    }),
  )
})

test('the mean of many steady values is inside, and little else', () => {
  const { uniform } = randomFrom(3)
  const values = Array.from({ length: 5000 }, () => 0.3 + 0.1 * uniform())
  const interval = after(values)
  expect(interval.lower).toBeLessThan(0.35)
  expect(interval.upper).toBeGreaterThan(0.35)
  expect(interval.upper - interval.lower).toBeLessThan(0.07)
})

test('a mean that moves away leaves no candidate: the interval stays what it was', () => {
  const moved = after([...new Array(400).fill(0.1), ...new Array(2000).fill(0.9)])
  expect(moved.lower).toBeLessThanOrEqual(moved.upper)
  expect(moved.upper).toBeLessThan(0.5)
})

test('of 300 streams of 1,000 values 5 % miss the mean at any time, no more', () => {
  const MOST = 28 // the 99.9 % quantile of the binomial distribution of 300 with 5 %
  const kinds: ((random: () => number) => number)[] = [(random) => (random() < 0.3 ? 1 : 0), (random) => random() ** (7 / 3)]
  for (const [kind, draw] of kinds.entries()) {
    let missed = 0
    for (let run = 0; run < 300; run++) {
      const { uniform } = randomFrom(1000 * kind + run)
      const { lower, upper } = after(Array.from({ length: 1000 }, () => draw(uniform)))
      if (!(lower <= 0.3 && 0.3 <= upper)) missed++
    }
    expect(missed).toBeLessThanOrEqual(MOST)
  }
})

test('what is out of bounds is refused with its reason', () => {
  for (const alpha of [0, 1, Number.NaN]) expect(() => startMeanBetting({ alpha })).toThrow(RangeError)
  for (const steps of [1, 1.5, Number.NaN, 1e6]) expect(() => startMeanBetting({ alpha: 0.05, steps })).toThrow(/grid/)
  for (const truncation of [0, 1.1, Number.NaN]) expect(() => startMeanBetting({ alpha: 0.05, truncation })).toThrow(/truncation/)
  for (const theta of [0, 1, Number.NaN]) expect(() => startMeanBetting({ alpha: 0.05, theta })).toThrow(/theta/)
  for (const value of [-0.01, 1.01, Number.NaN])
    expect(() => observeMeanBetting(startMeanBetting(options), [0.5, value])).toThrow(/\[0, 1\]/)
})
