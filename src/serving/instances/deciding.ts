/**
 * What a round makes of the instances: which are new, which leave, which find room, which may be ended. It changes what is known of them here and
 * nothing else; the rules stand in plan.ts and admission.ts.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Resource } from '../../resources/index.ts'
import type { Store } from '../../store/index.ts'
import { turnedAway } from './admission.ts'
import { createDesired } from './desired.ts'
import type { Instance, Surroundings, WeightsState } from './identity.ts'
import type { Placement } from './placement.ts'
import { planVersion, type Standing } from './plan.ts'
import { isRetiring, ofVersion, type Running, runningOf } from './running.ts'

type Version = Resource<'ModelVersion'>

export interface Deciding {
  /** Starts and retires, so that it comes to what `versions`, all that there are, ask for. */
  decide(versions: readonly Version[]): void
  /** Gives room to those that fit. */
  admit(): void
  /** Those that drain and are done are to be ended. */
  release(): void
  /** Why no instances of a version can be made. */
  troubleOf(version: Version): string | undefined
}

export interface DecidingOptions extends Surroundings {
  readonly running: Map<string, Running>
  readonly placement: Pick<Placement, 'missing'>
  readonly store: { readonly resources: Pick<Store['resources'], 'get'> }
  readonly weights: { stateOf(version: Version): WeightsState | undefined }
  readonly clock: Clock
  /** Bytes of memory that this machine has. */
  readonly memoryBytes: number
  /** No gateway has a request at this instance, nor will: all run `version`, in which it drains, or a later one. */
  idle(instance: string, version: number): boolean
  /** Instances that the version should have; `scaling.min` unless said. */
  wanted?(version: Version): number
}

export function createDeciding(options: DecidingOptions): Deciding {
  const { running, placement, store, weights, clock } = options
  const desired = createDesired(options)
  /** By uid of the version. */
  const troubles = new Map<string, string>()

  const start = (instance: Instance) => {
    const leaving = running.get(instance.id)
    if (!leaving) {
      running.set(instance.id, runningOf({ instance, placed: false, offered: false, ready: false }, clock))
      return
    }
    // Wanted again before it was told to end, it stays; after that it ends first, since an id names one at a time.
    if (!leaving.ended) {
      leaving.retiringSince = undefined
      leaving.drainVersion = undefined
    }
  }
  const retire = (each: Running) => {
    if (isRetiring(each)) return
    each.retiringSince = clock.now()
    each.retiringAt = clock.monotonic()
  }

  const desiredOf = (version: Version): readonly Instance[] | undefined => {
    const { spec, metadata } = version
    const task = store.resources.get('Model', metadata.namespace, spec.model)?.spec.task ?? 'chat'
    const count = options.wanted?.(version) ?? spec.scaling.min
    const standing = (digest: string) =>
      ofVersion(running, version)
        .filter(({ instance }) => instance.digest === digest)
        .map(standingOf)
    return desired.of(version, { task, weights: weights.stateOf(version), count, standing })
  }
  const decideOn = (version: Version) => {
    const known = ofVersion(running, version)
      .filter((each) => !isRetiring(each))
      .map((each) => ({ instance: each.instance, ready: each.life.ready, served: each.life.served }))
    const asked = desiredOf(version)
    const plan = planVersion(asked, known, version.spec.scaling.max)
    for (const instance of plan.start) start(instance)
    for (const instance of plan.retire) retire(running.get(instance.id)!)
    for (const each of ofVersion(running, version)) each.old = asked !== undefined && !asked.some(({ id }) => id === each.instance.id)
    // What does not make it another instance may change while it runs; its config stays the text that it was started with.
    for (const now of asked ?? []) {
      const each = running.get(now.id)
      const { config, container } = each?.instance ?? now
      if (each) each.instance = { ...now, config, ...(container ? { container } : {}) }
    }
  }

  return {
    decide(versions) {
      const uids = new Set(versions.map(({ metadata }) => metadata.uid))
      for (const version of versions) {
        try {
          decideOn(version)
          troubles.delete(version.metadata.uid!)
        } catch (error) {
          // One that cannot be made holds up no other.
          troubles.set(version.metadata.uid!, messageOf(error))
        }
      }
      for (const uid of troubles.keys()) if (!uids.has(uid)) troubles.delete(uid)
      for (const each of running.values()) if (!uids.has(each.instance.uid)) retire(each)
      desired.keepOnly(versions)
    },
    admit() {
      const claims = [...running.values()].filter(({ ended }) => !ended).map(({ instance, placed }) => ({ instance, placed }))
      const turned = turnedAway(claims, options.memoryBytes)
      for (const each of running.values()) {
        const { id, runtime } = each.instance
        each.waits = turned.get(id) ?? (each.life.seen ? undefined : placement.missing(runtime))
        if (!turned.has(id)) each.placed = true
      }
    },
    release() {
      for (const each of running.values()) {
        const { retiringAt, drainVersion, instance, offered } = each
        if (!isRetiring(each) || each.ended) continue
        // Not by the wall clock, which somebody may set.
        const over = clock.monotonic() - retiringAt > instance.drainTimeoutMs
        const drained = !offered || (drainVersion !== undefined && options.idle(instance.id, drainVersion))
        if (over || drained) each.ended = true
      }
    },
    troubleOf: ({ metadata }) => troubles.get(metadata.uid!),
  }
}

function standingOf(each: Running): Standing {
  const { instance, life, load, ended } = each
  return {
    ...{ index: instance.index, ready: life.ready, served: life.served, leaving: isRetiring(each), ended },
    busy: (load?.running ?? 0) + (load?.waiting ?? 0),
  }
}
