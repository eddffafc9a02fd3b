/**
 * Many deadlines of which nearly none is ever reached. A timer of Node's for each costs more than much of a request's own work, so all of
 * them share one that looks through them every few milliseconds while there are any. A deadline is at most TICK_MS late, and never early.
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
  const running = new Set<Running>()
  let ticking: NodeJS.Timeout | undefined

  const tick = () => {
    const now = clock.monotonic()
    for (const one of running) {
      if (one.at > now) continue
      running.delete(one)
      one.over()
    }
    // Not at once when the last one goes: under load the next comes before the tick.
    if (running.size > 0) return
    clearInterval(ticking)
    ticking = undefined
  }

  class Running implements Deadline {
    at: number
    readonly over: () => void

    constructor(at: number, over: () => void) {
      this.at = at
      this.over = over
    }

    extend(ms: number): void {
      this.at = clock.monotonic() + ms
    }

    clear(): void {
      running.delete(this)
    }
  }

  return {
    start(ms, over) {
      const one = new Running(clock.monotonic() + ms, over)
      running.add(one)
      ticking ??= setInterval(tick, TICK_MS)
      return one
    },
    size: () => running.size,
  }
}
