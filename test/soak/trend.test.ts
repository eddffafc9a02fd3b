import { expect, test } from 'vitest'
import { randomFrom } from '../../src/kernel/random.ts'
import { trendOf } from './trend.ts'

const at = Array.from({ length: 30 }, (_, i) => i)

test('noise has no slope that is told from 0', () => {
  let grew = 0
  for (let seed = 1; seed <= 1_000; seed++) {
    const random = randomFrom(seed).uniform
    const { least, most } = trendOf(
      at,
      at.map(() => random()),
    )
    if (least > 0) grew += 1
    expect(most).toBeGreaterThanOrEqual(least)
  }
  expect(grew).toBeLessThanOrEqual(3) // one in a thousand is what 99.9 % means
})

test.each([0.05, 0.2])('noise of 1 that grows by %d a step is told from it, outliers or not', (step) => {
  const random = randomFrom(7).uniform
  const { slope, least } = trendOf(
    at,
    at.map((i) => random() + i * step + (i === 3 ? 50 : 0)),
  )
  expect(least).toBeGreaterThan(0)
  expect(slope).toBeGreaterThan(step / 2)
  expect(slope).toBeLessThan(step * 1.5)
})
