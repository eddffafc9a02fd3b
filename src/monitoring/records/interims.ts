/**
 * What requests that are not over could say of themselves. Nearly all of it is never asked for, and goes with its request: whoever lets go of it at
 * once leaves it to the youngest generation's collector. It is held in no order.
 */
import type { NewProgress, NewStarted } from './line.ts'

/** A record of a request that is not over. It is made when it is written. */
export class Interim {
  readonly record: () => NewStarted | NewProgress
  /** Where it is held; −1 when it is not any more. */
  place: number

  constructor(record: () => NewStarted | NewProgress, place: number) {
    this.record = record
    this.place = place
  }
}

export class Interims {
  #held: Interim[] = []

  add(record: () => NewStarted | NewProgress): Interim {
    const interim = new Interim(record, this.#held.length)
    this.#held.push(interim)
    return interim
  }

  /** Lets go of it, where it is held. */
  drop(interim: Interim): void {
    if (interim.place === -1) return
    const last = this.#held.pop()!
    if (last !== interim) {
      this.#held[interim.place] = last
      last.place = interim.place
    }
    interim.place = -1
  }

  /** All that is held; nothing is afterwards. */
  take(): readonly Interim[] {
    const taken = this.#held
    this.#held = []
    for (const interim of taken) interim.place = -1
    return taken
  }
}
