import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sketch } from './sketch.ts'

const latencies = fc.array(fc.double({ min: 0.01, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 })
const quantiles = [0, 0.5, 0.95, 1]

function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(q * (sorted.length - 1))]!
}

test('a quantile is at most 2 % off', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const sketch = values.reduce((each, value) => each.add(value), new Sketch())
      for (const q of quantiles) {
        const expected = exact(values, q)
        expect(Math.abs(sketch.quantile(q)! - expected) / expected).toBeLessThanOrEqual(0.0201)
      }
    }),
  )
})

test('merging loses nothing, and what was written is read again', () => {
  fc.assert(
    fc.property(latencies, latencies, (a, b) => {
      const of = (values: readonly number[]) => values.reduce((each, value) => each.add(value), new Sketch())
      const merged = of(a).merge(Sketch.parse(of(b).serialize()))
      const whole = of([...a, ...b])
      expect(merged.count).toBe(a.length + b.length)
      expect(merged.serialize()).toBe(whole.serialize())
    }),
  )
})

test('the ends: empty, zero, not a latency, beyond measure', () => {
  expect(new Sketch().quantile(0.5)).toBeUndefined()
  expect(Sketch.parse(new Sketch().serialize()).count).toBe(0)
  expect(new Sketch().add(0).quantile(0.5)).toBe(0)
  expect(new Sketch().add(-1).add(Number.NaN).count).toBe(0)
  expect(new Sketch().add(Number.POSITIVE_INFINITY).quantile(1)).toBeCloseTo(1e9, -8)
})
