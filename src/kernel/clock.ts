/** Time as a dependency, so that whatever decides by time can be tested without waiting. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. May jump; use it for what people read and for expiry dates. */
  now(): number
  /** Milliseconds since an arbitrary start. Never goes back; use it for durations, limits and time-outs. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** A clock that a test moves by hand. Both readings advance together. */
export function manualClock(start = 1_700_000_000_000): Clock & { advance(ms: number): void } {
  let elapsed = 0
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    advance(ms) {
      elapsed += ms
    },
  }
}
