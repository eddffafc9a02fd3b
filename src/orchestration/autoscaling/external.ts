/**
 * A number from elsewhere, by a rule of Kubernetes' HorizontalPodAutoscaler: an external metric with an average value (`type: External`, `averageValue`).
 *
 * After kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go (`GetExternalPerPodMetricReplicas`): the value over the target, pods
 * that start count as pods; then stabilization and `behavior`. A figure that no newer answer has come after holds for a while, and its age is told; then
 * it moves nothing, as upstream.
 */
import { type HpaSettings, hpaDefaults } from './hpa.ts'
import { type BehaviorState, NO_BEHAVIOR_YET, normalize } from './hpa-behavior.ts'
import { externalReplicas } from './keda.ts'
import { counted, type Decision, existing, type Policy, short } from './policy.ts'

export interface ExternalSettings extends Omit<HpaSettings, 'metric'> {
  /** Older answers are none, milliseconds. */
  readonly patienceMs: number
}

export function externalDefaults(target: number): ExternalSettings {
  const { metric: _, ...settings } = hpaDefaults()
  return { ...settings, target, patienceMs: 300_000 }
}

export interface ExternalState extends BehaviorState {
  readonly syncedAt: number | null
  readonly wanted: number
}

export function externalPolicy(settings: ExternalSettings): Policy<ExternalState> {
  const { target, tolerance, syncMs, behavior, patienceMs } = settings
  return {
    name: 'external',
    start: { ...NO_BEHAVIOR_YET, syncedAt: null, wanted: 0 },
    decide(state, sample, now): Decision<ExternalState> {
      const current = existing(sample)
      const { value, answeredAt, problem } = sample.external ?? {}
      if (value === undefined || answeredAt === undefined || now - answeredAt > patienceMs) {
        const age = answeredAt === undefined ? 'yet' : `for ${short((now - answeredAt) / 60_000)} min`
        return {
          wanted: current,
          reason: `There is no answer ${age}${problem === undefined ? '' : ` (${problem})`}, so it stays as it is.`,
          inputs: { target, current },
          // What it says when it answers again is decided on at once.
          state: { ...state, syncedAt: null, wanted: current },
        }
      }
      if (state.syncedAt !== null && now - state.syncedAt < syncMs)
        return { wanted: state.wanted, reason: `The next sync is ${syncMs / 1000} s after the last.`, inputs: {}, isOld: true, state }
      const recommended = Math.max(0, externalReplicas(value, current, target, tolerance))
      const old = problem === undefined ? '' : `; the figure is ${Math.round((now - answeredAt) / 1000)} s old: ${problem}`
      const { replicas, stabilized, state: next } = normalize(behavior, state, current, recommended, now)
      const then = replicas === recommended ? '' : `; ${stabilized} after stabilization, ${replicas} within the rates`
      return {
        wanted: replicas,
        reason: `${short(value)} on ${counted(current, 'instance')}, target ${short(target)} each: ${recommended} recommended${then}${old}.`,
        inputs: { value, target, current, recommended, stabilized },
        state: { ...next, syncedAt: now, wanted: replicas },
      }
    },
  }
}
