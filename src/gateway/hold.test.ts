import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { type ManualClock, manualClock } from '../kernel/clock.ts'
import type { Deadlines } from '../kernel/deadlines.ts'
import { Metrics } from '../monitoring/metrics/index.ts'
import { type CompiledInstance, type CompiledRoute, type CompiledVersion, entryKey } from '../resources/snapshot.ts'
import { createHolds, freePlaces, type HoldEnd, type Holds, Line, startLeftMs, startsIn } from './hold.ts'
import { createInstanceTracker, type InstanceTracker, type Work } from './instances.ts'
import { gatewayMetrics } from './metrics.ts'
import { ShardedMap } from './snapshot/sharded-map.ts'

const version = (over: Partial<CompiledVersion> = {}) =>
  ({
    kind: 'version',
    name: 'assistant-v1',
    namespace: 'default',
    uid: 'uid-1',
    source: { type: 'engine', simulated: false },
    hold: { most: 3, forMs: 60_000, startupMs: 20_000 },
    ...over,
  }) as CompiledVersion

const instance = (id: string, over: Partial<CompiledInstance> = {}) =>
  ({
    kind: 'instance',
    id,
    version: 'assistant-v1',
    namespace: 'default',
    state: 'ready',
    run: 1,
    sequences: 1,
    maxWaiting: 1,
    ...over,
  }) as CompiledInstance

const ROUTE = { kind: 'route', name: 'assistant', namespace: 'default' } as CompiledRoute
const of = <V>(...entries: [string, V][]) => ShardedMap.empty<V>().with(entries, [])

describe('what is left of a start', () => {
  it.each([
    ['nothing is known', { most: 1, forMs: 60_000 }, undefined, 20_000],
    ['nothing is known, and nobody waits so long', { most: 1, forMs: 5_000 }, undefined, 5_000],
    ['it is about to begin', { most: 1, forMs: 60_000, startupMs: 45_000 }, undefined, 45_000],
    ['it began 40 s ago', { most: 1, forMs: 60_000, startupMs: 45_000 }, 60_000, 5_000],
    ['it should be there by now', { most: 1, forMs: 60_000, startupMs: 45_000 }, 55_000, 1_000],
    ['it takes longer than it did', { most: 1, forMs: 60_000, startupMs: 45_000 }, 35_000, 20_000],
    ['it takes much longer', { most: 1, forMs: 60_000, startupMs: 45_000 }, 0, 45_000],
    ['it takes longer than anybody waits', { most: 1, forMs: 10_000, startupMs: 300_000 }, 90_000, 290_000],
  ])('%s', (_what, bounds, began, left) => {
    expect(startLeftMs(bounds, began, 100_000)).toBe(left)
  })

  it('counts from when an instance was first seen to start, and anew for each of its runs', () => {
    const starting = (run: number) => of(['a', instance('a', { state: 'starting', run })], ['b', instance('b')])
    const first = startsIn(starting(1), new Map(), 100)
    expect([...first]).toEqual([['a', { run: 1, began: 100 }]])
    expect(startsIn(starting(1), first, 200).get('a')!.began).toBe(100)
    expect(startsIn(starting(2), first, 200).get('a')!.began).toBe(200)
    expect(startsIn(of(['a', instance('a')]), first, 200).size).toBe(0)
  })
})

describe('places', () => {
  const tracker = { inFlight: (id: string) => (id === 'half' ? 34 : id === 'over' ? 100 : 0), isEjected: (id: string) => id === 'out' }
  const engine = { sequences: 4, maxWaiting: 64 }
  const image = { source: { type: 'image', maxConcurrent: 8 } } as CompiledVersion

  it.each<[string, Pick<CompiledVersion, 'source'>, CompiledInstance[], number, number]>([
    ['none is there', version(), [], 1, 0],
    ['an engine runs some and queues some', version(), [instance('a', engine)], 1, 68],
    ['what it has counts', version(), [instance('half', engine)], 1, 34],
    ['more than it takes is no debt of others', version(), [instance('over', engine), instance('a', engine)], 1, 68],
    [
      'only ready ones',
      version(),
      [instance('a', { ...engine, state: 'starting' }), instance('b', { ...engine, state: 'draining' })],
      1,
      0,
    ],
    ['only those in good standing', version(), [instance('out', engine)], 1, 0],
    ['gateways share an engine', version(), [instance('a', engine)], 3, 22],
    ['each has one at least', version(), [instance('a', { sequences: 1, maxWaiting: 0 })], 8, 1],
    ['a server in an image has a bound for each gateway', image, [instance('a', { sequences: 8, maxWaiting: 0 })], 3, 8],
  ])('%s', (_what, of, instances, gateways, free) => {
    expect(freePlaces(of, instances, gateways, tracker)).toBe(free)
  })
})

it('a line has those first who come back to it', () => {
  const line = new Line<string>()
  for (const name of ['a', 'b', 'c']) line.add(name, false)
  line.add('d', true)
  expect(line.first(2)).toEqual(['d', 'a'])
  expect(line.remove('a')).toBe(true)
  expect(line.remove('a')).toBe(false)
  expect(line.first(9)).toEqual(['d', 'b', 'c'])
  expect(line.size).toBe(3)
})

describe('requests that wait', () => {
  let clock: ManualClock
  let tracker: InstanceTracker
  let work: Work[]
  let holds: Holds
  let registry: Metrics
  let tables: {
    -readonly [K in keyof ReturnType<Parameters<typeof createHolds>[0]['tables']>]: ReturnType<
      Parameters<typeof createHolds>[0]['tables']
    >[K]
  }
  let timers: { at: number; over: () => void }[]
  /** Who was let go or sent away, in that order. */
  let ended: string[]

  const deadlines: Deadlines = {
    start(ms, over) {
      const one = { at: clock.monotonic() + ms, over }
      timers.push(one)
      const clear = () => {
        timers = timers.filter((each) => each !== one)
      }
      return { clear, extend: () => undefined }
    },
    size: () => timers.length,
  }
  const pass = async (ms: number) => {
    clock.advance(ms)
    for (const one of timers.filter(({ at }) => at <= clock.monotonic())) {
      timers = timers.filter((each) => each !== one)
      one.over()
    }
    await turn()
  }
  const instances = async (...all: CompiledInstance[]) => {
    tables.instance = of(...all.map((each): [string, CompiledInstance] => [entryKey.instance(each.id), each]))
    tables.instancesByVersion = new Map([['default/assistant-v1', all]])
    holds.onSwap()
    await turn()
  }
  const waits = (name: string, over: { again?: boolean; most?: number; client?: Client } = {}) => {
    const client = over.client ?? new Client()
    const { most = 3 } = over
    const how = { until: clock.monotonic() + 60_000, again: over.again ?? false }
    void holds.keep(version({ hold: { most, forMs: 60_000 } }), ROUTE, client, how).then((end: HoldEnd) => {
      ended.push(`${name} ${end}`)
      if (end === 'open') work.push(tracker.begin('a'))
    })
    return client
  }
  class Client {
    gone = false
    onGone: (() => void) | undefined
  }

  beforeEach(() => {
    clock = manualClock()
    work = []
    tracker = createInstanceTracker(clock, undefined, () => holds.onRelease())
    registry = new Metrics()
    timers = []
    ended = []
    tables = {
      versions: of([entryKey.version('default', 'assistant-v1'), version()]),
      route: of([entryKey.route('default', 'assistant'), ROUTE]),
      instance: ShardedMap.empty(),
      instancesByVersion: new Map(),
      settings: { kind: 'settings', gateways: 1, maxBodyBytes: 1 },
    }
    holds = createHolds({ clock, deadlines, tracker, tables: () => tables, metrics: gatewayMetrics(registry).holds })
  })

  it('go when an instance is ready, as many as it takes, and then one for each that ends, in order', async () => {
    for (const name of ['1', '2', '3', '4', '5']) waits(name, { most: 5 })
    await turn()
    await instances(instance('a', { state: 'starting' }))
    expect(ended).toEqual([])
    expect(holds.waiting).toBe(5)
    await instances(instance('a'))
    expect(ended).toEqual(['1 open', '2 open'])
    work[0]!.end('ok')
    await turn()
    expect(ended).toEqual(['1 open', '2 open', '3 open'])
    await instances(instance('a', { sequences: 3 }))
    expect(ended.slice(3)).toEqual(['4 open', '5 open'])
    expect(holds.waiting).toBe(0)
    expect(holds.waitsFor(version())).toBe(false)
    expect(timers).toEqual([])
  })

  it('are not let go twice to one place by two looks', async () => {
    for (const name of ['1', '2', '3', '4', '5']) waits(name, { most: 5 })
    await turn()
    tables.instancesByVersion = new Map([['default/assistant-v1', [instance('a')]]])
    holds.onSwap()
    holds.onSwap()
    await turn()
    await turn()
    expect(ended).toEqual(['1 open', '2 open'])
  })

  it('have whoever comes later behind them', async () => {
    const first = tracker.begin('a')
    tracker.begin('a')
    await instances(instance('a'))
    waits('1')
    await turn()
    waits('2')
    await turn()
    first.end('ok')
    await turn()
    expect(ended).toEqual(['1 open'])
  })

  it('are no more than the version allows, but for those who had their turn before', async () => {
    for (const name of ['1', '2', '3', '4']) waits(name)
    waits('again', { again: true })
    await turn()
    expect(ended).toEqual(['4 full'])
    expect(holds.waiting).toBe(4)
    await instances(instance('a'))
    expect(ended).toEqual(['4 full', 'again open', '1 open'])
    expect(registry.text()).toContain('strata_hold_refused_total{version="assistant-v1",reason="full"} 1')
  })

  it('are none where none may wait', async () => {
    waits('1', { most: 0 })
    await turn()
    expect(ended).toEqual(['1 full'])
  })

  it('wait no longer than they may', async () => {
    waits('1')
    await pass(30_000)
    waits('2')
    await pass(29_999)
    expect(ended).toEqual([])
    await pass(1)
    expect(ended).toEqual(['1 over'])
    expect(holds.waiting).toBe(1)
    expect(registry.text()).toContain('strata_hold_refused_total{version="assistant-v1",reason="overdue"} 1')
    expect(registry.text()).toContain('strata_hold_seconds_count{version="assistant-v1"} 1')
    expect(registry.text()).toContain('strata_hold_seconds_sum{version="assistant-v1"} 60')
    expect(registry.text()).toContain('strata_requests_held{version="assistant-v1"} 1')
  })

  it('leave with their clients, and make room', async () => {
    const clients = ['1', '2', '3'].map((name) => waits(name))
    await turn()
    clients[1]!.onGone!()
    await turn()
    expect(ended).toEqual(['2 left'])
    expect(clients[1]!.onGone).toBeUndefined()
    waits('4')
    await instances(instance('a', { maxWaiting: 9 }))
    expect(ended).toEqual(['2 left', '1 open', '3 open', '4 open'])
  })

  it('do not begin for a client that has left', async () => {
    const client = new Client()
    client.gone = true
    waits('1', { client })
    await turn()
    expect(ended).toEqual(['1 left'])
    expect(holds.waiting).toBe(0)
  })

  it('end with their version, also when another one has its name', async () => {
    waits('1')
    await turn()
    tables.versions = of([entryKey.version('default', 'assistant-v1'), version({ uid: 'uid-2' })])
    await instances(instance('a'))
    expect(ended).toEqual(['1 no_version'])
    waits('2')
    tables.versions = ShardedMap.empty()
    holds.onSwap()
    await turn()
    expect(ended).toEqual(['1 no_version', '2 no_version'])
  })

  it('end with their route', async () => {
    waits('1')
    await turn()
    tables.route = ShardedMap.empty()
    holds.onSwap()
    await turn()
    expect(ended).toEqual(['1 no_route'])
  })

  it('are looked at again when an instance that failed may be asked again', async () => {
    tracker.begin('a').end('refused') // left out for 250 ms
    waits('1')
    await instances(instance('a'))
    expect(ended).toEqual([])
    await pass(251)
    expect(ended).toEqual(['1 open'])
    expect(timers).toEqual([])
  })

  it('hear how long it takes', async () => {
    expect(holds.outlook(version())).toEqual({ state: 'absent', leftMs: 20_000, measured: true, late: false })
    await instances(instance('a', { state: 'starting' }))
    clock.advance(5_000)
    await instances(instance('a', { state: 'starting' }), instance('b', { state: 'starting' }))
    expect(holds.outlook(version())).toEqual({ state: 'starting', leftMs: 15_000, measured: true, late: false })
    clock.advance(15_000)
    expect(holds.outlook(version())).toEqual({ state: 'starting', leftMs: 1_000, measured: true, late: true })
    tables.versions = of([entryKey.version('default', 'assistant-v1'), version({ hold: { most: 3, forMs: 60_000 } })])
    expect(holds.outlook(version())).toMatchObject({ measured: false, late: false })
    await instances(instance('a'))
    expect(holds.outlook(version()).state).toBe('busy')
  })
})
