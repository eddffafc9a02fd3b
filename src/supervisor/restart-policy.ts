/**
 * When a process that ended is started again. A pure decision, so that the table in the test is the whole truth.
 *
 * At once, unless it ended within 10 s of its start: such a process will probably end again, and starting it in a circle would eat the
 * machine. The first quick end is still forgiven (a kill during start-up); then the waits double from 1 s to 60 s, Kubernetes' reduced
 * crash-loop decay, and a run of 10 minutes makes the past forgotten.
 */
export interface RestartHistory {
  /** Ends within `QUICK_END_MS` of a start since the last healthy run. */
  readonly quickEnds: number
}

export const NO_HISTORY: RestartHistory = { quickEnds: 0 }
export const QUICK_END_MS = 10_000
export const HEALTHY_RUN_MS = 600_000
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

/** `ranMs`: how long the process that ended had run. */
export function decideRestart(history: RestartHistory, ranMs: number): { delayMs: number; history: RestartHistory } {
  if (ranMs >= HEALTHY_RUN_MS) return { delayMs: 0, history: NO_HISTORY }
  if (ranMs >= QUICK_END_MS) return { delayMs: 0, history }
  const quickEnds = history.quickEnds + 1
  const delayMs = quickEnds === 1 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(quickEnds - 2, 30))
  return { delayMs, history: { quickEnds } }
}
