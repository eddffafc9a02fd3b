/**
 * Kubernetes' HorizontalPodAutoscaler, autoscaling/v2, with a metric that is averaged over pods (`type: Pods`): replicas in proportion to how far the mean is
 * from its target.
 *
 * After kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go (`calcPlainMetricReplicas`) and its documentation ("Algorithm details").
 * A pod that starts has no metric yet: it counts as idle when the fleet is too small, as on target when it is too large, and never turns the direction.
 */
import { type Behavior, type BehaviorState, DEFAULT_BEHAVIOR, NO_BEHAVIOR_YET, normalize } from './hpa-behavior.ts'
import { type Metric, totalOf } from './metric.ts'
import { counted, type Decision, existing, type Policy, type Sample, short } from './policy.ts'

export interface HpaSettings {
  /** Mean of the metric that a pod should have. */
  readonly target: number
  readonly metric: Metric
  /** Closer to the target than that is close enough. */
  readonly tolerance: number
  readonly syncMs: number
  readonly behavior: Behavior
}

export function hpaDefaults(concurrency = 100): HpaSettings {
  return { target: concurrency * 0.7, metric: 'concurrency', tolerance: 0.1, syncMs: 15_000, behavior: DEFAULT_BEHAVIOR }
}

/** A metric's mean since it was last read. */
export interface Gathered {
  readonly sum: number
  readonly ms: number
}

export interface HpaState extends BehaviorState {
  readonly gathered: Gathered
  readonly syncedAt: number | null
  readonly wanted: number
}

export function hpaPolicy(settings: HpaSettings): Policy<HpaState> {
  const { target, metric, tolerance, syncMs, behavior } = settings
  return {
    name: 'hpa',
    start: { ...NO_BEHAVIOR_YET, gathered: NOTHING, syncedAt: null, wanted: 0 },
    decide(state, sample, now): Decision<HpaState> {
      const gathered = gather(state.gathered, sample, metric)
      const current = existing(sample)
      if (state.syncedAt !== null && now - state.syncedAt < syncMs)
        return {
          wanted: state.wanted,
          reason: `The next sync is ${syncMs / 1000} s after the last.`,
          inputs: {},
          isOld: true,
          state: { ...state, gathered },
        }
      const total = gathered.sum / gathered.ms
      const recommended = podsReplicas(total, sample.ready, sample.starting, target, tolerance)
      const { replicas, stabilized, state: next } = normalize(behavior, state, current, recommended, now)
      const then = replicas === recommended ? '' : `; ${stabilized} after stabilization, ${replicas} within the rates`
      return {
        wanted: replicas,
        reason:
          sample.ready === 0
            ? `No instance is ready, so there is no mean of ${metric} to go by: it stays at ${current}${then}.`
            : `${metric} ${short(total / sample.ready)} on ${counted(sample.ready, 'ready instance')}, target ${short(target)}: ${changeOf(recommended, sample)}${then}.`,
        inputs: { [metric]: total, target, ready: sample.ready, starting: sample.starting, recommended, stabilized },
        state: { ...next, gathered: NOTHING, syncedAt: now, wanted: replicas },
      }
    },
  }
}

function changeOf(recommended: number, sample: Sample): string {
  if (recommended !== existing(sample)) return `${recommended} recommended`
  return sample.starting === 0
    ? 'close enough to it'
    : `with ${sample.starting} more that ${sample.starting === 1 ? 'starts' : 'start'} it is enough`
}

export const NOTHING: Gathered = { sum: 0, ms: 0 }

export function gather({ sum, ms }: Gathered, sample: Sample, metric: Metric): Gathered {
  return { sum: sum + totalOf(sample, metric) * sample.periodMs, ms: ms + sample.periodMs }
}

/** `total`: the metric of all pods together; `missing`: pods that have none yet. */
export function podsReplicas(total: number, ready: number, missing: number, target: number, tolerance: number): number {
  const current = ready + missing
  if (ready === 0) return current // no metric, no recommendation
  const ratio = total / ready / target
  if (missing === 0) return isClose(ratio, tolerance) ? current : Math.ceil(whole(ratio * ready))
  const assumed = ratio < 1 ? missing * target : 0
  const newRatio = (total + assumed) / current / target
  if (isClose(newRatio, tolerance) || (ratio < 1 && newRatio > 1) || (ratio > 1 && newRatio < 1)) return current
  const replicas = Math.ceil(whole(newRatio * current))
  return (newRatio < 1 && replicas > current) || (newRatio > 1 && replicas < current) ? current : replicas
}

export const isClose = (ratio: number, tolerance: number): boolean => Math.abs(1 - ratio) <= tolerance + 1e-12
/** Upstream counts in thousandths; here a hair over a whole number is the whole number. */
export const whole = (value: number): number => (Math.abs(value - Math.round(value)) < 1e-9 ? Math.round(value) : value)
