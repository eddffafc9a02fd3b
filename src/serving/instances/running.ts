/** One instance that runs, or shall: what is known of it here, and how the snapshot and the status show it. */
import type { Clock } from '../../kernel/clock.ts'
import type { Resource } from '../../resources/index.ts'
import type { Signature } from '../../resources/model-version.ts'
import type { CompiledInstance } from '../../resources/snapshot.ts'
import type { InstanceAddress, RunningInstance } from '../runtimes/port.ts'
import type { InstanceClient, InstanceLoad } from './clients.ts'
import type { Instance } from './identity.ts'
import { type InstanceState, type Life, NEW_LIFE, stateOf } from './lifecycle.ts'
import { pressureOf } from './pressure.ts'

/** What survives a restart of control. */
export interface Remembered {
  readonly instance: Instance
  /** Wall clock: since when it gets no new requests. */
  readonly retiringSince?: number
  /** Its runtime was told of it. */
  readonly placed: boolean
  /** It has been ready. */
  readonly offered: boolean
  /** It was ready when control last looked. */
  readonly ready: boolean
  /** Wall clock: since when it was ready. */
  readonly readySince?: number
  /** Where it was last seen to run, for a control that starts while its runtime is away. */
  readonly last?: { readonly address: InstanceAddress; readonly run: number; readonly incarnation?: string }
}

export interface Change {
  readonly state: InstanceState
  readonly message?: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Running {
  instance: Instance
  retiringSince?: number
  /** The same on the monotonic clock; the start of control, where it was before that: the wall clock may have been set meanwhile. */
  retiringAt: number
  placed: boolean
  /** Another one shall take its place. */
  old: boolean
  /** Gateways may have requests at it. */
  offered: boolean
  /** Its runtime was told that it is wanted no more. */
  ended: boolean
  life: Life
  /** Why it is not given to its runtime yet. */
  waits?: string
  load?: InstanceLoad
  signature?: Signature
  extensions?: readonly string[]
  describedAt: number
  /** The snapshot in which gateways were told that it drains. */
  drainVersion?: number
  /** Its states, the last one last. */
  changes: Change[]
  client?: { readonly to: string; readonly of: InstanceClient }
  address?: InstanceAddress
  asking: boolean
  asserting: boolean
}

export interface InstanceReport {
  readonly instance: Instance
  readonly state: InstanceState
  readonly message?: string
  /** Milliseconds since the epoch: since when it is in this state. */
  readonly since: number
  readonly changes: readonly Change[]
  readonly seen?: RunningInstance
  readonly load?: InstanceLoad
}

const PROGRESS: ReadonlySet<InstanceState> = new Set(['pending', 'pulling', 'warming', 'ready', 'draining'])
const MOST_CHANGES = 20
/** Of one that does not run yet: nobody is sent there. */
const NOWHERE: InstanceAddress = { host: '127.0.0.1', port: 0 }

export function runningOf(remembered: Remembered, clock: Clock): Running {
  const { instance, retiringSince, placed, offered, ready, readySince, last } = remembered
  // It was ready: what a control that starts has not asked yet it must not take away.
  const before: Life = ready && last ? { ...NEW_LIFE, warm: 'warm', ready, served: true, good: 1 } : NEW_LIFE
  const assumed: RunningInstance | undefined = last && {
    ...{ id: instance.id, config: instance.config, state: 'running', since: readySince ?? clock.now() },
    ...{ restarts: last.run, address: last.address },
    ...(last.incarnation === undefined ? {} : { incarnation: last.incarnation }),
  }
  return {
    instance,
    ...(retiringSince === undefined ? {} : { retiringSince }),
    retiringAt: clock.monotonic(),
    // What was published is remembered a moment later: one that was placed may have been offered by a control that was killed.
    ...{ placed, offered: offered || placed, ended: false },
    life: assumed ? { ...before, seen: assumed, run: assumed.restarts, runningSince: clock.monotonic() } : before,
    ...(last ? { address: last.address } : {}),
    changes: readySince === undefined ? [] : [{ state: 'ready', at: readySince }],
    ...{ old: false, describedAt: Number.NEGATIVE_INFINITY, asking: false, asserting: false },
  }
}

export function rememberedOf({ instance, retiringSince, placed, offered, changes, life, address }: Running): Remembered {
  const last = changes.at(-1)
  return {
    ...{ instance, placed, offered, ready: life.ready },
    ...(retiringSince === undefined ? {} : { retiringSince }),
    ...(last?.state === 'ready' ? { readySince: last.at } : {}),
    ...(address && life.runningSince !== undefined ? { last: lastOf(life, address) } : {}),
  }
}

function lastOf({ run, seen }: Life, address: InstanceAddress): NonNullable<Remembered['last']> {
  return { address, run, ...(seen?.incarnation === undefined ? {} : { incarnation: seen.incarnation }) }
}

/** Of one version, those that leave among them. */
export const ofVersion = (running: ReadonlyMap<string, Running>, { metadata }: Resource<'ModelVersion'>): readonly Running[] =>
  [...running.values()].filter(({ instance }) => instance.uid === metadata.uid)

export const isRetiring = ({ retiringSince }: Running) => retiringSince !== undefined
export const isReady = (each: Running) => each.life.ready && !isRetiring(each)

/** `among`: ready instances of its version, and gateways that choose among them. */
export function compileInstance(each: Running, among: { readonly instances: number; readonly gateways: number }): CompiledInstance {
  const { instance, life, load, address } = each
  const pressure = among.instances > 1 && load ? pressureOf(load, instance.sequences, among.gateways) : 0
  return {
    kind: 'instance',
    id: instance.id,
    version: instance.version,
    namespace: instance.namespace,
    address: address ?? NOWHERE,
    state: isRetiring(each) ? 'draining' : life.ready && address ? 'ready' : 'starting',
    run: life.run,
    sequences: instance.sequences,
    maxWaiting: instance.maxWaiting,
    ...(pressure > 0 ? { pressure } : {}),
    simulated: instance.standIn,
  }
}

/** Tells whether something has got ahead: to and fro between not answering and not serving is nothing to look at more closely. */
export function noteState(each: Running, now: number): boolean {
  const { state, message } = stateOf(each.life, { retiring: isRetiring(each), ended: each.ended }, each.waits)
  const last = each.changes.at(-1)
  if (last?.state === state && last.message === message) return false
  const since = last?.state === state ? last.at : now
  // Other words for the same state take the place of the old ones: a download's progress is no history.
  if (last?.state === state) each.changes.pop()
  each.changes.push({ state, at: since, ...(message === undefined ? {} : { message }) })
  if (each.changes.length > MOST_CHANGES) each.changes.shift()
  return last?.state !== state && PROGRESS.has(state)
}

export function reportOf({ instance, changes, life, load }: Running): InstanceReport {
  const { state, message, at } = changes.at(-1) ?? { state: 'pending' as const, message: undefined, at: 0 }
  return {
    ...{ instance, state, since: at, changes: [...changes] },
    ...(message === undefined ? {} : { message }),
    ...(life.seen ? { seen: life.seen } : {}),
    ...(load ? { load } : {}),
  }
}
