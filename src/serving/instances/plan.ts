/**
 * Which instances of a version shall run, given those that do. A replacement starts beside what it replaces, which leaves when the new one is ready:
 * a change of config, or real weights after a stand-in, is no outage. Pure: no clock, no process.
 *
 * Three rules: as many stay as were ready, up to as many as are wanted; what has answered nobody yet and is not wanted leaves at once; there are never
 * more than `most`, or one more than are wanted where `most` leaves no room to replace.
 */
import type { Instance } from './identity.ts'

export interface Known {
  readonly instance: Instance
  readonly ready: boolean
  /** It runs and has been ready: it may soon be again, sooner than one that starts. */
  readonly served?: boolean
}

export interface VersionPlan {
  /** Not running yet. */
  readonly start: readonly Instance[]
  readonly keep: readonly Instance[]
  /** No new requests; gone when its streams have ended. */
  readonly retire: readonly Instance[]
}

/** One that is there, of the make that is wanted. */
export interface Standing {
  readonly index: number
  readonly ready: boolean
  readonly served: boolean
  /** It drains, and was not told to end yet. */
  readonly leaving: boolean
  readonly ended: boolean
  /** Requests in it, as far as it tells. */
  readonly busy: number
}

/**
 * Which `count` of them run, by their indices: those that are ready, then those that have been; of these the busiest, then those of a low index. What
 * lacks comes back from among those that leave, who need no start, and then anew: not in the place of one that has yet to end.
 */
export function indicesOf(count: number, standing: readonly Standing[]): number[] {
  const staying = standing.filter(({ leaving, ended }) => !leaving && !ended).sort(lastToGo)
  const back = standing.filter(({ leaving, ended, ready }) => leaving && !ended && ready).sort((a, b) => a.index - b.index)
  const chosen = [...staying, ...back].slice(0, count).map(({ index }) => index)
  const taken = new Set(standing.map(({ index }) => index))
  for (let index = 0; chosen.length < count; index++) if (!taken.has(index)) chosen.push(index)
  return chosen.sort((a, b) => a - b)
}

const lastToGo = (a: Standing, b: Standing): number =>
  Number(b.ready) - Number(a.ready) || Number(b.served) - Number(a.served) || b.busy - a.busy || a.index - b.index

/** `desired` are the instances that are asked for; undefined while it is not known what they shall run: then all stays as it is. */
export function planVersion(desired: readonly Instance[] | undefined, known: readonly Known[], most = 0): VersionPlan {
  if (desired === undefined) return { start: [], keep: known.map(({ instance }) => instance), retire: [] }
  const running = new Map(known.map((each) => [each.instance.id, each]))
  const wanted = new Set(desired.map(({ id }) => id))
  const there = desired.filter(({ id }) => running.has(id))
  const isReady = ({ id }: Instance) => running.get(id)!.ready
  const readyOnes = there.filter(isReady).length
  const others = known.filter(({ instance }) => !wanted.has(instance.id))
  const needed = Math.max(0, desired.length - readyOnes)
  // Of those that answer as the wanted ones do the better ones are wanted already.
  const staying = others
    .filter(({ instance, ready, served }) => ready || (served && instance.digest !== desired[0]?.digest))
    .sort(lastToLeave(desired[0]?.digest))
    .slice(0, needed)
  const room = Math.max(most, desired.length + (staying.length > 0 ? 1 : 0)) - there.length - staying.length
  // `most` may have become less while they were starting.
  const surplus = there.filter((each) => !isReady(each)).slice(there.length - readyOnes + Math.min(0, room))
  return {
    start: desired.filter(({ id }) => !running.has(id)).slice(0, Math.max(0, room)),
    keep: [...there.filter((each) => !surplus.includes(each)), ...staying.map(({ instance }) => instance)],
    retire: [...surplus, ...others.filter((each) => !staying.includes(each)).map(({ instance }) => instance)],
  }
}

/** Those that answer stay longest, of them those that answer as the wanted ones do, then those of a low index. */
const lastToLeave =
  (digest: string | undefined) =>
  ({ instance: a, ready: isReady }: Known, { instance: b, ready: isOtherReady }: Known): number =>
    Number(isOtherReady) - Number(isReady) || Number(b.digest === digest) - Number(a.digest === digest) || a.index - b.index
