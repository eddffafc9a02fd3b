/**
 * `behavior` of a HorizontalPodAutoscaler (autoscaling/v2): stabilization and the rates at which it may grow and shrink.
 *
 * After kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go: `stabilizeRecommendationWithBehaviors`,
 * `convertDesiredReplicasWithBehaviorRate`, `calculateScaleUpLimitWithScalingRules`, `calculateScaleDownLimitWithBehaviors`.
 */
export interface ScalingPolicy {
  readonly type: 'Percent' | 'Pods'
  readonly value: number
  readonly periodSeconds: number
}

export interface ScalingRules {
  readonly stabilizationWindowSeconds: number
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled'
  readonly policies: readonly ScalingPolicy[]
}

export interface Behavior {
  readonly scaleUp: ScalingRules
  readonly scaleDown: ScalingRules
}

/** What holds where a manifest says nothing (kubernetes.io, "Horizontal Pod Autoscaling", default behavior). */
export const DEFAULT_BEHAVIOR: Behavior = {
  scaleDown: { stabilizationWindowSeconds: 300, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  },
}

type Stamped = readonly [at: number, count: number]

export interface BehaviorState {
  /** What was recommended, as far back as a window reaches. */
  readonly recommendations: readonly Stamped[]
  /** Changes, as far back as a period reaches: positive came, negative went. */
  readonly events: readonly Stamped[]
}

export const NO_BEHAVIOR_YET: BehaviorState = { recommendations: [], events: [] }

export interface Normalized {
  readonly replicas: number
  /** After stabilization, before the rates. */
  readonly stabilized: number
  readonly state: BehaviorState
}

export function normalize(
  { scaleUp, scaleDown }: Behavior,
  state: BehaviorState,
  current: number,
  desired: number,
  now: number,
): Normalized {
  const since = (seconds: number) => now - seconds * 1000
  // What is there when it begins counts as its first recommendation (`recordInitialRecommendation`).
  const before: readonly Stamped[] = state.recommendations.length > 0 ? state.recommendations : [[now, current]]
  let [up, down] = [desired, desired]
  for (const [at, count] of before) {
    if (at > since(scaleUp.stabilizationWindowSeconds)) up = Math.min(up, count)
    if (at > since(scaleDown.stabilizationWindowSeconds)) down = Math.max(down, count)
  }
  const stabilized = Math.min(Math.max(current, up), down)
  const rules = stabilized > current ? scaleUp : scaleDown
  const limit = stabilized === current ? current : rateLimit(rules, state.events, current, stabilized > current, now)
  const replicas = stabilized > current ? Math.min(stabilized, Math.max(limit, current)) : Math.max(stabilized, Math.min(limit, current))
  const longestWindow = Math.max(scaleUp.stabilizationWindowSeconds, scaleDown.stabilizationWindowSeconds)
  const longestPeriod = Math.max(0, ...[...scaleUp.policies, ...scaleDown.policies].map(({ periodSeconds }) => periodSeconds))
  const events = state.events.filter(([at]) => at > since(longestPeriod))
  return {
    replicas,
    stabilized,
    state: {
      recommendations: [...before.filter(([at]) => at > since(longestWindow)), [now, desired]],
      events: replicas === current ? events : [...events, [now, replicas - current]],
    },
  }
}

function rateLimit(rules: ScalingRules, events: readonly Stamped[], current: number, isUp: boolean, now: number): number {
  if (rules.selectPolicy === 'Disabled' || rules.policies.length === 0) return current
  const proposals = rules.policies.map(({ type, value, periodSeconds }) => {
    const changed = events.reduce((sum, [at, count]) => (at > now - periodSeconds * 1000 ? sum + count : sum), 0)
    const atStart = current - changed
    const sign = isUp ? 1 : -1
    // Up is rounded up, or one instance could never become more; down is cut off.
    return type === 'Pods' ? atStart + sign * value : (isUp ? Math.ceil : Math.trunc)(atStart * (1 + (sign * value) / 100))
  })
  return (rules.selectPolicy === 'Max') === isUp ? Math.max(...proposals) : Math.min(...proposals)
}
