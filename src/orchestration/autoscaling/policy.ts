/**
 * What an autoscaling policy is: a pure function of what it remembers, what was measured and the time, to a number of instances.
 *
 * All that a policy remembers is plain data in its state, so that whoever runs it can store the state as JSON and go on after a kill as if nothing had
 * been; the simulator runs the very same functions. Bounds and cooldowns are not a policy's business: bounds.ts lays them over every one of them.
 */

/** What is known of one version's load. Rates and means are those of the period that ends with `at`; counts are those at its end. */
export interface Sample {
  /** Milliseconds, of any clock that only goes forward. */
  readonly at: number
  /** Length of the period, milliseconds. */
  readonly periodMs: number
  /** Instances that get requests. */
  readonly ready: number
  /** Created and not ready yet. */
  readonly starting: number
  /** They finish what they have and get nothing new. */
  readonly draining: number
  /** Requests in instances and queues, the mean over the period. */
  readonly concurrency: number
  /** Requests that wait for an instance or in one, at the end. */
  readonly queued: number
  /** How long the one that waits longest has waited, milliseconds; 0 where none waits. */
  readonly oldestWaitMs: number
  /** Requests that came, a second. */
  readonly arrivals: number
  /** Prompt tokens of the requests that came, a second. */
  readonly tokensIn: number
  /** Tokens written, a second. */
  readonly tokensOut: number
  /** Requests that ended with a whole answer, a second. */
  readonly completions: number
  /** Share of the ready instances' KV cache that is in use, 0 to 1. */
  readonly kvUse: number
  /** Times to first token, milliseconds, of the requests whose first token came in the period; absent where none came. */
  readonly firstTokenP50Ms?: number
  readonly firstTokenP95Ms?: number
  /** Requests that were known to miss the objective, a second: a first token that came too late, refused, timed out. */
  readonly misses: number
  /** What a source of the owner's says, where one is asked. */
  readonly external?: External
}

export interface External {
  /** The last answer, and when it came, on the clock of `at`. */
  readonly value?: number
  readonly answeredAt?: number
  /** Why there is no newer one. */
  readonly problem?: string
}

export type Inputs = Readonly<Record<string, number | string | boolean>>

export interface Decision<State = unknown> {
  /** Instances that should exist, ready and starting ones together. A whole number, not yet bounded. */
  readonly wanted: number
  /** One plain sentence with its numbers. */
  readonly reason: string
  /** What it was decided from, to be kept with the decision. */
  readonly inputs: Inputs
  /** It was not the time to decide: what was wanted before is wanted still, for the reason that was given then. */
  readonly isOld?: true
  readonly state: State
}

export interface Policy<State = unknown> {
  readonly name: string
  /** What it remembers before its first decision. */
  readonly start: State
  /** Pure. `now` is `sample.at` or later, on the same clock. The states that it takes are its own, or their JSON read back. */
  decide(state: State, sample: Sample, now: number): Decision<State>
}

/** Ready and starting instances: what Kubernetes calls the replicas of the spec. */
export const existing = ({ ready, starting }: Pick<Sample, 'ready' | 'starting'>): number => ready + starting

/** "3 instances", "1 request": a count with its noun. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** At most three significant digits, as a sentence wants them. */
export function short(value: number): string {
  const size = Math.abs(value)
  return String(size >= 100 ? Math.round(value) : size >= 10 ? Math.round(value * 10) / 10 : Math.round(value * 100) / 100)
}
