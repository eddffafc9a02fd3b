/**
 * What is tried again and again fails again and again: a full disk must not fill a log. Said once when the failure begins, when it becomes another
 * one, and every ten minutes while it lasts; its end is said too.
 */
import type { Clock } from './clock.ts'
import type { Log, LogLevel } from './log.ts'

export interface Recurring {
  failed(error: string, fields?: Record<string, unknown>): void
  worked(): void
  /** What is wrong now. */
  readonly trouble: string | undefined
}

const AGAIN_MS = 600_000

/** `message`: what could not be done, and what follows from it. `over`: said when it works again. */
export function recurring(log: Log, clock: Clock, message: string, over: string, level: LogLevel = 'error'): Recurring {
  let trouble: string | undefined
  let saidAt = 0
  let times = 0
  return {
    failed(error, fields) {
      times += 1
      if (error === trouble && clock.monotonic() - saidAt < AGAIN_MS) return
      log[level](message, { ...fields, error, ...(trouble === undefined ? {} : { times }) })
      trouble = error
      saidAt = clock.monotonic()
    },
    worked() {
      if (trouble === undefined) return
      log.info(over, { times })
      trouble = undefined
      times = 0
    },
    get trouble() {
      return trouble
    },
  }
}
