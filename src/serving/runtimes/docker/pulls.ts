/** Images on their way, one pull an image however many instances wait for it. */
import type { Clock } from '../../../kernel/clock.ts'
import { messageOf } from '../../../kernel/errors.ts'
import { backoffMs } from './backoff.ts'
import type { DockerEngine } from './engine-api.ts'
import { notePullLine, type PullProgress, sumProgress } from './pull-progress.ts'
import { pullingWords } from './words.ts'

const PROGRESS_EVERY_MS = 500

export interface Pull {
  readonly phase: 'pulling' | 'failed'
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly message: string
}

interface Entry {
  pull: Pull
  failures: number
  /** On the monotonic clock: not before then again. */
  retryAt: number
  readonly stop: AbortController
  work?: Promise<void>
}

export interface PullOptions {
  readonly engine: Pick<DockerEngine, 'pull'>
  readonly clock: Clock
  /** The message of a pull is another one. */
  readonly changed: () => void
  /** A pull is over, well or not. */
  readonly done: () => void
}

export function createPulls({ engine, clock, changed, done }: PullOptions) {
  const entries = new Map<string, Entry>()

  const fetchImage = async (image: string, entry: Entry) => {
    try {
      let progress: PullProgress = new Map()
      let saidAt = clock.monotonic()
      for await (const line of await engine.pull(image, entry.stop.signal)) {
        if (line.error !== undefined) throw new Error(line.error)
        progress = notePullLine(progress, line)
        const { current, total } = sumProgress(progress)
        entry.pull = { ...entry.pull, message: pullingWords(current, total) }
        if (clock.monotonic() - saidAt < PROGRESS_EVERY_MS) continue
        saidAt = clock.monotonic()
        changed()
      }
      if (entries.get(image) === entry) entries.delete(image)
    } catch (error) {
      if (entry.stop.signal.aborted) return
      entry.failures += 1
      entry.retryAt = clock.monotonic() + backoffMs(entry.failures)
      entry.pull = { phase: 'failed', since: clock.now(), message: `cannot pull ${image}: ${messageOf(error)}` }
    }
    done()
  }

  return {
    /** Begins to fetch it, unless that is going on or has failed a moment ago. */
    ensure(image: string): void {
      const known = entries.get(image)
      if (known && (known.pull.phase === 'pulling' || clock.monotonic() < known.retryAt)) return
      const pull: Pull = { phase: 'pulling', since: clock.now(), message: 'pulling' }
      const entry: Entry = { pull, failures: known?.failures ?? 0, retryAt: Number.POSITIVE_INFINITY, stop: new AbortController() }
      entries.set(image, entry)
      entry.work = fetchImage(image, entry)
      changed()
    },
    of: (image: string): Pull | undefined => entries.get(image)?.pull,
    /** Gives up those that nobody waits for. */
    keepOnly(images: ReadonlySet<string>): void {
      for (const [image, entry] of entries) {
        if (images.has(image)) continue
        entries.delete(image)
        entry.stop.abort(new Error('nobody waits for it any more'))
      }
    },
    /** When the next one is to be tried again, on the monotonic clock. */
    nextRetry: (): number => Math.min(...[...entries.values()].map(({ retryAt }) => retryAt)),
    async close(): Promise<void> {
      const works = [...entries.values()].map(({ stop, work }) => {
        stop.abort(new Error('the runtime is closed'))
        return work
      })
      await Promise.all(works)
    },
  }
}
