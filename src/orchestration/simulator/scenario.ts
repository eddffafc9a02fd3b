/** What a simulation is given, and what comes out of it. */
import type { Outstanding } from '../../balancing/rank.ts'
import type { Bounds } from '../autoscaling/bounds.ts'
import type { Inputs } from '../autoscaling/policy.ts'
import type { ServiceCurve } from '../autoscaling/service-curve.ts'
import type { Requests } from './requests.ts'

export interface Scenario {
  readonly requests: Requests
  readonly curve: ServiceCurve
  /** First tokens later than that are misses. */
  readonly objectiveMs: number
  /** From the creation of an instance until it gets requests. */
  readonly startupMs: number
  readonly bounds: Bounds
  /** Between two decisions. Policies with a longer period of their own keep it themselves. */
  readonly tickMs: number
  /** Who has waited so long for the first token leaves. */
  readonly timeoutMs: number
  /** Who finds so many waiting in the least busy instance (in front, where none is ready) is refused. */
  readonly queue: number
  /** Neither misses nor cost count before. */
  readonly warmupMs: number
  /** Instances that are ready at the start. */
  readonly initial: number
}

export type Ending = 'ok' | 'late' | 'refused' | 'timedOut'

/** One decision, or of several without a change the first. */
export interface DecisionRecord {
  readonly at: number
  readonly wanted: number
  readonly reason: string
  readonly inputs: Inputs
}

/** What a chart draws, for each of its steps. */
export interface TimelinePoint {
  readonly at: number
  readonly wanted: number
  /** Ready and starting. */
  readonly existing: number
  readonly ready: number
  readonly arrivals: number
  readonly misses: number
  readonly concurrency: number
}

export interface Outcome {
  readonly policy: string
  /** Those that came after the warm-up. */
  readonly requests: number
  readonly late: number
  readonly refused: number
  readonly timedOut: number
  /** late, refused and timed out. */
  readonly misses: number
  readonly missShare: number
  /** Of all first tokens that came, milliseconds. */
  readonly firstTokenP50Ms: number
  readonly firstTokenP95Ms: number
  readonly firstTokenP99Ms: number
  /** From creation to stop, after the warm-up, until the last request came. */
  readonly instanceHours: number
  readonly meanInstances: number
  readonly mostInstances: number
  readonly created: number
  readonly timeline: readonly TimelinePoint[]
  readonly decisions: readonly DecisionRecord[]
}

export interface SimulationOptions {
  /** Milliseconds a point of the timeline; none without it. */
  readonly timelineMs?: number
  /** Decisions that are kept, the first ones; none without it. */
  readonly keepDecisions?: number
  /** Which of the ready instances gets a request: the one of the lowest. The gateway's own rule without it. */
  readonly rank?: (outstanding: Outstanding) => number
  /** Told of the end of every request, also of those in the warm-up. */
  readonly onEnd?: (request: number, ending: Ending, firstTokenMs: number | undefined) => void
}
