import { describe, expect, it } from 'vitest'

import { loadCurve } from './load-curve.ts'
import { type ServiceCurve, serviceCurve, stepTimes, unitCosts, unloadedFirstTokenMs } from './service-curve.ts'

const SERVER: ServiceCurve = {
  ...{ name: 'a server', sequences: 32, kvTokens: 37_000, contextTokens: 8_192, source: 'made up' },
  prefill: { overheadMs: 35, tokensPerSecond: 2_850, chunkTokens: 512 },
  decode: [
    { sequences: 1, stepMs: 59.9 },
    { sequences: 16, stepMs: 65.5 },
    { sequences: 32, stepMs: 72.2 },
  ],
}

describe('a service curve', () => {
  it('is interpolated between what was measured, and flat outside', () => {
    const steps = stepTimes({
      ...SERVER,
      sequences: 5,
      decode: [
        { sequences: 2, stepMs: 10 },
        { sequences: 4, stepMs: 20 },
      ],
    })
    expect([...steps]).toEqual([10, 10, 10, 15, 20, 20])
  })

  it('says when an idle instance gives the first token', () => {
    expect(unloadedFirstTokenMs(SERVER, 2850)).toBeCloseTo(1035)
    expect(unloadedFirstTokenMs(SERVER, 1e6)).toBeCloseTo(35 + (8192 / 2850) * 1000)
  })

  it('costs what a full batch costs, which the cache may limit', () => {
    expect(unitCosts(SERVER, 100).tokenOut).toBeCloseTo(0.0722 / 32)
    // 37,000 tokens hold 16 of 2,300.
    expect(unitCosts(SERVER, 2300).tokenOut).toBeCloseTo(0.0655 / 16)
  })

  it('is refused where steps do not grow by sequences', () => {
    expect(serviceCurve.safeParse(SERVER).success).toBe(true)
    const decode = [
      { sequences: 4, stepMs: 1 },
      { sequences: 4, stepMs: 2 },
    ]
    expect(serviceCurve.safeParse({ ...SERVER, decode }).error?.issues[0]?.message).toBe('sequences that grow')
  })
})

describe('a load curve', () => {
  const curve = loadCurve([
    { load: 0.8, missShare: 0.8 },
    { load: 0.4, missShare: 0 },
    { load: 0.6, missShare: 0.2 },
  ])

  it('is saturated where every second one is late', () => {
    expect(curve.saturation).toBeCloseTo(0.7)
    expect(loadCurve([{ load: 0.5, missShare: 0.1 }]).saturation).toBe(0.5)
  })

  it('grows with use and ends at saturation', () => {
    expect(curve.missShare(0)).toBe(0)
    expect(curve.missShare(1)).toBeCloseTo(0.5)
    expect(curve.missShare(7)).toBeCloseTo(0.5)
    for (let use = 0; use < 1; use += 0.01) expect(curve.missShare(use + 0.01)).toBeGreaterThanOrEqual(curve.missShare(use))
  })

  it('wants a point', () => {
    expect(() => loadCurve([{ load: 0, missShare: 0 }])).toThrow(RangeError)
  })
})
