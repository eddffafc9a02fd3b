import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adapt, charge, judge, newBucket, remaining, shareOf, untilFull } from './gcra.ts'

const MINUTE = 60_000

describe('gcra', () => {
  it('lets the burst through at once and then one by one', () => {
    const rate = { amount: 60, everyMs: MINUTE, burst: 3 }
    const bucket = newBucket(rate)
    const passes = (now: number) => {
      const decision = judge(rate, bucket, 1, now)
      if (decision.allowed) charge(rate, bucket, 1, now)
      return decision.allowed
    }
    expect([passes(0), passes(0), passes(0), passes(0)]).toEqual([true, true, true, false])
    expect(judge(rate, bucket, 1, 0)).toEqual({ allowed: false, retryAfterMs: 1000 })
    expect(passes(999)).toBe(false)
    expect(passes(1000)).toBe(true)
  })

  it('judges a cost above the burst as the burst, and remembers the debt', () => {
    const rate = { amount: 100, everyMs: MINUTE, burst: 100 }
    const bucket = newBucket(rate)
    expect(judge(rate, bucket, 500, 0).allowed).toBe(true)
    charge(rate, bucket, 500, 0)
    expect(remaining(rate, bucket, 0)).toBe(0)
    expect(judge(rate, bucket, 1, 4 * MINUTE).allowed).toBe(false)
    expect(judge(rate, bucket, 1, 5 * MINUTE).allowed).toBe(true)
  })

  it('never admits more than burst + rate × time, whatever the arrivals', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 1, max: 20 })), { maxLength: 200 }),
        (amount, burst, arrivals) => {
          const rate = { amount, everyMs: MINUTE, burst }
          const bucket = newBucket(rate)
          let now = 0
          let admitted = 0
          for (const [gap, cost] of arrivals) {
            now += gap
            if (cost <= burst && judge(rate, bucket, cost, now).allowed) {
              charge(rate, bucket, cost, now)
              admitted += cost
            }
          }
          expect(admitted).toBeLessThanOrEqual(burst + (amount * now) / MINUTE + 1e-3)
        },
      ),
    )
  })

  it('tells a wait after which the request really passes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 300 }),
        (amount, burst, debt) => {
          const rate = { amount, everyMs: MINUTE, burst }
          const bucket = newBucket(rate)
          charge(rate, bucket, debt, 0)
          const decision = judge(rate, bucket, 1, 0)
          if (!decision.allowed) expect(judge(rate, bucket, 1, decision.retryAfterMs).allowed).toBe(true)
        },
      ),
    )
  })

  it('a rule that changes: what is used stays used, and the wait is the new rule’s', () => {
    const slow = { amount: 5, everyMs: 24 * 60 * MINUTE, burst: 5 }
    const quick = { amount: 5_000, everyMs: MINUTE, burst: 5_000 }
    const bucket = newBucket(slow)
    for (let i = 0; i < 5; i++) charge(slow, bucket, 1, 0)
    expect(remaining(slow, bucket, 0)).toBe(0)
    adapt(quick, quick, bucket, 0)
    expect(remaining(quick, bucket, 0)).toBe(4_995)
    // And back: no more than a burst of it is waited for.
    charge(quick, bucket, 100, 0)
    adapt(slow, slow, bucket, 0)
    expect(judge(slow, bucket, 1, 0)).toEqual({ allowed: false, retryAfterMs: slow.everyMs / slow.amount })
    adapt(slow, slow, bucket, 1_000)
    expect(untilFull(bucket, 1_000)).toBe(slow.everyMs - 1_000)
  })

  it('a rule without time, which was allowed once, leaves nothing behind', () => {
    const none = { amount: 5, everyMs: 0, burst: 5 }
    const rate = { amount: 5, everyMs: MINUTE, burst: 5 }
    const bucket = newBucket(none)
    charge(none, bucket, 3, 1_000)
    adapt(rate, rate, bucket, 1_000)
    expect(remaining(rate, bucket, 1_000)).toBe(5)
    adapt(none, none, bucket, 2_000)
    expect(judge(none, bucket, 1, 2_000).allowed).toBe(true)
  })

  it('another burst is another rule; another number of gateways is not', () => {
    const wide = { amount: 60, everyMs: MINUTE, burst: 60 }
    const narrow = { ...wide, burst: 2 }
    const bucket = newBucket(wide)
    charge(wide, bucket, 60, 0)
    const half = shareOf(wide, 2, true)!
    adapt(wide, half, bucket, 0)
    expect(untilFull(bucket, 0)).toBe(MINUTE)
    adapt(narrow, narrow, bucket, 0)
    expect(untilFull(bucket, 0)).toBe(2_000)
  })

  it('shares never add up to more than the whole', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 16 }),
        (amount, burst, gateways) => {
          const rate = { amount, everyMs: MINUTE, burst }
          const shares = Array.from({ length: gateways }, (_, index) => shareOf(rate, gateways, index === 0)).filter(
            (share) => share !== undefined,
          )
          expect(shares.length).toBeGreaterThan(0)
          expect(shares.reduce((sum, share) => sum + share.amount, 0)).toBeLessThanOrEqual(amount + 1e-6)
          expect(shares.reduce((sum, share) => sum + share.burst, 0)).toBeLessThanOrEqual(burst)
        },
      ),
    )
  })
})
