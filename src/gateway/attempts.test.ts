/** Which instances are asked, and how often: with real trackers and lines, and upstreams that answer at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../kernel/clock.ts'
import { createDeadlines } from '../kernel/deadlines.ts'
import { Metrics } from '../monitoring/metrics/index.ts'
import type { Attempt } from '../monitoring/request-records.ts'
import { type CompiledInstance, type CompiledRoute, type CompiledVersion, entryKey } from '../resources/snapshot.ts'
import { type AttemptOptions, attempt } from './attempts.ts'
import { invalidRequest } from './errors.ts'
import { createHolds } from './hold.ts'
import { createInstanceTracker } from './instances.ts'
import { gatewayMetrics } from './metrics.ts'
import { CannotAsk } from './protocols/protocol.ts'
import { ShardedMap } from './snapshot/sharded-map.ts'
import { EMPTY_TABLES, type Tables } from './snapshot/tables.ts'
import type { UpstreamResponse } from './upstream/index.ts'

const MOST = 8
const of = <V>(entries: [string, V][]) => ShardedMap.empty<V>().with(entries, [])
const image = { type: 'image', protocol: 'openai', path: '/v1', model: 'm', maxConcurrent: MOST }
const ASKED = { method: 'POST', path: '/', headers: {}, body: Buffer.alloc(0) } as const

interface Setup {
  /** Ids of the instances of each version, the assigned one first. */
  readonly instances: Readonly<Record<string, readonly string[]>>
  readonly source?: object
  readonly hold?: CompiledVersion['hold']
  readonly state?: CompiledInstance['state']
  /** What fallbacks answer for, by version: "unavailable" unless said. */
  readonly on?: Readonly<Record<string, readonly string[]>>
  answer?(): UpstreamResponse | Promise<UpstreamResponse>
}

function world({ instances, source = image, hold, state = 'ready', on = {}, answer = () => answered(200) }: Setup) {
  const [first, ...others] = Object.keys(instances) as [string, ...string[]]
  const version = (name: string) =>
    ({ kind: 'version', name, namespace: 'd', uid: name, model: 'm', version: name, source, ...(hold ? { hold } : {}) }) as CompiledVersion
  const versions = new Map([first, ...others].map((name) => [entryKey.version('d', name), version(name)]))
  const route = {
    ...{ kind: 'route', name: 'r', namespace: 'd', retries: { attempts: 3, on: ['connect', 'unavailable'] } },
    ...{
      timeouts: { connect: 1e3, firstByte: 6e4, idle: 6e4, total: 6e4 },
      fallbacks: others.map((to) => ({ version: to, on: on[to] ?? ['unavailable'] })),
    },
  } as unknown as CompiledRoute
  const tablesOf = (now: CompiledInstance['state']): Tables => {
    const all = Object.entries(instances).map(([of_, ids]) => {
      const made = ids.map((id) => ({
        kind: 'instance',
        id,
        version: of_,
        state: now,
        run: 1,
        sequences: MOST,
        maxWaiting: 0,
        address: {},
      }))
      return [`d/${of_}`, made as unknown as CompiledInstance[]] as const
    })
    return {
      ...EMPTY_TABLES,
      ...{ versions: of([...versions]), route: of([[entryKey.route('d', 'r'), route]]) },
      ...{ instance: of(all.flatMap(([, made]) => made.map((each) => [each.id, each]))), instancesByVersion: new Map(all) },
    }
  }
  let tables = tablesOf(state)
  const deadlines = createDeadlines(systemClock)
  const tracker = createInstanceTracker(systemClock, undefined, () => holds.onRelease())
  const metrics = gatewayMetrics(new Metrics({ gateway: 'g' })).holds
  const holds = createHolds({ clock: systemClock, deadlines, tracker, tables: () => tables, metrics })
  let sent = 0
  const aborted: number[] = []
  const options = {
    ...{
      clock: systemClock,
      deadlines,
      tracker,
      holds,
      tables: () => tables,
      route,
      startedAt: systemClock.monotonic(),
      log: { error() {} },
    },
    ...{ client: { gone: false }, streams: false, limitHeaders: '', coldWaitMs: 2_000, pinned: false, bytes: 1_000 },
    ...{ assigned: versions.get(entryKey.version('d', first))!, request: () => ASKED },
    upstreams: {
      send() {
        sent += 1
        return { head: Promise.resolve().then(answer), abort: () => aborted.push(sent) }
      },
    },
  } as unknown as AttemptOptions
  return {
    tracker,
    holds,
    version: options.assigned,
    sent: () => sent,
    aborted: () => aborted.length,
    swap(now: CompiledInstance['state']) {
      tables = tablesOf(now)
      holds.onSwap()
    },
    async attempt(over: Partial<AttemptOptions> = {}) {
      const attempts: Attempt[] = []
      const result = await attempt({ ...options, ...over }, attempts)
      return { result, attempts: attempts.map(({ version: of_, instance, error }) => `${of_} ${instance ?? '-'} ${error ?? 'ok'}`) }
    },
  }
}
/** At first that, then all is well. */
function once(status: number) {
  let asked = 0
  return () => answered(asked++ === 0 ? status : 200)
}
const answered = (status: number) => ({ status, headers: {}, whole: () => undefined, abort() {} }) as unknown as UpstreamResponse

describe('instances with a bound', () => {
  const prompt = { version: 'v', bytes: 1_000, streams: true }

  it('one that has room is asked, though the full one would answer sooner', async () => {
    const { tracker, attempt } = world({ instances: { v: ['full', 'reads'] } })
    for (let i = 0; i < MOST; i++) tracker.begin('full', prompt).read()
    for (let i = 0; i < MOST - 1; i++) tracker.begin('reads', prompt)
    expect((await attempt()).attempts).toEqual(['v reads ok'])
    expect(await attempt()).toMatchObject({ result: { failure: 'overloaded' } })
  })

  it('that are let go at the same moment do not meet in one', async () => {
    const { tracker, attempt, swap } = world({ instances: { v: ['a', 'b'] }, hold: { most: 100, forMs: 2_000 }, state: 'starting' })
    const all = Promise.all(Array.from({ length: 2 * MOST }, () => attempt()))
    await sleep(1)
    swap('ready')
    expect((await all).filter(({ result }) => 'failure' in result)).toEqual([])
    expect([tracker.inFlight('a'), tracker.inFlight('b')]).toEqual([MOST, MOST])
  })
})

describe('a failure before', () => {
  it('is as good as forgotten for who has stood in the line since', async () => {
    const head = Promise.withResolvers<UpstreamResponse>()
    let asked = 0
    const answer = () => (asked++ === 0 ? head.promise : answered(200))
    const { tracker, attempt, holds, version } = world({ instances: { v: ['a', 'b'] }, hold: { most: 100, forMs: 5_000 }, answer })
    const at = (id: string, count: number) => Array.from({ length: count }, () => tracker.begin(id))
    const [a] = [at('a', MOST - 1), at('b', MOST)]
    const first = attempt()
    // Somebody waits, so that who comes again stands in the line too.
    const waits = holds.keep(
      version,
      { namespace: 'd', name: 'r' } as CompiledRoute,
      { gone: false, onGone: undefined },
      { until: systemClock.monotonic() + 5_000, again: false },
    )
    const next = waits.then(() => at('a', 1))
    await sleep(5)
    head.resolve(answered(503))
    await next
    await sleep(5)
    for (const work of a.splice(0, 3)) work.end('ok')
    expect((await first).attempts).toEqual(['v a unavailable', 'v a ok'])
  })

  it('is told where another instance is full, and decides who answers', async () => {
    const { tracker, attempt } = world({ instances: { v: ['a', 'full'], other: ['o'] }, answer: once(503) })
    for (let i = 0; i < MOST; i++) tracker.begin('full')
    expect((await attempt()).attempts).toEqual(['v a unavailable', 'v full overloaded', 'other o ok'])
  })

  it('and a fallback that cannot be asked: the next one is that which names either', async () => {
    const { attempt } = world({ instances: { v: ['a'], rows: ['r'], other: ['o'] }, on: { rows: ['overloaded'] }, answer: once(429) })
    const request = ({ name }: CompiledVersion) => {
      if (name === 'rows') throw new CannotAsk(invalidRequest('This model takes rows.', 'unsupported_operation'))
      return ASKED
    }
    expect((await attempt({ request })).attempts).toEqual(['v a overloaded', 'rows r unavailable', 'other o ok'])
  })
})

describe('a request that cannot be made', () => {
  const refusal = invalidRequest('This model takes rows.', 'unsupported_operation')

  it('is nothing against an instance, is not tried again, and says why', async () => {
    const { tracker, attempt, sent } = world({ instances: { v: ['a', 'b'] } })
    const request = () => {
      throw new CannotAsk(refusal)
    }
    const { result, attempts } = await attempt({ request })
    expect(result).toMatchObject({ failure: 'unavailable', error: refusal })
    expect(attempts).toEqual([expect.stringMatching(/^v [ab] unavailable$/)])
    expect([sent(), tracker.ejected(), tracker.inFlight('a'), tracker.inFlight('b')]).toEqual([0, 0, 0, 0])
  })

  it('of a fallback leaves what was wrong before it', async () => {
    let letGo = 0
    const answer = () => ({ ...answered(503), abort: () => letGo++ }) as UpstreamResponse
    const { tracker, attempt, sent } = world({ instances: { v: ['a'], other: ['o'] }, answer })
    const request = ({ name }: CompiledVersion) => {
      if (name === 'other') throw new CannotAsk(refusal)
      return ASKED
    }
    const { result, attempts } = await attempt({ request })
    expect(result).toMatchObject({ failure: 'unavailable', message: 'The model answered 503.' })
    expect(result).not.toHaveProperty('error', refusal)
    expect(attempts).toEqual(['v a unavailable', 'other o unavailable'])
    expect([sent(), tracker.isEjected('o')]).toEqual([1, false])
    // The refusal that was there is passed on, with what it says of when to come again.
    expect(result).toHaveProperty('response.status', 503)
    expect(letGo).toBe(0)
  })

  it('for want of a secret is answered by a fallback', async () => {
    const { attempt } = world({ instances: { v: ['a'], other: ['o'] } })
    const request = ({ name }: CompiledVersion) => {
      if (name === 'v') throw new Error('no secret')
      return ASKED
    }
    expect((await attempt({ request })).attempts).toEqual(['v a unavailable', 'other o ok'])
  })
})

it('an upstream’s refusal is let go of before somebody else is waited for', async () => {
  let letGo = 0
  const answer = () => ({ ...answered(503), abort: () => letGo++ }) as UpstreamResponse
  const { attempt, sent } = world({ instances: { v: ['a'], other: [] }, answer })
  const { result, attempts } = await attempt()
  expect(attempts).toEqual(['v a unavailable', 'other - no_instance'])
  expect([sent(), letGo, 'response' in result && result.response]).toEqual([1, 1, undefined])
})

it('an instance is free again where the gateway itself fails', async () => {
  const { tracker, attempt, aborted } = world({
    instances: { v: ['a'] },
    answer() {
      throw new Error('a mistake of ours')
    },
  })
  await expect(attempt()).rejects.toThrow('a mistake of ours')
  expect([tracker.inFlight('a'), tracker.isEjected('a'), aborted()]).toEqual([0, false, 1])
})
