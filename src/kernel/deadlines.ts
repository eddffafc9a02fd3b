/**
 * Many deadlines of which nearly none is ever reached. A timer of Node's for each costs more than much of a request's own work, so all of
 * them share one that looks through them every few milliseconds while there are any. A deadline is at most TICK_MS late, and never early.
 *
 * They stand in an array: a Set to which is added and from which is deleted without end is rebuilt every few turns.
 */
import { type Clock, systemClock } from './clock.ts'

export interface Deadline {
  /** Moves it: so many milliseconds from now on. */
  extend(ms: number): void
  /** It will not come any more. */
  clear(): void
}

export interface Deadlines {
  /** Calls `over`, once, when `ms` milliseconds have passed. */
  start(ms: number, over: () => void): Deadline
  /** Deadlines that are running. */
  size(): number
}

const TICK_MS = 20

export function createDeadlines(clock: Pick<Clock, 'monotonic'> = systemClock): Deadlines {
  const running: Running[] = []
  let ticking: NodeJS.Timeout | undefined

  const tick = () => {
    const now = clock.monotonic()
    // From the back: whatever is cleared or started meanwhile moves or adds only what has been looked at.
    for (let i = running.length - 1; i >= 0; i--) {
      const one = running[i]
      if (!one || one.at > now) continue
      one.clear()
      one.over()
    }
    // Not at once when the last one goes: under load the next comes before the tick.
    if (running.length > 0) return
    clearInterval(ticking)
    ticking = undefined
  }

  class Running implements Deadline {
    at: number
    /** Where it stands; −1 when it does not any more. */
    #place: number
    readonly over: () => void

    constructor(at: number, over: () => void) {
      this.at = at
      this.over = over
      this.#place = running.push(this) - 1
    }

    extend(ms: number): void {
      this.at = clock.monotonic() + ms
    }

    clear(): void {
      if (this.#place === -1) return
      const last = running.pop()!
      if (last !== this) {
        running[this.#place] = last
        last.#place = this.#place
      }
      this.#place = -1
    }
  }

  return {
    start(ms, over) {
      const one = new Running(clock.monotonic() + ms, over)
      ticking ??= setInterval(tick, TICK_MS)
      return one
    },
    size: () => running.length,
  }
}
