import { expect, test } from 'vitest'
import { evidenceNeeded, refutedOfAny } from './combine.ts'
import { type DifferenceTest, startDifferenceTest } from './difference.ts'

const reached = (p: number): DifferenceTest => ({ ...startDifferenceTest({ is: 'atMost', difference: 0 }), peak: -Math.log(p) })

test('one of many must be surer than one alone', () => {
  expect(refutedOfAny([reached(0.009)], 0.01)).toEqual([0])
  expect(refutedOfAny([reached(0.009), reached(0.5)], 0.01)).toEqual([])
  expect(refutedOfAny([reached(0.5), reached(0.0049)], 0.01)).toEqual([1])
  expect(refutedOfAny([], 0.01)).toEqual([])
})

test('a level that is none is refused', () => {
  expect(() => evidenceNeeded(0)).toThrow(/between 0 and 1/)
  expect(() => evidenceNeeded(0.01, 0)).toThrow(/one test at least/)
  expect(() => evidenceNeeded(0.01, Number.NaN)).toThrow(/one test at least/)
})
