import { describe, expect, it } from 'vitest'
import { generate, SHAPES } from './generator.ts'
import { dayOf, steadily } from './profile.ts'
import { durationOf, meanOf, type Requests, requestsOf } from './requests.ts'

/** Variation coefficient of requests in windows of so many seconds. */
function burstiness({ at, length }: Requests, seconds: number): number {
  const windows = new Float64Array(Math.floor(at[length - 1]! / 1000 / seconds))
  for (let i = 0; i < length; i++) {
    const window = Math.floor(at[i]! / 1000 / seconds)
    if (window < windows.length) windows[window]! += 1
  }
  const mean = windows.reduce((sum, count) => sum + count, 0) / windows.length
  return Math.sqrt(windows.reduce((sum, count) => sum + (count - mean) ** 2, 0) / windows.length) / mean
}

const median = (column: Int32Array) => column.toSorted()[Math.floor(column.length / 2)]!

describe('generated requests', () => {
  it.each(SHAPES)('of %s traffic are the same from the same seed, others from another', (shape) => {
    const one = (seed: number) => generate({ shape, seed, hours: 0.2, rate: 3 })
    expect(one(1)).toEqual(one(1))
    expect(one(1).at).not.toEqual(one(2).at)
    const { at } = one(1)
    expect(at.every((time, i) => i === 0 || time >= at[i - 1]!)).toBe(true)
  })

  it.each([
    // Medians and means of the public traces; variation of minutes within a factor of theirs.
    ['conversation', 900, 1155, 129, 211, 0.15, 0.45],
    ['code', 1469, 2048, 13, 28, 0.7, 1.6],
    ['long', 5000, 7000, 320, 343, 0.1, 0.3],
  ] as const)('of %s traffic have its lengths and its storms', (shape, medianIn, meanIn, medianOut, meanOut, least, most) => {
    const requests = generate({ shape, seed: 4, hours: 12, rate: 4 })
    expect(requests.length / (12 * 3600 * 4)).toBeGreaterThan(0.8)
    expect(requests.length / (12 * 3600 * 4)).toBeLessThan(1.25)
    expect(median(requests.tokensIn) / medianIn).toBeCloseTo(1, 1)
    expect(meanOf(requests.tokensIn) / meanIn).toBeCloseTo(1, 0.9)
    expect(median(requests.tokensOut) / medianOut).toBeCloseTo(1, 1)
    expect(meanOf(requests.tokensOut) / meanOut).toBeCloseTo(1, 0.9)
    expect(burstiness(requests, 60)).toBeGreaterThan(least)
    expect(burstiness(requests, 60)).toBeLessThan(most)
  })
})

describe('a day of a trace', () => {
  const trace = generate({ shape: 'code', seed: 3, hours: 1, rate: 2 })

  it.each([0.5, 2, 7])('has the rate that is wanted (%d a second)', (rate) => {
    const day = dayOf(trace, { hours: 24, rate, seed: 1, swing: 0.6 })
    expect(day.length / 86_400 / rate).toBeCloseTo(1, 1)
    expect(durationOf(day)).toBeLessThan(86_400_000)
  })

  it('has one peak and one trough, and keeps the storms', () => {
    const hourly = (swing: number) => {
      const day = dayOf(trace, { hours: 24, rate: 2, seed: 5, swing })
      const hours = new Array<number>(24).fill(0)
      for (const at of day.at) hours[Math.floor(at / 3_600_000)]! += 1
      return { day, ratio: Math.max(...hours) / Math.min(...hours) }
    }
    expect(hourly(0.6).ratio).toBeGreaterThan(2.5)
    expect(hourly(0).ratio).toBeLessThan(1.8)
    expect(burstiness(hourly(0).day, 10) / burstiness(trace, 10)).toBeCloseTo(1, 0.7)
  })

  it('is the same from the same seed', () => {
    const day = (seed: number) => dayOf(trace, { hours: 2, rate: 3, seed, swing: 0.3 })
    expect(day(1)).toEqual(day(1))
    expect(day(1).at).not.toEqual(day(2).at)
  })
})

it('steady requests come independently: windows vary as a Poisson process does', () => {
  const requests = steadily(requestsOf([[0, 5, 6]]), 4, 20_000, 1)
  // 1/√(4 × 10)
  expect(burstiness(requests, 10)).toBeCloseTo(0.158, 2)
})
