/**
 * From how many milliseconds on a request is slow: what the first requests of the baseline took, in the order of their assignment. Those that end first
 * would be the quick ones, so all of them are waited for. What has not come by then is slower than all that has.
 */
import type { Metric } from '../../resources/comparison.ts'
import { LATE_MS, timeOf, type WatchedRequest } from './outcome.ts'

/** With the time of each metric, as far as it is known: null where it has none. */
type Member = { readonly at: number; times: (number | null)[]; ended: boolean }

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
    this.#members = new Map()
    // An older program had neither times nor an end of those that ran.
    for (const [id, { at, times, ended = times !== undefined }] of Object.entries<Partial<Member> & { at: number }>(cohort))
      this.#members.set(id, { at, times: times ?? this.#unknown(), ended })
  }

  get thresholds(): readonly (number | null)[] {
    return this.#thresholds
  }

  /** A request of the baseline has been assigned. */
  note(id: string, at: number): void {
    const isOpen = this.#metrics.some((metric, m) => 'quantile' in metric && this.#thresholds[m] === null)
    if (isOpen && this.#members.size < MEMBERS) this.#members.set(id, { at, times: this.#unknown(), ended: false })
  }

  /** More is known of it now. */
  learn(id: string, request: WatchedRequest): void {
    const known = this.#members.get(id)
    if (!known) return
    known.times = this.#metrics.map(({ name }) => timeOf(name, request, this.#patience))
    known.ended = request.ended !== undefined
  }

  /** Once all of the first requests have ended, or are not waited for any more. */
  settle(now: number): void {
    if (this.#members.size < MEMBERS) return
    const members = [...this.#members.values()]
    if (members.some(({ at, ended }) => !ended && now - at < this.#patience + LATE_MS)) return
    this.#members.clear()
    for (const [m, metric] of this.#metrics.entries()) {
      if (!('quantile' in metric) || this.#thresholds[m] !== null) continue
      const times = members.flatMap(({ times }) => times[m] ?? []).sort((a, b) => a - b)
      const found = times[Math.floor((metric.quantile / 100) * times.length)]
      if (found !== undefined) this.#thresholds[m] = found
    }
  }

  #unknown(): number[] {
    return this.#metrics.map(() => this.#patience)
  }

  state(): CohortState {
    return { thresholds: this.#thresholds, cohort: Object.fromEntries(this.#members) }
  }
}
