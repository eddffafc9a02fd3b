/**
 * Requests that wait for a version to start: asking for it is what starts it. Each version has a line of its own, and whoever comes while
 * somebody waits stands behind. When instances are ready as many are let go as these have places for, then one for each place that becomes free,
 * so that an engine that has just started is not asked for more than it takes.
 *
 * There is one look for a version, not one for each request: after a new snapshot, when a request has ended, when one has come. A look is a turn of
 * the event loop of its own, so that those whom the last one let go have their instances by then and count there.
 */
import type { Clock } from '../kernel/clock.ts'
import type { Deadline, Deadlines } from '../kernel/deadlines.ts'
import { type CompiledInstance, type CompiledRoute, type CompiledVersion, entryKey } from '../resources/snapshot.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { InstanceTracker } from './instances.ts'
import type { HoldMetrics } from './metrics.ts'
import type { Tables } from './snapshot/tables.ts'

type Bounds = NonNullable<CompiledVersion['hold']>

/** Of a version whose starts nobody has measured yet. */
const ASSUMED_STARTUP_MS = 20_000
const LEAST_RETRY_MS = 1_000
/** An instance that was left out after a failure may be asked again without anybody saying so. */
const EJECTED_LOOK_MS = 250

/**
 * Milliseconds until an instance may be there, at least a second; `began`: when its start did (monotonic), as far as that was seen. What is late is
 * expected to be late by as much again, so that those who come again do so ever less often, up to once in the time of a start.
 */
export function startLeftMs({ startupMs, forMs }: Bounds, began: number | undefined, now: number): number {
  const whole = startupMs ?? Math.min(forMs, ASSUMED_STARTUP_MS)
  const left = whole - (began === undefined ? 0 : now - began)
  return Math.max(LEAST_RETRY_MS, left, Math.min(whole, -left))
}

export interface Start {
  /** Of the instance: another run is another start. */
  readonly run: number
  /** Monotonic milliseconds. */
  readonly began: number
}

/** Instances that start, by id, with when each was first seen to. */
export function startsIn(
  instances: Iterable<readonly [string, CompiledInstance]>,
  before: ReadonlyMap<string, Start>,
  now: number,
): ReadonlyMap<string, Start> {
  const starts = new Map<string, Start>()
  for (const [, { id, state, run }] of instances) {
    if (state !== 'starting') continue
    const known = before.get(id)
    starts.set(id, known?.run === run ? known : { run, began: now })
  }
  return starts
}

/**
 * Requests that ready instances take beside those that they have of this gateway. What an engine runs and queues is shared evenly among
 * gateways, each of which counts on one place at least; a server in an image has a bound for each of them.
 */
export function freePlaces(
  { source }: Pick<CompiledVersion, 'source'>,
  instances: readonly CompiledInstance[],
  gateways: number,
  tracker: Pick<InstanceTracker, 'inFlight' | 'isEjected'>,
): number {
  let free = 0
  for (const { id, state, sequences, maxWaiting } of instances) {
    if (state !== 'ready' || tracker.isEjected(id)) continue
    const most = source.type === 'engine' ? Math.max(1, Math.floor((sequences + maxWaiting) / gateways)) : source.maxConcurrent
    free += Math.max(0, most - tracker.inFlight(id))
  }
  return free
}

/** Who waits, in order. Those who had been let go and found no instance after all go first: they have waited already. */
export class Line<Waiter> {
  readonly #again = new Set<Waiter>()
  readonly #fresh = new Set<Waiter>()

  get size(): number {
    return this.#again.size + this.#fresh.size
  }

  add(waiter: Waiter, again: boolean): void {
    if (again) this.#again.add(waiter)
    else this.#fresh.add(waiter)
  }

  /** False when it does not stand there any more. */
  remove(waiter: Waiter): boolean {
    return this.#fresh.delete(waiter) || this.#again.delete(waiter)
  }

  first(count: number): Waiter[] {
    const found: Waiter[] = []
    for (const part of [this.#again, this.#fresh])
      for (const waiter of part) {
        if (found.length >= count) return found
        found.push(waiter)
      }
    return found
  }
}

/**
 * `open`: an instance has a place. `full`: too many wait already. `over`: none came in time. `left`: the client went away. `no_route`, `no_version`:
 * what it asked for is not there any more.
 */
export type HoldEnd = 'open' | 'full' | 'over' | 'left' | 'no_route' | 'no_version'

/** What there is to say to who waits. */
export interface Outlook {
  readonly state: 'absent' | 'starting' | 'busy'
  /** Milliseconds until an instance may be there; a guess where `measured` is false. */
  readonly leftMs: number
  readonly measured: boolean
  /** The start takes longer than those before. */
  readonly late: boolean
}

export interface Holds {
  /** Requests that wait, for whatever version. */
  readonly waiting: number
  waitsFor(version: CompiledVersion): boolean
  /** Waits until `until` (monotonic). `again`: it was let go before, and is not turned away for want of room. */
  keep(
    version: CompiledVersion,
    route: CompiledRoute,
    client: Pick<Exchange, 'gone' | 'onGone'>,
    how: { readonly until: number; readonly again: boolean },
  ): Promise<HoldEnd>
  outlook(version: CompiledVersion): Outlook
  /** A new snapshot is in use. */
  onSwap(): void
  /** An instance has a request less. */
  onRelease(): void
}

export interface HoldOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly deadlines: Deadlines
  readonly tracker: Pick<InstanceTracker, 'inFlight' | 'isEjected'>
  readonly tables: () => Pick<Tables, 'versions' | 'route' | 'instance' | 'instancesByVersion' | 'settings'>
  readonly metrics: HoldMetrics
}

interface Waiter {
  /** Key of its route in the snapshot. */
  readonly route: string
  end(end: HoldEnd): void
}

interface Lane {
  readonly version: CompiledVersion
  readonly line: Line<Waiter>
  /** The routes that its waiters were last looked up in. */
  routes: Tables['route']
  /** A look is about to come. */
  due: boolean
  /** Instances are ready, and have no place. */
  busy: boolean
  again: Deadline | undefined
}

export function createHolds(options: HoldOptions): Holds {
  const { clock, deadlines, tracker, tables, metrics } = options
  /** By the version's uid. */
  const lanes = new Map<string, Lane>()
  let seen = tables().instance
  let starts = startsIn(seen, new Map(), clock.monotonic())
  let waiting = 0

  const instancesOf = ({ namespace, name }: CompiledVersion) => tables().instancesByVersion.get(`${namespace}/${name}`) ?? []
  const keyOf = ({ namespace, name }: CompiledVersion) => entryKey.version(namespace, name)

  const wake = (lane: Lane) => {
    if (lane.due) return
    lane.due = true
    setImmediate(() => {
      lane.due = false
      look(lane)
    })
  }

  const look = (lane: Lane) => {
    const { line, version } = lane
    const { versions, route, settings } = tables()
    if (versions.get(keyOf(version))?.uid !== version.uid) {
      for (const waiter of line.first(line.size)) waiter.end('no_version')
      return
    }
    if (route !== lane.routes) for (const waiter of line.first(line.size)) if (!route.has(waiter.route)) waiter.end('no_route')
    lane.routes = route
    const instances = instancesOf(version)
    for (const waiter of line.first(freePlaces(version, instances, settings.gateways, tracker))) waiter.end('open')
    lane.busy = instances.some(({ state }) => state === 'ready')
    if (line.size === 0 || lane.again || !instances.some(({ id, state }) => state === 'ready' && tracker.isEjected(id))) return
    lane.again = deadlines.start(EJECTED_LOOK_MS, () => {
      lane.again = undefined
      wake(lane)
    })
  }

  const laneOf = (version: CompiledVersion): Lane => {
    let lane = lanes.get(version.uid)
    if (!lane) {
      lane = { version, line: new Line(), routes: tables().route, due: false, busy: false, again: undefined }
      lanes.set(version.uid, lane)
    }
    return lane
  }

  return {
    get waiting() {
      return waiting
    },
    waitsFor: ({ uid }) => lanes.has(uid),
    async keep(version, route, client, { until, again }) {
      if (client.gone) return 'left'
      const since = clock.monotonic()
      if (!again && (lanes.get(version.uid)?.line.size ?? 0) >= version.hold!.most) {
        metrics.refused.with(version.name, 'full').inc()
        return 'full'
      }
      const lane = laneOf(version)
      const of = metrics.of(version.name)
      const end = await new Promise<HoldEnd>((resolve) => {
        const waiter: Waiter = {
          route: entryKey.route(route.namespace, route.name),
          end(how) {
            if (!lane.line.remove(waiter)) return
            deadline.clear()
            client.onGone = undefined
            waiting -= 1
            of.waiting.add(-1)
            if (lane.line.size === 0) {
              lane.again?.clear()
              lanes.delete(version.uid)
            }
            resolve(how)
          },
        }
        const deadline = deadlines.start(Math.max(0, until - since), () => waiter.end('over'))
        client.onGone = () => waiter.end('left')
        lane.line.add(waiter, again)
        waiting += 1
        of.waiting.add(1)
        wake(lane)
      })
      of.seconds.observe((clock.monotonic() - since) / 1000)
      if (end === 'over') metrics.refused.with(version.name, 'overdue').inc()
      return end
    },
    outlook(version) {
      // What a start takes may have been measured since.
      const bounds = tables().versions.get(keyOf(version))?.hold ?? version.hold!
      const instances = instancesOf(version)
      const now = clock.monotonic()
      const began = instances.flatMap(({ id }) => starts.get(id)?.began ?? [])
      const first = began.length === 0 ? undefined : Math.min(...began)
      const { startupMs } = bounds
      return {
        state: instances.some(({ state }) => state === 'ready') ? 'busy' : first === undefined ? 'absent' : 'starting',
        leftMs: startLeftMs(bounds, first, now),
        measured: startupMs !== undefined,
        late: startupMs !== undefined && first !== undefined && now - first >= startupMs,
      }
    },
    onSwap() {
      const { instance } = tables()
      if (instance !== seen) starts = startsIn(instance, starts, clock.monotonic())
      seen = instance
      for (const lane of lanes.values()) wake(lane)
    },
    onRelease() {
      if (waiting === 0) return
      for (const lane of lanes.values()) if (lane.busy) wake(lane)
    },
  }
}
