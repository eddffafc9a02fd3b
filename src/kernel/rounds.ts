/**
 * Rounds of one reconciler: again and again, one at a time, sooner where something has happened, and never beside what a person asks for.
 */
import type { Clock } from './clock.ts'
import { messageOf } from './errors.ts'
import type { Log } from './log.ts'
import { recurring } from './recurring.ts'

export interface Rounds {
  start(): void
  /** A round is due now, and not only when it would come by itself. */
  soon(): void
  /** One thing after the other: what a person wants must not be overwritten by a round that began before. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when nothing runs any more. */
  close(): Promise<void>
}

export function createRounds(options: {
  readonly round: () => Promise<void>
  /** Milliseconds from the end of one to the beginning of the next. */
  readonly everyMs: number
  readonly clock: Clock
  readonly log: Log
  /** What the log says when rounds begin to fail, and when they work again. */
  readonly says: { readonly failing: string; readonly working: string }
}): Rounds {
  const { round, everyMs, clock, log, says } = options
  const saying = recurring(log, clock, says.failing, says.working)
  let timer: NodeJS.Timeout | undefined
  let running: Promise<unknown> = Promise.resolve()
  let started = false
  let closed = false
  let inRound = false
  let again = false

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = running.then(work)
    running = result.catch(() => undefined) // the caller has the error
    return result
  }

  const loop = () => {
    if (closed) return
    inRound = true
    void inTurn(round)
      .then(saying.worked, (error: unknown) => saying.failed(messageOf(error)))
      .then(() => {
        inRound = false
        if (!closed) timer = setTimeout(loop, again ? 0 : everyMs)
        again = false
      })
  }

  return {
    start() {
      started = true
      loop()
    },
    soon() {
      if (!started || closed) return
      again = inRound
      if (inRound) return
      clearTimeout(timer)
      timer = setTimeout(loop, 0)
    },
    inTurn,
    async close() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}
