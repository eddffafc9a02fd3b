import { describe, expect, it } from 'vitest'
import { manualClock } from '../../kernel/clock.ts'
import type { CompiledLimit } from '../../resources/snapshot.ts'
import { resetText } from './headers.ts'
import { createLimiter, type Reservation, type Subject } from './index.ts'

const limit = (name: string, per: CompiledLimit['per'], ...rules: CompiledLimit['rules']): CompiledLimit => ({
  kind: 'limit',
  uid: `uid-${name}`,
  name,
  namespace: 'default',
  per,
  rules,
})
const requests = (amount: number, burst = amount) => ({ type: 'requests' as const, amount, everyMs: 60_000, burst })
const tokens = (amount: number) => ({ type: 'tokens' as const, amount, everyMs: 60_000, burst: amount })
const who = (over: Partial<Subject> = {}): Subject => ({ namespace: 'default', key: 'k', consumer: 'c', model: 'm', route: 'r', ...over })
const limiter = (clock = manualClock(), gateways = 1, index = 0) => createLimiter({ clock, gateways: () => gateways, index })

describe('admission', () => {
  it('charges nothing when one of several limits refuses', () => {
    const l = limiter()
    const wide = limit('wide', 'key', requests(10))
    const narrow = limit('narrow', 'all', requests(1))
    expect(l.admit([wide, narrow], who(), 0).admitted).toBe(true)
    for (let i = 0; i < 5; i++) expect(l.admit([wide, narrow], who(), 0)).toMatchObject({ admitted: false, limit: 'narrow' })
    const after = l.admit([wide], who(), 0)
    expect(after.admitted && after.reservation.requests!.remaining).toBe(8)
  })

  it.each([
    ['key', who({ key: 'other' })],
    ['consumer', who({ consumer: 'other' })],
    ['model', who({ model: 'other' })],
    ['route', who({ route: 'other' })],
  ] as const)('has a bucket for each %s', (per, other) => {
    const l = limiter()
    const one = limit('one', per, requests(1))
    expect(l.admit([one], who(), 0).admitted).toBe(true)
    expect(l.admit([one], who(), 0).admitted).toBe(false)
    expect(l.admit([one], other, 0).admitted).toBe(true)
  })

  it('has one bucket for all where the limit is for all', () => {
    const l = limiter()
    const one = limit('one', 'all', requests(1))
    expect(l.admit([one], who(), 0).admitted).toBe(true)
    expect(l.admit([one], who({ key: 'x', consumer: 'y', model: 'z', route: 'w' }), 0).admitted).toBe(false)
  })

  it('counts what no model works on as a request, without tokens or a place', () => {
    const l = limiter()
    const all = limit('all', 'key', requests(3), tokens(100), { type: 'concurrent', amount: 1 })
    expect(l.admit([all], who(), 100).admitted).toBe(true)
    expect(l.admit([all], who(), 1)).toMatchObject({ admitted: false })
    const second = l.admit([all], who(), undefined)
    expect(second).toMatchObject({ admitted: true, reservation: { requests: { remaining: 1 }, tokens: undefined } })
    expect(l.admit([all], who(), undefined).admitted).toBe(true)
    expect(l.admit([all], who(), undefined)).toMatchObject({ admitted: false, limit: 'all', sort: 'requests' })
  })

  it('settles tokens up and down, once', () => {
    const l = limiter()
    const many = limit('many', 'key', tokens(1000))
    const reserve = (estimate: number): Reservation => {
      const admission = l.admit([many], who(), estimate)
      if (!admission.admitted) throw new Error('refused')
      return admission.reservation
    }
    const first = reserve(900)
    expect(l.admit([many], who(), 200).admitted).toBe(false)
    first.settle(100)
    first.settle(0)
    const second = reserve(200)
    expect(second.tokens!.remaining).toBe(700)
    second.settle(1500)
    expect(l.admit([many], who(), 1)).toMatchObject({ admitted: false, sort: 'tokens' })
  })

  it('counts what runs at the same time, and frees it when it is settled', () => {
    const l = limiter()
    const two = limit('two', 'key', { type: 'concurrent', amount: 2 })
    const a = l.admit([two], who(), 0)
    l.admit([two], who(), 0)
    expect(l.admit([two], who(), 0)).toMatchObject({ admitted: false, sort: 'concurrent' })
    if (a.admitted) a.reservation.settle(0)
    expect(l.admit([two], who(), 0).admitted).toBe(true)
  })

  it('divides a limit among gateways and never admits more than the whole', () => {
    for (const amount of [1, 2, 3, 7, 10]) {
      const clock = manualClock()
      const gateways = Array.from({ length: 3 }, (_, index) => limiter(clock, 3, index))
      const rules = [limit('shared', 'key', requests(amount)), limit('places', 'key', { type: 'concurrent', amount })]
      for (const rule of rules) {
        let admitted = 0
        for (let i = 0; i < 60; i++) if (gateways[i % 3]!.admit([rule], who(), 0).admitted) admitted += 1
        expect(admitted).toBeGreaterThan(0)
        expect(admitted).toBeLessThanOrEqual(amount)
      }
    }
  })

  it('charges a request that outlived its bucket all the same', () => {
    const clock = manualClock()
    const l = limiter(clock)
    const many = limit('many', 'key', tokens(1000))
    const long = l.admit([many], who(), 100)
    if (!long.admitted) throw new Error('refused')
    clock.advance(60_000)
    // The bucket is full again and forgotten.
    l.admit([limit('other', 'all', requests(1))], who(), 0)
    expect(l.size()).toBe(1)
    long.reservation.settle(1_000)
    expect(l.admit([many], who(), 200).admitted).toBe(false)
    expect(l.admit([many], who(), 50).admitted).toBe(true)
  })

  it('takes a changed rule at once, for who has used it up too, and what is settled after it', () => {
    const clock = manualClock()
    const l = limiter(clock)
    const before = limit('one', 'key', { type: 'requests', amount: 5, everyMs: 86_400_000, burst: 5 }, tokens(100))
    const admitted = (now: CompiledLimit, tokensOf = 0) => l.admit([now], who(), tokensOf)
    const first = admitted(before, 100)
    for (let i = 0; i < 4; i++) admitted(before)
    expect(admitted(before)).toMatchObject({ admitted: false })
    const after = limit('one', 'key', requests(5_000), tokens(1_000))
    expect(admitted(after)).toMatchObject({ admitted: true, reservation: { requests: { remaining: 4_994 }, tokens: { remaining: 900 } } })
    if (first.admitted) first.reservation.settle(40)
    expect(admitted(after)).toMatchObject({ reservation: { tokens: { remaining: 960 } } })
    expect(l.report([after])).toMatchObject([
      { sort: 'requests', left: 4_993 },
      { sort: 'tokens', left: 960 },
    ])
  })

  it('a rule of another sort in its place, whom it is for, and a limit made anew begin anew; a rule beside it changes nothing', () => {
    const l = limiter()
    const state = (now: CompiledLimit) => l.admit([now], who({ key: 'same', consumer: 'same' }), 10)
    expect(state(limit('one', 'key', requests(1)))).toMatchObject({ admitted: true })
    expect(state(limit('one', 'key', tokens(10), requests(1)))).toMatchObject({ admitted: false, tokens: { remaining: 10 } })
    expect(state(limit('one', 'key', tokens(10)))).toMatchObject({ admitted: true })
    expect(state(limit('one', 'consumer', requests(1)))).toMatchObject({ admitted: true })
    expect(state({ ...limit('one', 'key', requests(1)), uid: 'another' })).toMatchObject({ admitted: true })
    expect(state(limit('one', 'key', requests(1)))).toMatchObject({ admitted: false })
  })

  it('forgets buckets that are full again', () => {
    const clock = manualClock()
    const l = limiter(clock)
    for (let i = 0; i < 1000; i++) l.admit([limit('one', 'key', requests(60))], who({ key: `k${i}` }), 0)
    expect(l.size()).toBe(1000)
    clock.advance(120_000)
    l.admit([limit('one', 'key', requests(60))], who(), 0)
    expect(l.size()).toBe(1)
  })
})

describe('what is left', () => {
  it('is told for whoever used something lately, in this gateway’s share', () => {
    const clock = manualClock()
    const l = limiter(clock, 2, 0)
    const many = limit('many', 'consumer', requests(10), tokens(1_000), { type: 'concurrent', amount: 4 })
    const admission = l.admit([many], who(), 300)
    expect(l.report([many])).toEqual([
      { namespace: 'default', limit: 'many', rule: 0, sort: 'requests', subject: 'default/c', most: 5, left: 4, resetMs: 12_000 },
      { namespace: 'default', limit: 'many', rule: 1, sort: 'tokens', subject: 'default/c', most: 500, left: 200, resetMs: 36_000 },
      { namespace: 'default', limit: 'many', rule: 2, sort: 'concurrent', subject: 'default/c', most: 2, left: 1 },
    ])
    if (admission.admitted) admission.reservation.settle(100)
    clock.advance(12_000)
    expect(l.report([many]).map(({ sort, left }) => [sort, left])).toEqual([
      ['requests', 5],
      ['tokens', 500],
    ])
    expect(l.report([])).toEqual([])
  })
})

it.each([
  [0, '0ms'],
  [119.2, '120ms'],
  [1_500, '1.5s'],
  [59_960, '1m0s'],
  [359_100, '6m0s'],
  [51_839_900, '864m0s'],
])('%d ms until a limit is whole again are %s', (ms, text) => {
  expect(resetText(ms)).toBe(text)
})
