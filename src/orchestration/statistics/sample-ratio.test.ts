import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { changeShares, observeCounts, type SampleRatioTest, sampleRatioP, startSampleRatioTest } from './sample-ratio.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const HALVES = [0.5, 0.5]

describe('as ssrm-test has it', () => {
  for (const { shares, concentration, counts, logs, p } of vectors.sampleRatio.cases)
    test(`shares ${shares.join(' : ')}, concentration ${concentration}: the evidence at all times, and p, to 10⁻⁹`, () => {
      let state = startSampleRatioTest(shares, { concentration })
      counts.forEach((more, i) => {
        state = observeCounts(state, more)
        expect(state.log).toBeCloseTo(logs[i]!, 9)
      })
      expect(sampleRatioP(state)).toBeCloseTo(p, 9)
    })
})

test('the evidence of blocks multiplies when shares are changed, as scipy’s gamma functions say, to 10⁻⁹', () => {
  const { concentration, blocks, logs } = vectors.sampleRatio.blocks
  const [first] = blocks[0]!
  let state = startSampleRatioTest(first!, { concentration })
  blocks.forEach(([shares, counts], i) => {
    if (i > 0) state = changeShares(state, shares!)
    state = observeCounts(state, counts!)
    expect(state.log).toBeCloseTo(logs[i]!, 9)
  })
})

test('ten of one arm and none of the other, under halves and a flat prior: 1024 to 11', () => {
  expect(Math.exp(observeCounts(startSampleRatioTest(HALVES, { concentration: 2 }), [10, 0]).log)).toBeCloseTo(1024 / 11, 9)
})

test('the evidence of a unit is 1 on average: the process is fair', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(10_000), { minLength: 3, maxLength: 3 }),
      fc.double({ min: 1, max: 1e5, noNaN: true }),
      (counts, concentration) => {
        const shares = [0.6, 0.3, 0.1]
        const state = observeCounts(startSampleRatioTest(shares, { concentration }), counts)
        const expected = shares.reduce((sum, share, arm) => {
          const more = observeCounts(
            state,
            shares.map((_, each) => (each === arm ? 1 : 0)),
          )
          return sum + share * Math.exp(more.log - state.log)
        }, 0)
        expect(expected).toBeCloseTo(1, 9)
      },
    ),
  )
})

test('counts seen in pieces, with the state stored in between, are counts seen at once, but for the peak', () => {
  const counts = fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { maxLength: 20 })
  fc.assert(
    fc.property(counts, (pieces) => {
      let state = startSampleRatioTest(HALVES)
      for (const piece of pieces) {
        const next = JSON.parse(JSON.stringify(observeCounts(state, piece))) as SampleRatioTest
        expect(next.peak).toBe(Math.max(state.peak, next.log))
        expect(sampleRatioP(next)).toBeLessThanOrEqual(sampleRatioP(state))
        state = next
      }
      const sum = pieces.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0])
      const { peak: _, ...whole } = observeCounts(startSampleRatioTest(HALVES), sum)
      expect(state).toMatchObject(whole)
    }),
  )
})

test('nothing is said before the first unit, of one arm alone, or when shares change without units', () => {
  const start = startSampleRatioTest(HALVES)
  expect(sampleRatioP(start)).toBe(1)
  expect(sampleRatioP(observeCounts(start, [0, 0]))).toBe(1)
  expect(sampleRatioP(observeCounts(startSampleRatioTest([1]), [500]))).toBe(1)
  const seen = observeCounts(start, [300, 200])
  expect(changeShares(seen, [0.1, 0.9]).log).toBe(seen.log)
  expect(observeCounts(changeShares(seen, [0.1, 0.9]), [0, 0]).log).toBe(seen.log)
})

test('a mismatch is found in as many units as the comment says', () => {
  const after = (n: number, share: number) =>
    sampleRatioP(observeCounts(startSampleRatioTest(HALVES), [Math.round(n * share), n - Math.round(n * share)]))
  expect(after(650, 0.6)).toBeLessThan(0.01)
  expect(after(550, 0.6)).toBeGreaterThan(0.01)
  expect(after(34_000, 0.51)).toBeLessThan(0.01)
  expect(after(30_000, 0.51)).toBeGreaterThan(0.01)
})

test('of 300 experiments of 1,000 looks 5 % are rejected though shares are as set, no more, with shares changed under way', () => {
  const MOST = 28 // the 99.9 % quantile of the binomial distribution of 300 with 5 %
  for (const concentration of [20, 1000]) {
    let rejected = 0
    for (let run = 0; run < 300; run++) {
      const { uniform } = randomFrom(concentration * 1000 + run)
      let state = startSampleRatioTest([0.9, 0.1], { concentration })
      for (let look = 0; look < 1000; look++) {
        if (look === 400) state = changeShares(state, HALVES)
        const second = (uniform() < state.shares[1]! ? 1 : 0) + (uniform() < state.shares[1]! ? 1 : 0)
        state = observeCounts(state, [2 - second, second])
      }
      if (sampleRatioP(state) <= 0.05) rejected++
    }
    expect(rejected).toBeLessThanOrEqual(MOST)
  }
})

test('what is out of bounds is refused with its reason', () => {
  for (const shares of [[], [0.5, 0.4], [50, 50], [0.5, 0.6]]) expect(() => startSampleRatioTest(shares)).toThrow(/share/)
  for (const shares of [
    [1, 0],
    [1.2, -0.2],
    [Number.NaN, 1],
  ])
    expect(() => changeShares(startSampleRatioTest(HALVES), shares)).toThrow(/A share is/)
  for (const concentration of [0, -1, Number.NaN]) expect(() => startSampleRatioTest(HALVES, { concentration })).toThrow(/concentration/)
  const start = startSampleRatioTest(HALVES)
  expect(() => observeCounts(start, [1, 2, 3])).toThrow(/3 counts for 2 shares/)
  for (const count of [-1, 0.5, Number.NaN]) expect(() => observeCounts(start, [1, count])).toThrow(/count of an arm/)
})
