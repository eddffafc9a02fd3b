/** Time as a dependency, so that whatever decides by time can be tested without waiting. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. May jump; use it for what people read. */
  now(): number
  /** Wall time, whole milliseconds, that never goes back while the process runs: what has expired does not work again when a clock is set back. */
  latest(): number
  /** Milliseconds since an arbitrary start. Never goes back; use it for durations, limits and time-outs. */
  monotonic(): number
}

/** A clock of these two readings. `latest` goes on at the pace of the monotonic one when the wall is set back. */
export function clockOf(now: () => number, monotonic: () => number): Clock {
  let farthest = now() - monotonic()
  return {
    now,
    monotonic,
    latest() {
      const since = monotonic()
      farthest = Math.max(farthest, now() - since)
      return Math.round(farthest + since) // the monotonic clock tells fractions, and a database keeps none
    },
  }
}

export const systemClock: Clock = clockOf(
  () => Date.now(),
  () => performance.now(),
)

export interface ManualClock extends Clock {
  /** Time goes by. */
  advance(ms: number): void
  /** Somebody sets the wall clock, by so much; no time goes by. */
  set(ms: number): void
}

/** A clock that a test moves by hand. */
export function manualClock(start = 1_700_000_000_000): ManualClock {
  let elapsed = 0
  let wall = start
  const clock = clockOf(
    () => wall + elapsed,
    () => elapsed,
  )
  return {
    ...clock,
    advance(ms) {
      elapsed += ms
    },
    set(ms) {
      wall += ms
    },
  }
}
