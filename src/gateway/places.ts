/**
 * Where a request can go: an instance of a version that is ready, or a backend's address; and how long it waits for one where there is none. A
 * version that starts when it is asked for has a line of those who wait (`hold.ts`). Others are looked at again and again for a short time: instances that
 * just died are soon back. Nobody waits where a fallback can answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../kernel/clock.ts'
import type { Deadlines } from '../kernel/deadlines.ts'
import { onceForEach } from '../kernel/once-for-each.ts'
import type { BackendSource, CompiledInstance, CompiledRoute, CompiledVersion } from '../resources/snapshot.ts'
import { linesAbout } from './answers.ts'
import { backendId, backendOf } from './backends.ts'
import type { HeaderLines } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { GatewayError } from './errors.ts'
import type { HoldEnd, Holds } from './hold.ts'
import type { InstanceTracker } from './instances.ts'
import type { Tables } from './snapshot/tables.ts'
import type { UpstreamTarget } from './upstream/index.ts'
import { holdRefusal, tellWhileHeld, warmingComment } from './warming.ts'

export interface PlaceOptions {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly tracker: InstanceTracker
  readonly holds: Holds
  readonly tables: () => Tables
  readonly route: CompiledRoute
  readonly startedAt: number
  readonly client: Exchange
  /** The client waits for an event stream, so that it can be told things before. */
  readonly streams: boolean
  readonly limitHeaders: HeaderLines
  /** How long to wait for an instance when none is ready. */
  readonly coldWaitMs: number
}

export interface Place {
  readonly id: string
  readonly target: UpstreamTarget
  readonly simulated: boolean
  /** Requests in flight that it may have of this gateway. */
  readonly most: number
}

export interface NoPlace {
  readonly failure: 'no_instance' | 'overloaded' | 'aborted'
  readonly message: string
  /** What to say to the client, where that is more than the failure. */
  readonly error?: GatewayError
}

/** How long one request waits; made when it first has to. Monotonic milliseconds. */
export interface Patience {
  /** For instances that just died. */
  coldUntil: number
  /** It has just stood in a line. */
  stood: boolean
  /** In the line of a version. */
  held?: { readonly version: string; readonly until: number }
  /** It has waited for an instance to start. */
  cold: boolean
}

export const patienceOf = ({ clock, coldWaitMs }: PlaceOptions): Patience => ({
  coldUntil: clock.monotonic() + coldWaitMs,
  stood: false,
  cold: false,
})

const COLD_POLL_MS = 50
const NONE: ReadonlySet<string> = new Set()

export function instancesOf(tables: Tables, version: CompiledVersion): readonly CompiledInstance[] {
  return tables.instancesByVersion.get(`${version.namespace}/${version.name}`) ?? []
}

/** An instance that is ready and in good standing, or a backend's address. */
export function placeNow(options: PlaceOptions, version: CompiledVersion, excluded: ReadonlySet<string>): Place | undefined {
  const { source } = version
  if (source.type === 'backend') {
    const place = backendPlace(version)
    return source.down || options.tracker.isEjected(place.id) ? undefined : place
  }
  const chosen = options.tracker.choose(instancesOf(options.tables(), version), excluded, mostOf(version))
  return chosen && !options.tracker.isEjected(chosen.id) ? placeOf(version, chosen) : undefined
}

/** Versions on one backend share its standing: it is one server. */
const backendPlace = onceForEach(({ namespace, source }: CompiledVersion): Place => {
  const backend = source as BackendSource
  return { id: backendId(namespace, backend), target: backendOf(backend).target, simulated: false, most: backend.maxConcurrent }
})

const placeOf = (version: CompiledVersion, { id, address, simulated }: CompiledInstance): Place => ({
  ...{ id, target: { address }, simulated, most: mostOf(version) },
})

/** Of an instance. How much may wait is an engine's own to say. */
const mostOf = ({ source }: CompiledVersion) => (source.type === 'image' ? source.maxConcurrent : Number.POSITIVE_INFINITY)

/**
 * With none in good standing, waits for one that is starting or coming back, unless a fallback can answer meanwhile; then any will do. So will
 * one that is ready and has failed of late, where there is no better: how long it is left out is for the others to have its requests.
 */
export async function waitForPlace(
  options: PlaceOptions,
  version: CompiledVersion,
  excluded: ReadonlySet<string>,
  fallback: boolean,
  patience: Patience,
): Promise<Place | NoPlace> {
  // That a backend is down is somebody's opinion: without a fallback it is asked all the same.
  if (version.source.type === 'backend') return fallback ? noInstance(version) : backendPlace(version)
  patience.stood = false
  for (;;) {
    const instances = instancesOf(options.tables(), version)
    const now = options.clock.monotonic()
    if (!fallback && isHeld(options, version, instances, patience, now)) {
      const end = await hold(options, version, patience, now)
      patience.stood = true
      if (end !== 'open') return (end === 'over' && guess(options, version, NONE)) || noPlace(options, version, end)
      patience.coldUntil = options.clock.monotonic() + options.coldWaitMs
      // What failed before is as good as any other by now.
      const place = placeNow(options, version, NONE)
      if (place) return place
      continue
    }
    const comesBack = instances.every(({ id, state }) => state !== 'ready' || excluded.has(id) || options.tracker.isDown(id))
    if (fallback || !comesBack || now >= patience.coldUntil || instances.every(({ state }) => state === 'draining'))
      return guess(options, version, excluded) ?? (patience.held ? noPlace(options, version, 'over') : noInstance(version))
    if (options.client.gone) return noInstance(version)
    if (instances.some(({ state }) => state === 'starting')) patience.cold = true
    await sleep(COLD_POLL_MS)
    const place = placeNow(options, version, excluded)
    if (place) return place
  }
}

/** One that is ready, whatever its standing. */
function guess({ tracker, tables }: PlaceOptions, version: CompiledVersion, excluded: ReadonlySet<string>): Place | undefined {
  const chosen = tracker.choose(instancesOf(tables(), version), excluded, mostOf(version))
  return chosen && placeOf(version, chosen)
}

/** Nothing is ready, and asking starts it; or others wait for their turn. Once its time in the line is over a request does not stand there again. */
function isHeld(
  { holds }: PlaceOptions,
  version: CompiledVersion,
  instances: readonly CompiledInstance[],
  { held }: Patience,
  now: number,
): boolean {
  if (!version.hold || (held?.version === version.uid && now >= held.until)) return false
  return holds.waitsFor(version) || !instances.some(({ state }) => state === 'ready')
}

async function hold(options: PlaceOptions, version: CompiledVersion, patience: Patience, now: number): Promise<HoldEnd> {
  const { deadlines, holds, client, route, startedAt } = options
  const again = patience.held?.version === version.uid
  const until = again ? patience.held!.until : Math.min(now + version.hold!.forMs, startedAt + route.timeouts.total)
  patience.held = { version: version.uid, until }
  patience.cold = true
  const telling = options.streams
    ? tellWhileHeld(client, deadlines, linesAbout(route, version) + options.limitHeaders, () =>
        warmingComment(version, holds.outlook(version)),
      )
    : undefined
  const end = await holds.keep(version, route, client, { until, again })
  telling?.stop()
  return end
}

function noPlace({ holds, route }: PlaceOptions, version: CompiledVersion, end: Exclude<HoldEnd, 'open'>): NoPlace {
  if (end === 'left') return { failure: 'aborted', message: 'the client went away' }
  const error = holdRefusal(version, route, end, holds.outlook(version))
  return { failure: end === 'full' ? 'overloaded' : 'no_instance', message: error.message, error }
}

function noInstance(version: CompiledVersion): NoPlace {
  return { failure: 'no_instance', message: `The version ${version.model}@${version.version} has no instance that is ready.` }
}
