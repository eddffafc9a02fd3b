/**
 * KEDA: reads its source every polling interval, hands the value to an HPA as an external metric with an average value, and itself decides between nothing
 * and something. What the source says here is the mean since the poll before, as `avg_over_time` of a Prometheus trigger would: a sample alone is the
 * mean of a second or two, and one of thirty seconds' worth of them would be a policy of chance.
 *
 * After keda.sh, "ScaledObject specification" (pollingInterval 30, cooldownPeriod 300; the value is kept between polls with `useCachedMetrics`) and
 * kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go (`GetExternalPerPodMetricReplicas`): pods that start count as pods.
 */
import { type Gathered, gather, type HpaSettings, hpaDefaults, isClose, NOTHING, whole } from './hpa.ts'
import { type BehaviorState, NO_BEHAVIOR_YET, normalize } from './hpa-behavior.ts'
import { counted, type Decision, existing, type Policy, short } from './policy.ts'

export interface KedaSettings extends HpaSettings {
  readonly pollingMs: number
  /** Idle for so long, and the last instance goes. */
  readonly cooldownMs: number
  /** More than that is activity. */
  readonly activation: number
}

export function kedaDefaults(concurrency = 100): KedaSettings {
  return { ...hpaDefaults(concurrency), pollingMs: 30_000, cooldownMs: 300_000, activation: 0 }
}

export interface KedaState extends BehaviorState {
  readonly gathered: Gathered
  readonly polledAt: number | null
  /** What the last poll said: the mean since the one before. */
  readonly value: number
  readonly activeAt: number | null
  readonly syncedAt: number | null
  readonly wanted: number
}

export function kedaPolicy(settings: KedaSettings): Policy<KedaState> {
  const { target, metric, tolerance, syncMs, behavior, pollingMs, cooldownMs, activation } = settings
  return {
    name: 'keda',
    start: { ...NO_BEHAVIOR_YET, gathered: NOTHING, polledAt: null, value: 0, activeAt: null, syncedAt: null, wanted: 0 },
    decide(before, sample, now): Decision<KedaState> {
      let state: KedaState = { ...before, gathered: gather(before.gathered, sample, metric) }
      if (state.polledAt === null || now - state.polledAt >= pollingMs) {
        const value = state.gathered.sum / state.gathered.ms
        const activeAt = value > activation || state.activeAt === null ? now : state.activeAt
        state = { ...state, gathered: NOTHING, polledAt: now, value, activeAt }
      }
      const current = existing(sample)
      const { value } = state
      const inputs = { [metric]: value, target, current }
      const said = `The last poll had ${metric} ${short(value)}, the mean of ${pollingMs / 1000} s`
      if (value <= activation && (current === 0 || now - state.activeAt! >= cooldownMs))
        return {
          wanted: 0,
          reason: current === 0 ? `${said}: none.` : `${said}, and so it has been for ${cooldownMs / 1000} s: none.`,
          inputs,
          state: { ...state, wanted: 0 },
        }
      if (current === 0) return { wanted: 1, reason: `${said}: one starts.`, inputs, state: { ...state, wanted: 1 } }
      if (state.syncedAt !== null && now - state.syncedAt < syncMs)
        return { wanted: state.wanted, reason: `The next sync is ${syncMs / 1000} s after the last.`, inputs: {}, isOld: true, state }
      const recommended = Math.max(1, externalReplicas(value, current, target, tolerance))
      const { replicas, stabilized, state: next } = normalize(behavior, state, current, recommended, now)
      const then = replicas === recommended ? '' : `; ${stabilized} after stabilization, ${replicas} within the rates`
      return {
        wanted: replicas,
        reason: `${said}, ${counted(current, 'instance')}, target ${short(target)} each: ${recommended} recommended${then}.`,
        inputs: { ...inputs, recommended, stabilized },
        state: { ...state, ...next, syncedAt: now, wanted: replicas },
      }
    },
  }
}

export function externalReplicas(total: number, current: number, target: number, tolerance: number): number {
  return current > 0 && isClose(total / (target * current), tolerance) ? current : Math.ceil(whole(total / target))
}
