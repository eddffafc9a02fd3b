/** Writes what is known of versions' instances into their statuses. */
import type { Clock } from '../../kernel/clock.ts'
import type { Resource } from '../../resources/index.ts'
import type { Store } from '../../store/index.ts'
import type { WeightsState } from './identity.ts'
import { stateOf } from './lifecycle.ts'
import { isRetiring, type Running } from './running.ts'
import { type InstanceView, isOnlyProgress, type Scaled, steadied, versionStatus } from './version-status.ts'

type Version = Resource<'ModelVersion'>

/** Download progress goes into a status at most this often. */
const PROGRESS_MS = 500
/** The words of a policy, while it wants the same. */
const REASON_MS = 10_000

export function createStatuses({
  resources,
  clock,
  scaled,
}: {
  resources: Pick<Store['resources'], 'setStatus'>
  clock: Clock
  scaled(version: Version): Scaled
}) {
  const writtenAt = new Map<string, number>()
  const reasonAt = new Map<string, number>()

  return {
    /** `all`: instances of the version, those that leave among them. `trouble`: why none can be made. */
    async write(version: Version, weights: WeightsState | undefined, all: readonly Running[], trouble?: string): Promise<void> {
      const own = all.filter((each) => !isRetiring(each))
      const views = own.map((each): InstanceView => {
        const { state, message } = stateOf(each.life, { retiring: false, ended: false }, each.waits)
        const { id, standIn } = each.instance
        return { id, state, standIn, old: each.old, ...(message === undefined ? {} : { message }) }
      })
      const described = own.find(({ signature, extensions }) => signature ?? extensions)
      const uid = version.metadata.uid!
      const { wanted, scaling: now } = scaled(version)
      const isRecent = clock.monotonic() - (reasonAt.get(uid) ?? Number.NEGATIVE_INFINITY) < REASON_MS
      const scaling = steadied(now, version.status?.scaling, isRecent)
      if (scaling && scaling.reason !== version.status?.scaling?.reason) reasonAt.set(uid, clock.monotonic())
      const status = versionStatus(
        version,
        weights,
        views,
        clock.now(),
        { ...described, trouble },
        { wanted, ...(scaling ? { scaling } : {}) },
      )
      const last = writtenAt.get(uid) ?? Number.NEGATIVE_INFINITY
      if (isOnlyProgress(version, status) && clock.monotonic() - last < PROGRESS_MS) return
      writtenAt.set(uid, clock.monotonic())
      await resources.setStatus(version, status)
    },
    /** Forgets the versions that are gone. */
    keepOnly(versions: readonly Version[]): void {
      const uids = new Set(versions.map(({ metadata }) => metadata.uid))
      for (const times of [writtenAt, reasonAt]) for (const uid of times.keys()) if (!uids.has(uid)) times.delete(uid)
    },
  }
}
