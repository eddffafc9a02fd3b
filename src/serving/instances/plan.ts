/**
 * Which instances of a version shall run, given those that do. A replacement starts beside what it replaces; the old ones leave when all
 * new ones are ready, so a change of config, or real weights after a stand-in, is no outage. Pure: no clock, no process.
 */
import type { Instance } from './identity.ts'

export interface Known {
  readonly instance: Instance
  readonly ready: boolean
}

export interface VersionPlan {
  /** Not running yet. */
  readonly start: readonly Instance[]
  readonly keep: readonly Instance[]
  /** No new requests; gone when its streams have ended. */
  readonly retire: readonly Instance[]
}

/** `desired` are the instances that the spec asks for; undefined while it is not known what they shall run: then all stays as it is. */
export function planVersion(desired: readonly Instance[] | undefined, known: readonly Known[]): VersionPlan {
  if (desired === undefined) return { start: [], keep: known.map(({ instance }) => instance), retire: [] }
  const wanted = new Set(desired.map(({ id }) => id))
  const digests = new Set(desired.map(({ digest }) => digest))
  const running = new Map(known.map((each) => [each.instance.id, each]))
  const allReady = desired.every(({ id }) => running.get(id)?.ready === true)
  const others = known.filter(({ instance }) => !wanted.has(instance.id))
  // An old one that is not ready answers nobody; one of the same config is surplus after scaling down.
  const stays = ({ instance, ready }: Known) => !allReady && ready && !digests.has(instance.digest)
  return {
    start: desired.filter(({ id }) => !running.has(id)),
    keep: [...desired.filter(({ id }) => running.has(id)), ...others.filter(stays).map(({ instance }) => instance)],
    retire: others.filter((each) => !stays(each)).map(({ instance }) => instance),
  }
}
