/** One runtime as the reconciler deals with it: asked and told within bounds, so that one that hangs holds up nobody but its own instances. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import type { RunningInstance, Runtime, WantedInstance } from '../runtimes/port.ts'

export interface RuntimeWatch {
  /** Why it cannot be asked or told now. */
  readonly away: string | undefined
  /** Why it did not take the last set. */
  readonly refused: string | undefined
  /** It has taken a set. */
  readonly told: boolean
  /** What runs, by id; undefined where that is not known now: what is not seen for once is not gone. */
  look(): Promise<ReadonlyMap<string, RunningInstance> | undefined>
  /** Tells it the whole set, when it differs from what was said last, or `differs` from what it has. */
  want(set: readonly WantedInstance[], differs: boolean): Promise<void>
}

/** A call that takes longer goes on, and is waited for again the next time. */
const WAIT_MS = 2_000
const LATE = Symbol('late')

export function watchRuntime(name: string, runtime: Runtime, { clock, log }: { clock: Clock; log: Log }): RuntimeWatch {
  const saying = recurring(
    log,
    clock,
    `the runtime "${name}" does not answer; what runs goes on`,
    `the runtime "${name}" answers again`,
    'warn',
  )
  const refusing = recurring(
    log,
    clock,
    `the runtime "${name}" does not take what shall run; what runs goes on, and the next round tries again`,
    `the runtime "${name}" takes what shall run again`,
    'warn',
  )
  let away: string | undefined
  let refused: string | undefined
  let looking: Promise<readonly RunningInstance[]> | undefined
  let telling: Promise<void> | undefined
  let asked: string | undefined

  const failed = (error: unknown) => {
    away = messageOf(error)
    saying.failed(away)
  }
  const late = () => failed(new Error(`it has not answered within ${WAIT_MS / 1000} s`))

  return {
    get away() {
      return away
    },
    get refused() {
      return refused
    },
    get told() {
      return asked !== undefined
    },
    async look() {
      looking ??= runtime.observe().finally(() => {
        looking = undefined
      })
      try {
        const seen = await within(looking)
        if (seen === LATE) {
          late()
          return undefined
        }
        away = undefined
        saying.worked()
        return new Map(seen.map((each) => [each.id, each]))
      } catch (error) {
        failed(error)
        return undefined
      }
    },
    async want(set, differs) {
      const text = JSON.stringify(set)
      if (away !== undefined || telling || (text === asked && !differs)) return
      asked = undefined // what it keeps of a set that it did not take is not known
      telling = runtime
        .want(set)
        .then(
          () => {
            asked = text
            refused = undefined
            refusing.worked()
          },
          (error: unknown) => {
            refused = messageOf(error)
            refusing.failed(refused)
          },
        )
        .finally(() => {
          telling = undefined
        })
      if ((await within(telling)) === LATE) late()
    },
  }
}

/** `work`, or LATE where it takes longer. */
async function within<T>(work: Promise<T>): Promise<T | typeof LATE> {
  const timer = new AbortController()
  try {
    return await Promise.race([work, sleep(WAIT_MS, LATE, { signal: timer.signal, ref: false })])
  } finally {
    timer.abort()
  }
}
