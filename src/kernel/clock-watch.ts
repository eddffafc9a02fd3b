/** A wall clock that is set back while a process runs: noticed and told, because times in logs and records are then wrong without looking so. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { recurring } from './recurring.ts'
import { formatAge } from './units.ts'

/** Clocks are set right by seconds all the time. */
const WORTH_SAYING_MS = 10_000
const LOOK_MS = 5_000

/** In words, while the wall shows a time that has been already. */
export function clockTrouble(clock: Clock): string | undefined {
  const behindMs = clock.latest() - clock.now()
  if (behindMs < WORTH_SAYING_MS) return undefined
  return `The clock of this machine was set back by ${formatAge(behindMs)}: logs, records and audit show times that were there before.`
}

/** Says it in the log, once. Returns what ends the watch. */
export function watchClock(clock: Clock, log: Log): () => void {
  const said = recurring(
    log,
    clock,
    'the clock was set back; durations, limits and what has expired are not touched by that',
    'the clock is past the latest time that it has shown',
    'warn',
  )
  const timer = setInterval(() => {
    const trouble = clockTrouble(clock)
    if (trouble === undefined) said.worked()
    else if (said.trouble === undefined) said.failed(trouble)
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
