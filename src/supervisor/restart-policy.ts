/**
 * When a process that ended is started again. A pure decision, so that the table in the test is the whole truth.
 *
 * At once, unless it ended before it had been ready for 10 s: such a process will probably end again, and starting it in a circle would eat
 * the machine. Counted from when it is ready and not from its start, because a model that takes a minute to load and then finds no memory
 * is in such a circle too. The first quick end is still forgiven (a kill during start-up); then the waits double from 1 s to 60 s,
 * Kubernetes' reduced crash-loop decay. A run that was no quick one makes the past forgotten: whatever it ended of is something new.
 */
export interface RestartHistory {
  /** Quick ends since the last good run. */
  readonly quickEnds: number
}

export const NO_HISTORY: RestartHistory = { quickEnds: 0 }
export const QUICK_END_MS = 10_000
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

/** `readyMs`: how long the process that ended had been ready; 0 for one that never was. */
export function decideRestart(history: RestartHistory, readyMs: number): { delayMs: number; history: RestartHistory } {
  if (readyMs >= QUICK_END_MS) return { delayMs: 0, history: NO_HISTORY }
  const quickEnds = history.quickEnds + 1
  const delayMs = quickEnds === 1 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(quickEnds - 2, 30))
  return { delayMs, history: { quickEnds } }
}
