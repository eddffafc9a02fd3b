import { describe, expect, it } from 'vitest'
import { feedbackRecord, finishedRecord } from './example-records.ts'
import { createKeyUses } from './key-uses.ts'
import { createRefusals } from './refusals.ts'

const NOW = Date.parse('2026-11-25T10:00:30.000Z')
const refused = (minutesAgo: number, more: object = {}) =>
  finishedRecord({ outcome: 'limited', limit: 'small', time: new Date(NOW - minutesAgo * 60_000).toISOString(), ...more })

describe('refusals', () => {
  it('are told by limit, minute and caller, for an hour', () => {
    const refusals = createRefusals()
    for (const record of [refused(0), refused(0), refused(2, { key: 'other' }), refused(59), refused(61), refused(0, { outcome: 'ok' })])
      refusals.add(record)
    refusals.add(refused(1, { limit: 'tiny', namespace: 'shop' }))
    const [small, tiny] = refusals.report(NOW)
    expect(small).toMatchObject({
      ...{ namespace: 'default', limit: 'small', count: 4, last: NOW },
      callers: [
        { consumer: 'shop', key: 'k', route: 'assistant', count: 3, last: NOW },
        { key: 'other', count: 1, last: NOW - 120_000 },
      ],
    })
    expect([small!.minutes.length, small!.minutes[0], small!.minutes[57], small!.minutes[59]]).toEqual([60, 1, 1, 2])
    expect(tiny).toMatchObject({ namespace: 'shop', limit: 'tiny', count: 1 })
    expect(refusals.report(NOW + 3_600_000)).toEqual([])
  })

  it('keep so many callers of a minute by name, and count the others', () => {
    const refusals = createRefusals()
    for (let i = 0; i < 1_200; i++) refusals.add(refused(0, { key: `k${i}` }))
    const [small] = refusals.report(NOW)
    expect(small!.count).toBe(1_200)
    expect(small!.callers[0]).toMatchObject({ key: '', count: 200 })
  })
})

describe('uses of keys', () => {
  it('are exact in memory, and told to the store at most once a minute', () => {
    const uses = createKeyUses([{ namespace: 'default', name: 'old', lastUsed: 5 }])
    uses.add(refused(3))
    expect(uses.take()).toEqual([{ namespace: 'default', name: 'k', lastUsed: NOW - 180_000 }])
    uses.add(refused(2.5))
    uses.add(refused(9))
    expect(uses.take()).toEqual([])
    expect(uses.all()).toContainEqual({ namespace: 'default', name: 'k', lastUsed: NOW - 150_000 })
    uses.add(refused(1))
    const taken = uses.take()
    expect(taken).toHaveLength(1)
    uses.putBack(taken)
    expect(uses.take()).toEqual(taken)
    expect(uses.all()).toContainEqual({ namespace: 'default', name: 'old', lastUsed: 5 })
  })

  it('are requests and feedback', () => {
    const uses = createKeyUses([])
    uses.add(feedbackRecord({ time: new Date(NOW).toISOString() }))
    expect(uses.all()).toEqual([{ namespace: 'default', name: 'k', lastUsed: NOW }])
  })

  it('of a key that is deleted are forgotten, and its last records do not bring it back', () => {
    const there = new Set(['k'])
    const uses = createKeyUses([{ namespace: 'default', name: 'gone before', lastUsed: 5 }], (_namespace, name) => there.has(name))
    uses.add(refused(3))
    expect(uses.all().map(({ name }) => name)).toEqual(['k'])
    const taken = uses.take()
    there.delete('k')
    uses.forget('default', 'k')
    uses.add(refused(2))
    uses.putBack(taken)
    expect(uses.all()).toEqual([])
    expect(uses.take()).toEqual([])
  })
})
