/**
 * Fetches the weights that versions want, each once however many versions share them, and tries again with growing pauses when no place had
 * them. `stateOf` is asked again and again and answers at once.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { Weights } from '../../resources/model-version.ts'
import type { FetchedWeights, FetchProgress } from '../weights/index.ts'
import type { WeightsState } from './identity.ts'

export interface WeightFetches {
  /** State of these weights; the first question starts the fetch. */
  stateOf(weights: Weights): WeightsState
  /** Stops the fetches that nobody asks for any more. */
  keepOnly(wanted: readonly Weights[]): void
  close(): void
}

export type Fetch = (
  weights: Weights,
  options: { signal: AbortSignal; onProgress: (progress: FetchProgress) => void },
) => Promise<FetchedWeights>

const FIRST_PAUSE_MS = 10_000
const LONGEST_PAUSE_MS = 300_000

/** Pause before the next attempt after `failures` of them in a row (at least 1). */
export function pauseAfter(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1))
}

interface Entry {
  state: WeightsState
  failures: number
  readonly abort: AbortController
  timer?: NodeJS.Timeout
}

export function createWeightFetches(options: { fetch: Fetch; clock: Clock; log: Log; onChange: () => void }): WeightFetches {
  const { fetch, clock, log, onChange } = options
  const entries = new Map<string, Entry>()

  const attempt = async (weights: Weights, entry: Entry) => {
    const failed = entry.state.phase === 'missing' ? entry.state.failed : undefined
    entry.state = { phase: 'fetching', failed }
    try {
      const here = await fetch(weights, {
        signal: entry.abort.signal,
        onProgress: ({ from, receivedBytes, totalBytes }) => {
          entry.state = { phase: 'fetching', from, receivedBytes, totalBytes, failed }
          onChange()
        },
      })
      entry.state = { phase: 'here', ...here }
      entry.failures = 0
    } catch (error) {
      if (entry.abort.signal.aborted) return
      entry.failures += 1
      const pause = pauseAfter(entry.failures)
      entry.state = { phase: 'missing', failed: messageOf(error), retryAt: clock.now() + pause }
      log.warn('weights could not be fetched; will try again', { from: weights.from, error: messageOf(error), inSeconds: pause / 1000 })
      entry.timer = setTimeout(() => void attempt(weights, entry), pause)
    }
    onChange()
  }

  const stop = (entry: Entry) => {
    clearTimeout(entry.timer)
    entry.abort.abort()
  }

  return {
    stateOf(weights) {
      const key = JSON.stringify(weights)
      let entry = entries.get(key)
      if (!entry) {
        entry = { state: { phase: 'fetching' }, failures: 0, abort: new AbortController() }
        entries.set(key, entry)
        void attempt(weights, entry)
      }
      return entry.state
    },
    keepOnly(wanted) {
      const keys = new Set(wanted.map((each) => JSON.stringify(each)))
      for (const [key, entry] of entries) {
        if (keys.has(key)) continue
        stop(entry)
        entries.delete(key)
      }
    },
    close() {
      for (const entry of entries.values()) stop(entry)
      entries.clear()
    },
  }
}
