import { describe, expect, it } from 'vitest'
import { manualClock } from '../kernel/clock.ts'
import type { CompiledInstance, CompiledVersion } from '../resources/snapshot.ts'
import { createInstanceTracker, type Work } from './instances.ts'
import { ShardedMap } from './snapshot/sharded-map.ts'
import { EMPTY_TABLES } from './snapshot/tables.ts'

const instance = (id: string, over: Partial<CompiledInstance> = {}): CompiledInstance => ({
  kind: 'instance',
  id,
  version: 'v1',
  namespace: 'default',
  address: { host: '127.0.0.1', port: 1 },
  state: 'ready',
  run: 0,
  sequences: 4,
  maxWaiting: 8,
  simulated: false,
  ...over,
})
const none = new Set<string>()

describe('instance choice', () => {
  it('takes the one with the least outstanding work, by what each runs at once', () => {
    const tracker = createInstanceTracker(manualClock())
    const all = [instance('small', { sequences: 1 }), instance('large', { sequences: 10 })]
    tracker.begin('small')
    for (let i = 0; i < 5; i++) tracker.begin('large')
    expect(tracker.choose(all, none)!.id).toBe('large')
    for (let i = 0; i < 6; i++) tracker.begin('large')
    expect(tracker.choose(all, none)!.id).toBe('small')
  })

  const long = (streams: boolean) => ({ version: 'v1', bytes: 1_000, streams })

  it('takes the one that has less to read, though it has more requests, until first tokens come', () => {
    const tracker = createInstanceTracker(manualClock())
    const all = [instance('reads', { sequences: 32 }), instance('writes', { sequences: 32 })]
    const reading = tracker.begin('reads', long(true))
    for (let i = 0; i < 4; i++) tracker.begin('writes', long(true)).read()
    expect(tracker.choose(all, none)!.id).toBe('writes')
    reading.read()
    expect(tracker.choose(all, none)!.id).toBe('reads')
  })

  it('has nothing to read of requests that are over, however they ended, nor of what no stream has shown the pace of', () => {
    const tracker = createInstanceTracker(manualClock())
    const all = [instance('a', { sequences: 32 }), instance('b', { sequences: 32 })]
    for (const result of ['neutral', 'refused', 'failed', 'ok'] as const) tracker.begin('a', long(true)).end(result)
    tracker.begin('a', long(false))
    for (let i = 0; i < 2; i++) tracker.begin('b', long(true)).read()
    expect(tracker.choose(all, none)!.id).toBe('a')
  })

  it('knows nothing of the pace of a version that was deleted', () => {
    const clock = manualClock()
    const tracker = createInstanceTracker(clock)
    const swap = (...all: CompiledInstance[]) => {
      const versions = ShardedMap.empty<CompiledVersion>().with([['default/v1', { uid: 'v1', source: {} } as CompiledVersion]], [])
      tracker.keepOnly({ versions: all.length > 0 ? versions : ShardedMap.empty(), instancesByVersion: new Map([['default/v1', all]]) })
    }
    /** Of two instances, which is chosen when one has an unread prompt in one piece and the other runs two requests more. */
    const chosen = (reads: string, runs: string) => {
      const all = [instance(reads, { sequences: 32 }), instance(runs, { sequences: 32 })]
      swap(...all)
      tracker.begin(reads, long(false))
      for (let i = 0; i < 3; i++) tracker.begin(runs)
      return tracker.choose(all, none)!.id
    }
    swap(instance('a'))
    const first = tracker.begin('a', long(true))
    clock.advance(100)
    first.read()
    expect(chosen('b', 'c')).toBe('c')
    swap()
    expect(chosen('d', 'e')).toBe('d')
  })

  it('counts the end of a request once', () => {
    const tracker = createInstanceTracker(manualClock())
    tracker.begin('a')
    const work = tracker.begin('a', long(true))
    work.end('ok')
    work.end('failed')
    work.read()
    expect(tracker.inFlight('a')).toBe(1)
  })

  it('leaves out what is not ready or was just tried', () => {
    const tracker = createInstanceTracker(manualClock())
    const all = [instance('a', { state: 'starting' }), instance('b', { state: 'draining' }), instance('c')]
    expect(tracker.choose(all, none)!.id).toBe('c')
    expect(tracker.choose(all, new Set(['c']))).toBeUndefined()
  })

  it('ejects after five failures in a row for a time that doubles, and one success makes it whole', () => {
    const clock = manualClock()
    const tracker = createInstanceTracker(clock)
    const all = [instance('bad'), instance('good')]
    const fail = (times: number) => {
      for (let i = 0; i < times; i++) {
        tracker.begin('bad').end('failed')
      }
    }
    fail(4)
    expect(tracker.isEjected('bad')).toBe(false)
    fail(1)
    expect(tracker.isEjected('bad')).toBe(true)
    for (let i = 0; i < 20; i++) expect(tracker.choose(all, none)!.id).toBe('good')
    clock.advance(5_001)
    expect(tracker.isEjected('bad')).toBe(false)
    fail(5)
    clock.advance(5_001)
    expect(tracker.isEjected('bad')).toBe(true)
    clock.advance(5_000)
    expect(tracker.isEjected('bad')).toBe(false)
    tracker.begin('bad').end('ok')
    fail(5)
    clock.advance(5_001)
    expect(tracker.isEjected('bad')).toBe(false)
  })

  it('holds nothing of an earlier run against an instance that was started again', () => {
    const tracker = createInstanceTracker(manualClock())
    const swap = (...all: CompiledInstance[]) => tracker.keepOnly({ ...EMPTY_TABLES, instancesByVersion: new Map([['default/v1', all]]) })
    swap(instance('killed'), instance('other'))
    for (const id of ['killed', 'other'])
      for (let i = 0; i < 5; i++) {
        tracker.begin(id).end('failed')
      }
    swap(instance('killed', { state: 'starting' }), instance('other'))
    expect([tracker.isEjected('killed'), tracker.isEjected('other')]).toEqual([true, true])
    swap(instance('killed', { state: 'starting', run: 1 }), instance('other'))
    expect([tracker.isEjected('killed'), tracker.isEjected('other')]).toEqual([false, true])
  })

  it('uses ejected ones when there is nobody else', () => {
    const tracker = createInstanceTracker(manualClock())
    tracker.begin('only').end('refused')
    expect(tracker.isEjected('only')).toBe(true)
    expect(tracker.choose([instance('only')], none)!.id).toBe('only')
  })

  it('puts one that has as many as it may have behind all that have room, and an ejected one behind that', () => {
    const tracker = createInstanceTracker(manualClock())
    const all = [instance('full', { sequences: 100 }), instance('room', { pressure: 1 }), instance('out')]
    tracker.begin('out').end('refused')
    for (let i = 0; i < 2; i++) tracker.begin('full')
    tracker.begin('room')
    expect(tracker.choose(all, none, 3)!.id).toBe('full')
    expect(tracker.choose(all, none, 2)!.id).toBe('room')
    tracker.begin('room')
    expect(tracker.choose(all, none, 2)!.id).toBe('full')
  })

  it('tells one where nobody listens from one that fails', () => {
    const clock = manualClock()
    const tracker = createInstanceTracker(clock)
    const end = (result: Parameters<Work['end']>[0]) => tracker.begin('a').end(result)
    end('refused')
    expect([tracker.isEjected('a'), tracker.isDown('a')]).toEqual([true, true])
    end('neutral')
    expect(tracker.isDown('a')).toBe(true)
    clock.advance(251)
    expect(tracker.isDown('a')).toBe(false)
    for (let i = 0; i < 5; i++) end('failed')
    expect([tracker.isEjected('a'), tracker.isDown('a')]).toEqual([true, false])
  })

  it('does not hold a client’s fault or departure against the instance', () => {
    const tracker = createInstanceTracker(manualClock())
    for (let i = 0; i < 10; i++) {
      tracker.begin('a').end('neutral')
    }
    expect(tracker.isEjected('a')).toBe(false)
    expect(tracker.inFlight('a')).toBe(0)
  })
})
