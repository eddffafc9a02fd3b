import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { type Block, type BlockTest, blocksMissing, observeBlocks, startBlockTest } from './block-difference.ts'
import { type DifferenceTest, type Hypothesis, observeUnits, startDifferenceTest, type Unit } from './difference.ts'

const NO_WORSE: Hypothesis = { is: 'atMost', difference: 0 }
const WORSE: Hypothesis = { is: 'atLeast', difference: 0.03 }
const mean = fc.double({ min: 0, max: 1, noNaN: true })
const block = fc.record({ baseline: mean, candidate: mean })
const hypothesis = fc.record({
  is: fc.constantFrom('atMost', 'atLeast'),
  difference: fc.constantFrom(-0.2, 0, 0.03, 0.5),
}) as fc.Arbitrary<Hypothesis>

/**
 * Two equal servers with fifty requests a second each, one in twenty of them slow; now and then one of them stops, and all of its requests of that
 * second are slow.
 */
function* seconds(count: number, seed: number, extra = 0): Generator<{ baseline: number[]; candidate: number[] }> {
  const random = randomFrom(seed).uniform
  const requests = (more: number) => {
    const stops = random() < 0.02
    return Array.from({ length: 50 }, () => Number(stops || random() < 0.05 + more))
  }
  for (let i = 0; i < count; i++) yield { baseline: requests(0), candidate: requests(extra) }
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('blocks seen in pieces, with the state stored in between, are blocks seen at once', () => {
  fc.assert(
    fc.property(hypothesis, fc.array(block, { maxLength: 50 }), fc.integer({ min: 1, max: 9 }), (given, blocks, piece) => {
      let test = startBlockTest(given)
      for (let i = 0; i < blocks.length; i += piece)
        test = JSON.parse(JSON.stringify(observeBlocks(test, blocks.slice(i, i + piece)))) as BlockTest
      expect(test).toEqual(observeBlocks(startBlockTest(given), blocks))
    }),
  )
})

test('the next block is fair under the hypothesis, whatever was seen, and never takes all', () => {
  fc.assert(
    fc.property(hypothesis, fc.array(block, { maxLength: 30 }), block, block, (given, blocks, one, other) => {
      const before = observeBlocks(startBlockTest(given), blocks)
      const factor = (of: Block) => Math.exp(observeBlocks(before, [of]).log - before.log)
      expect(factor(one)).toBeGreaterThan(0)
      // Two blocks that are as likely, whose differences are in the mean what the hypothesis allows.
      const [d, e] = [one.candidate - one.baseline, other.candidate - other.baseline]
      const middle = (d + e) / 2
      if (given.is === 'atMost' ? middle > given.difference : middle < given.difference) return
      expect((factor(one) + factor(other)) / 2).toBeLessThanOrEqual(1 + 1e-9)
    }),
    { numRuns: 2_000 },
  )
})

describe('two equal servers of which now and then one stops', () => {
  const RUNS = 100

  test('are seldom told apart by blocks, and mostly by single requests', () => {
    let [byBlocks, byRequests] = [0, 0]
    for (let seed = 1; seed <= RUNS; seed++) {
      let [blocks, units]: [BlockTest, DifferenceTest] = [startBlockTest(NO_WORSE), startDifferenceTest(NO_WORSE)]
      for (const { baseline, candidate } of seconds(600, seed)) {
        blocks = observeBlocks(blocks, [{ baseline: meanOf(baseline), candidate: meanOf(candidate) }])
        const unit =
          (arm: Unit['arm']) =>
          (value: number): Unit => ({ arm, value, share: 0.5 })
        units = observeUnits(units, [...baseline.map(unit('baseline')), ...candidate.map(unit('candidate'))])
      }
      if (blocks.peak >= Math.log(100)) byBlocks++
      if (units.peak >= Math.log(100)) byRequests++
    }
    // What more than this of 100 have at 1 % each happens once in a thousand times.
    expect(byBlocks).toBeLessThanOrEqual(5)
    expect(byRequests).toBeGreaterThan(30)
  })

  test('and the worse of two is found within minutes', () => {
    const needed = Array.from({ length: 41 }, (_, seed) => {
      let test = startBlockTest(NO_WORSE)
      let count = 0
      for (const { baseline, candidate } of seconds(2_000, seed + 1, 0.05)) {
        test = observeBlocks(test, [{ baseline: meanOf(baseline), candidate: meanOf(candidate) }])
        count++
        if (test.peak >= Math.log(100)) break
      }
      return count
    }).sort((a, b) => a - b)
    expect(needed[20]).toBeLessThan(300)
  })
})

test('how many are missing is about what it takes', () => {
  const ratios = Array.from({ length: 21 }, (_, seed) => {
    const source = seconds(5_000, seed + 1)
    const next = (): Block => {
      const { baseline, candidate } = source.next().value!
      return { baseline: meanOf(baseline), candidate: meanOf(candidate) }
    }
    let test = observeBlocks(startBlockTest(WORSE), Array.from({ length: 60 }, next))
    const said = blocksMissing(test, 0.01, 0)
    let taken = 0
    for (; test.peak < Math.log(100) && taken < 4_000; taken++) test = observeBlocks(test, [next()])
    return said / taken
  }).sort((a, b) => a - b)
  expect(ratios[10]).toBeGreaterThan(0.4)
  expect(ratios[10]).toBeLessThan(2.5)
  expect(blocksMissing(startBlockTest(NO_WORSE), 0.01, 0)).toBe(Number.POSITIVE_INFINITY)
})

test('what is no such thing is refused', () => {
  expect(() => startBlockTest({ is: 'atMost', difference: 1 })).toThrow(/between −1 and 1/)
  expect(() => observeBlocks(startBlockTest(NO_WORSE), [{ baseline: 0, candidate: Number.NaN }])).toThrow(/\[0, 1\]/)
})
