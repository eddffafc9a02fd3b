import { expect, test } from 'vitest'
import { randomFrom } from './random.ts'

test('the same seed, the same numbers; another seed, others', () => {
  const three = (seed: number) => {
    const random = randomFrom(seed)
    return [random.uniform(), random.normal(), random.uniform()]
  }
  expect(three(1)).toEqual(three(1))
  expect(new Set(Array.from({ length: 1_000 }, (_, seed) => three(seed)[0])).size).toBe(1_000)
})

test('uniform numbers fill [0, 1), normal ones have mean 0, variance 1 and thin tails', () => {
  const random = randomFrom(7)
  const count = 100_000
  const cells = new Array<number>(20).fill(0)
  for (let i = 0; i < count; i++) cells[Math.floor(random.uniform() * 20)]!++
  for (const cell of cells) expect(Math.abs(cell - count / 20)).toBeLessThan(4.5 * Math.sqrt(count / 20))
  const normal = Array.from({ length: count }, () => random.normal())
  const mean = normal.reduce((sum, x) => sum + x, 0) / count
  const variance = normal.reduce((sum, x) => sum + x * x, 0) / count
  expect(Math.abs(mean)).toBeLessThan(4.5 / Math.sqrt(count))
  expect(Math.abs(variance - 1)).toBeLessThan(4.5 * Math.sqrt(2 / count))
  expect(normal.filter((x) => Math.abs(x) > 1.96).length / count).toBeCloseTo(0.05, 2)
})
