import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import {
  alwaysValidP,
  type DifferenceTest,
  type Hypothesis,
  observeUnits,
  startDifferenceTest,
  type Unit,
  unitsMissing,
} from './difference.ts'

const uniformFrom = (seed: number) => randomFrom(seed).uniform
const NO_WORSE: Hypothesis = { is: 'atMost', difference: 0 }
const WORSE: Hypothesis = { is: 'atLeast', difference: 0.005 }

function* zerosAndOnes(
  count: number,
  rates: { baseline: number; candidate: number },
  share: number,
  random: () => number,
): Generator<Unit> {
  for (let i = 0; i < count; i++) {
    const arm = random() < share ? 'candidate' : 'baseline'
    yield { arm, value: random() < rates[arm] ? 1 : 0, share }
  }
}

const arm = fc.constantFrom('baseline', 'candidate')
const unit = fc.record({
  arm,
  value: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  share: fc.constantFrom(0.05, 0.25, 0.5),
}) as fc.Arbitrary<Unit>
const hypothesis = fc.record({
  is: fc.constantFrom('atMost', 'atLeast'),
  difference: fc.constantFrom(-0.2, -0.005, 0, 0.005, 0.2),
}) as fc.Arbitrary<Hypothesis>

test('units seen in pieces, with the state stored in between, are units seen at once', () => {
  fc.assert(
    fc.property(hypothesis, fc.array(unit, { maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (given, units, piece) => {
      let test = startDifferenceTest(given)
      for (let i = 0; i < units.length; i += piece)
        test = JSON.parse(JSON.stringify(observeUnits(test, units.slice(i, i + piece)))) as DifferenceTest
      expect(test).toEqual(observeUnits(startDifferenceTest(given), units))
    }),
  )
})

test('which arm is called candidate matters to the sign alone', () => {
  fc.assert(
    fc.property(hypothesis, fc.array(unit, { maxLength: 100 }), (given, units) => {
      const mirrored: Hypothesis = { is: given.is === 'atMost' ? 'atLeast' : 'atMost', difference: 0 - given.difference }
      const swapped = units.map(
        (each): Unit => ({ ...each, arm: each.arm === 'baseline' ? 'candidate' : 'baseline', share: 1 - each.share }),
      )
      expect(observeUnits(startDifferenceTest(mirrored), swapped).peak).toBeCloseTo(observeUnits(startDifferenceTest(given), units).peak, 6)
    }),
  )
})

test('the evidence for every next unit is fair under the hypothesis, whatever was seen', () => {
  fc.assert(
    fc.property(hypothesis, fc.array(unit, { maxLength: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (given, units, p) => {
      const share = 0.25
      const before = observeUnits(startDifferenceTest(given), units)
      const q = Math.min(1, Math.max(0, p + given.difference))
      const onBoundary = Math.abs(q - p - given.difference) < 1e-12
      if (!onBoundary) return
      const after = (of: Unit) => Math.exp(observeUnits(before, [of]).log - before.log)
      const expectation =
        (1 - share) * (p * after({ arm: 'baseline', value: 1, share }) + (1 - p) * after({ arm: 'baseline', value: 0, share })) +
        share * (q * after({ arm: 'candidate', value: 1, share }) + (1 - q) * after({ arm: 'candidate', value: 0, share }))
      expect(expectation).toBeLessThanOrEqual(1 + 1e-6)
    }),
    { numRuns: 1_000 },
  )
})

describe('power', () => {
  test('a doubled error rate is found within the sample that a test at one look would need', () => {
    const needed = Array.from({ length: 41 }, (_, seed) => {
      const random = uniformFrom(seed + 1)
      let test = startDifferenceTest(NO_WORSE)
      let units = 0
      while (test.peak < Math.log(100) && units < 40_000) {
        test = observeUnits(test, zerosAndOnes(100, { baseline: 0.01, candidate: 0.02 }, 0.5, random))
        units += 100
      }
      return units / 2
    }).sort((a, b) => a - b)
    expect(needed[20]).toBeLessThan(2_960)
  })

  test('an equal arm is shown not to be worse by half a point', () => {
    const test = observeUnits(startDifferenceTest(WORSE), zerosAndOnes(60_000, { baseline: 0.01, candidate: 0.01 }, 0.5, uniformFrom(7)))
    expect(alwaysValidP(test)).toBeLessThanOrEqual(0.01)
  })

  test('values that vary little are bet on harder', () => {
    const random = uniformFrom(3)
    const units = Array.from({ length: 4_000 }, (): Unit => {
      const arm = random() < 0.5 ? 'candidate' : 'baseline'
      return { arm, value: (arm === 'candidate' ? 0.31 : 0.3) + (random() - 0.5) * 0.2, share: 0.5 }
    })
    expect(alwaysValidP(observeUnits(startDifferenceTest(NO_WORSE), units))).toBeLessThanOrEqual(0.01)
  })
})

describe('how many are missing', () => {
  test('is about what it takes', () => {
    const equal = { baseline: 0.01, candidate: 0.01 }
    const ratios = Array.from({ length: 21 }, (_, seed) => {
      const random = uniformFrom(seed + 1)
      let test = observeUnits(startDifferenceTest(WORSE), zerosAndOnes(2_000, equal, 0.5, random))
      const said = unitsMissing(test, 0.01, equal, 0.5)
      let units = 0
      for (; test.peak < Math.log(100) && units < 200_000; units += 200) test = observeUnits(test, zerosAndOnes(200, equal, 0.5, random))
      return said / units
    }).sort((a, b) => a - b)
    expect(ratios[10]).toBeGreaterThan(0.5)
    expect(ratios[10]).toBeLessThan(2)
  })

  test('is nothing once it is refuted, and no end of units where the hypothesis is true', () => {
    const refuted = observeUnits(
      startDifferenceTest(NO_WORSE),
      zerosAndOnes(5_000, { baseline: 0.01, candidate: 0.2 }, 0.5, uniformFrom(1)),
    )
    expect(unitsMissing(refuted, 0.01, { baseline: 0.01, candidate: 0.2 }, 0.5)).toBe(0)
    expect(unitsMissing(startDifferenceTest(NO_WORSE), 0.01, { baseline: 0.1, candidate: 0.1 }, 0.5)).toBe(Number.POSITIVE_INFINITY)
  })
})

test.each([
  [() => startDifferenceTest({ is: 'atMost', difference: 1 }), /difference must lie between −1 and 1/],
  [() => startDifferenceTest(NO_WORSE, { mean: 2, units: 1 }), /a prior has a mean in \[0, 1\]/],
  [() => observeUnits(startDifferenceTest(NO_WORSE), [{ arm: 'baseline', value: Number.NaN, share: 0.5 }]), /value must lie in \[0, 1\]/],
  [() => observeUnits(startDifferenceTest(NO_WORSE), [{ arm: 'baseline', value: 1, share: 0 }]), /share must lie between 0 and 1/],
])('what is no such thing is refused (%#)', (call, message) => {
  expect(call).toThrow(message)
})
