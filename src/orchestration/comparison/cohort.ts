/**
 * From how many milliseconds on a request is slow: what the first requests of the baseline took, in the order of their assignment. Those that end first
 * would be the quick ones, so all of them are waited for.
 */
import type { Metric } from '../../resources/comparison.ts'
import { LATE_MS, timeOf, type WatchedRequest } from './outcome.ts'

/** With the times of each metric: null where there is none, absent while it runs. */
type Member = { readonly at: number; times?: (number | null)[] }

export interface CohortState {
  readonly thresholds: readonly (number | null)[]
  readonly cohort: Readonly<Record<string, Member>>
}

/** Requests from which a threshold is made, where nothing was known of it before. */
const MEMBERS = 200

export class Cohort {
  readonly #metrics: readonly Metric[]
  /** Milliseconds that a request is waited for. */
  readonly #patience: number
  readonly #thresholds: (number | null)[]
  readonly #members: Map<string, Member>

  constructor(metrics: readonly Metric[], patience: number, { thresholds, cohort }: CohortState) {
    this.#metrics = metrics
    this.#patience = patience
    this.#thresholds = [...thresholds]
    this.#members = new Map(Object.entries(cohort))
  }

  get thresholds(): readonly (number | null)[] {
    return this.#thresholds
  }

  /** A request of the baseline has been assigned. */
  note(id: string, at: number): void {
    const isOpen = this.#metrics.some((metric, m) => 'quantile' in metric && this.#thresholds[m] === null)
    if (isOpen && this.#members.size < MEMBERS) this.#members.set(id, { at })
  }

  end(id: string, request: WatchedRequest): void {
    const known = this.#members.get(id)
    if (known) known.times = this.#metrics.map(({ name }) => timeOf(name, request) ?? null)
  }

  /** Once all of the first requests have ended, or are not waited for any more. */
  settle(now: number): void {
    if (this.#members.size < MEMBERS) return
    const members = [...this.#members.values()]
    if (members.some(({ at, times }) => times === undefined && now - at < this.#patience + LATE_MS)) return
    this.#members.clear()
    for (const [m, metric] of this.#metrics.entries()) {
      if (!('quantile' in metric) || this.#thresholds[m] !== null) continue
      // What has not ended is slower than all that has.
      const times = members.flatMap(({ times }) => (times === undefined ? [this.#patience] : (times[m] ?? []))).sort((a, b) => a - b)
      const found = times[Math.floor((metric.quantile / 100) * times.length)]
      if (found !== undefined) this.#thresholds[m] = found
    }
  }

  state(): CohortState {
    return { thresholds: this.#thresholds, cohort: Object.fromEntries(this.#members) }
  }
}
