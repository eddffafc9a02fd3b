import { describe, expect, it } from 'vitest'
import { bounded } from './bounds.ts'
import { fixedPolicy } from './fixed.ts'
import { IDLE, itIsAPolicy } from './policy.contract.ts'
import type { Policy } from './policy.ts'

/** Wants what the sample's arrivals say. */
const obedient: Policy<null> = {
  name: 'obedient',
  start: null,
  decide: (_state, { arrivals }) => ({ wanted: arrivals, reason: `It was told ${arrivals}.`, inputs: { arrivals }, state: null }),
}

describe('bounds', () => {
  it.each([
    [0, { min: 2, max: 5 }, {}, 2, /; at least 2 are kept\.$/],
    [9, { min: 2, max: 5 }, {}, 5, /; 5 is the most that is allowed\.$/],
    [3, { min: 2, max: 5 }, {}, 3, /^It was told 3\.$/],
    [0, { min: 0, max: 5 }, { ready: 0 }, 0, /^It was told 0\.$/],
    [0, { min: 0, max: 5 }, { ready: 0, queued: 1 }, 1, /one waits, so one instance starts/],
    [0, { min: 0, max: 5 }, { ready: 1, concurrency: 0.2 }, 1, /one stays for those who ask/],
    [0, { min: 0, max: 5 }, { ready: 0, draining: 1, concurrency: 1 }, 0, /^It was told 0\.$/],
    [Number.NaN, { min: 0, max: 5 }, { ready: 3 }, 3, /^It was told NaN\.$/],
    [2.1, { min: 0, max: 5 }, {}, 3, /^It was told 2\.1\.$/],
  ])('wanted %d within %o with %o: %d', (arrivals, bounds, change, wanted, reason) => {
    const decision = bounded(obedient, bounds).decide({ policy: null, changedAt: null }, { ...IDLE, ...change, arrivals }, 0)
    expect(decision.wanted).toBe(wanted)
    expect(decision.reason).toMatch(reason)
  })

  it('keeps what was asked with the inputs where it was overruled', () => {
    const { inputs, asked } = bounded(obedient, { min: 1, max: 4 }).decide({ policy: null, changedAt: null }, { ...IDLE, arrivals: 7 }, 0)
    expect([inputs, asked]).toEqual([{ arrivals: 7, asked: 7 }, 7])
  })

  it('rests after a change, as long as it is told to, each way for itself', () => {
    const policy = bounded(obedient, { min: 0, max: 9, cooldownDownMs: 60_000, cooldownUpMs: 10_000 })
    let state = policy.start
    let ready = 2
    const told = ([at, arrivals]: readonly [number, number]) => {
      const decision = policy.decide(state, { ...IDLE, ready, arrivals }, at)
      state = decision.state
      ready = decision.wanted
      return ready
    }
    const wanted = (
      [
        [0, 4],
        [5_000, 6],
        [10_000, 6],
        [69_999, 1],
        [70_000, 1],
      ] as const
    ).map(told)
    expect(wanted).toEqual([4, 4, 6, 6, 1])
  })

  it.each([[{ min: -1, max: 3 }], [{ min: 4, max: 3 }], [{ min: 0, max: 0 }], [{ min: 1.5, max: 3 }]])(
    'are refused where they are none: %o',
    (bounds) => {
      expect(() => bounded(obedient, bounds)).toThrow(RangeError)
    },
  )
})

itIsAPolicy(fixedPolicy(3))
