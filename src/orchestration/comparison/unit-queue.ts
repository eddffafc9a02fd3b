/**
 * Units of a release in the order of their assignment, each counted once its value is known, and none before those that came earlier.
 *
 * Why in that order: a version that is slower is known later. Counted as outcomes become known, its failures would come first and its successes
 * afterwards, and a test that is looked at all the time would see harm where there is none. The price is that one that hangs holds up those behind it,
 * until its time is over.
 *
 * A unit is what was assigned: one request where each is assigned by itself, or a caller who stays on a version, with one value for the time that it
 * is watched. A caller counts once, in the version that it came to first.
 */
import type { Spec } from '../../resources/index.ts'
import type { Arm } from '../statistics/difference.ts'
import type { Value } from './outcome.ts'

/** Callers are watched for so long too: what fails at once must not wait for an hour to be seen. */
const FIRST_MS = 60_000

/**
 * The queues that it takes, by how long each watches its units: single requests (0) where some are assigned by themselves, and callers.
 *
 * @param unitWindow Milliseconds that a caller is watched.
 */
export function watchedFor({ header, body, else: otherwise }: Spec<'Route'>['stickyBy'], unitWindow: number): number[] {
  const byItself = otherwise === 'random'
  const callers = !byItself || header !== undefined || body !== undefined
  return [...(byItself ? [0] : []), ...(callers ? [...new Set([Math.min(FIRST_MS, unitWindow), unitWindow])] : [])]
}

export interface WatchedUnit {
  readonly id: string
  readonly at: number
  readonly arm: Arm
  /** Probability of the candidate. */
  readonly share: number
  /** For each metric: the sum and number of its requests' values, and how many are not known yet. */
  readonly sums: number[]
  readonly counts: number[]
  readonly open: number[]
}

export interface Counted {
  readonly id: string
  /** When it was assigned. */
  readonly at: number
  readonly arm: Arm
  readonly share: number
  readonly value: number
}

/** What of a queue is stored. */
export interface UnitQueueState {
  /** Milliseconds that a unit is watched; 0 where it is one request. */
  readonly watched: number
  readonly units: readonly WatchedUnit[]
  /** For each metric, how many of `units` it has behind it. */
  readonly done: readonly number[]
}

export class UnitQueue {
  readonly watched: number
  readonly #units: WatchedUnit[]
  readonly #byId: Map<string, WatchedUnit>
  readonly #done: number[]

  constructor(state: UnitQueueState) {
    this.watched = state.watched
    this.#units = state.units.map((unit) => ({ ...unit, sums: [...unit.sums], counts: [...unit.counts], open: [...unit.open] }))
    this.#byId = new Map(this.#units.map((unit) => [unit.id, unit]))
    this.#done = [...state.done]
  }

  static empty(watched: number, metrics: number): UnitQueue {
    return new UnitQueue({ watched, units: [], done: new Array<number>(metrics).fill(0) })
  }

  get size(): number {
    return this.#units.length
  }

  /** Forgets all others. What has been counted of them stays counted. */
  keepOnly(admits: (id: string) => boolean): void {
    for (let m = 0; m < this.#done.length; m++) {
      let kept = 0
      for (let i = 0; i < this.#done[m]!; i++) if (admits(this.#units[i]!.id)) kept++
      this.#done[m] = kept
    }
    const left = this.#units.filter(({ id }) => admits(id))
    this.#units.splice(0, this.#units.length, ...left)
    for (const id of this.#byId.keys()) if (!admits(id)) this.#byId.delete(id)
  }

  /**
   * The unit that a request belongs to; undefined where it does not count.
   *
   * @param isNew Nothing has come of this unit before.
   */
  unitOf(id: string, at: number, arm: Arm, share: number, isNew: boolean): WatchedUnit | undefined {
    const known = this.#byId.get(id)
    if (known) return known.arm === arm && at <= known.at + this.watched ? known : undefined
    if (!isNew) return undefined
    const zeros = () => this.#done.map(() => 0)
    const unit: WatchedUnit = { id, at, arm, share, sums: zeros(), counts: zeros(), open: zeros() }
    this.#insert(unit)
    return unit
  }

  get(id: string): WatchedUnit | undefined {
    return this.#byId.get(id)
  }

  /**
   * The units that may be counted for this metric now. They are not given out again.
   *
   * @param ready Nothing that was assigned up to this moment can still come.
   * @param over A unit that was assigned up to this moment has been watched long enough, and all of its requests are waited for.
   * @param any One request's 1 makes the unit's 1 (an error); otherwise its value is the mean of its requests.
   */
  count(metric: number, any: boolean, ready: number, over: number): Counted[] {
    const counted: Counted[] = []
    let next = this.#done[metric]!
    for (; next < this.#units.length; next++) {
      const unit = this.#units[next]!
      if (unit.at > ready) break
      const value = this.#valueOf(unit, metric, any, over)
      if (value === undefined) break
      if (value !== null) counted.push({ id: unit.id, at: unit.at, arm: unit.arm, share: unit.share, value })
    }
    this.#done[metric] = next
    this.#forgetDone()
    return counted
  }

  serialize(): UnitQueueState {
    return { watched: this.watched, units: this.#units, done: this.#done }
  }

  #valueOf({ at, sums, counts, open }: WatchedUnit, metric: number, any: boolean, over: number): Value {
    const [sum, count] = [sums[metric]!, counts[metric]!]
    if (any && sum > 0) return 1
    if (open[metric] !== 0 || (this.watched > 0 && at > over)) return undefined
    return count === 0 ? null : any ? 0 : sum / count
  }

  /** Records come almost in the order of assignment, so that its place is near the end. What is counted already stays before it. */
  #insert(unit: WatchedUnit): void {
    let place = this.#units.length
    const first = Math.max(...this.#done, 0)
    while (place > first && this.#units[place - 1]!.at > unit.at) place--
    this.#units.splice(place, 0, unit)
    this.#byId.set(unit.id, unit)
  }

  /** Those that all metrics have behind them, a good many at a time. */
  #forgetDone(): void {
    const done = Math.min(...this.#done)
    if (done < 256 && done < this.#units.length) return
    for (const { id } of this.#units.splice(0, done)) this.#byId.delete(id)
    for (let i = 0; i < this.#done.length; i++) this.#done[i]! -= done
  }
}
