import { expect, it } from 'vitest'
import { Rate } from './rate.ts'

it('counts what came in the last second', () => {
  let now = 0
  const rate = new Rate(() => now)
  rate.add(5)
  now = 500
  rate.add(3)
  expect(rate.perSecond).toBe(8)
  now = 1_050
  expect(rate.perSecond).toBe(3)
  now = 60_000
  expect([rate.perSecond, rate.total]).toEqual([0, 8])
})
