import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkAlpha, checkCount, logBeta, logGamma } from './special.ts'
import vectors from './vectors/vectors.json' with { type: 'json' }

const positive = fc.double({ min: 1e-6, max: 1e9, noNaN: true })

/** |a − b|, as a part of their size or of 1, whichever is greater. */
function apart(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(1, Math.abs(a), Math.abs(b))
}

test('ln Γ is what scipy says, to 10⁻¹⁴', () => {
  for (const [x, expected] of vectors.special.logGamma) expect(apart(logGamma(x!), expected!)).toBeLessThan(1e-14)
})

test('ln B is what mpmath says, to 10⁻¹⁴, with hundreds of millions too', () => {
  for (const [a, b, expected] of vectors.special.logBeta) expect(apart(logBeta(a!, b!), expected!)).toBeLessThan(1e-14)
})

test('Γ(x + 1) = x Γ(x)', () => {
  fc.assert(
    fc.property(positive, (x) => {
      expect(apart(logGamma(x + 1), logGamma(x) + Math.log(x))).toBeLessThan(1e-14)
    }),
  )
})

test('B(a, b) = B(b, a) = B(a + 1, b) + B(a, b + 1)', () => {
  fc.assert(
    fc.property(positive, positive, (a, b) => {
      expect(logBeta(a, b)).toBe(logBeta(b, a))
      const parts = Math.exp(logBeta(a + 1, b) - logBeta(a, b)) + Math.exp(logBeta(a, b + 1) - logBeta(a, b))
      expect(Math.abs(parts - 1)).toBeLessThan(1e-14 * Math.max(10, Math.abs(logBeta(a, b))))
    }),
  )
})

test('what is no argument, level or count is said to be none', () => {
  for (const x of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => logGamma(x)).toThrow(RangeError)
    expect(() => logBeta(x, 2)).toThrow(RangeError)
    expect(() => logBeta(20, x)).toThrow(RangeError)
    expect(() => logBeta(x, 20)).toThrow(RangeError)
  }
  for (const alpha of [0, 1, -0.05, 5, Number.NaN]) expect(() => checkAlpha(alpha)).toThrow(/alpha is .* 0\.05/)
  for (const n of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => checkCount(n, 'The count')).toThrow(/^The count is/)
})
