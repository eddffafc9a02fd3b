/** What a release is compared by, and under which name, as its manifest, its route and its status say. Pure. */
import type { Resource } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { ComparisonPlan } from '../comparison/comparison.ts'
import { watchedFor } from '../comparison/unit-queue.ts'
import { divisionKey } from './overlay.ts'

type Rollout = Resource<'Rollout'>

export function isRunningNow({ status }: Rollout): boolean {
  return status?.phase === 'Progressing' || status?.phase === 'Paused'
}

export function isCompared(rollout: Rollout): boolean {
  return rollout.spec.analysis.metrics.length > 0 && isRunningNow(rollout)
}

export function keyOf({ metadata, status }: Rollout): string {
  return divisionKey({ by: `Rollout/${metadata.name}`, uid: metadata.uid ?? metadata.name, attempt: status?.attempt ?? 1 })
}

export function planOf(rollout: Rollout, route: Resource<'Route'> | undefined): ComparisonPlan | undefined {
  const { spec } = rollout
  const { analysis } = spec
  if (!route || analysis.metrics.length === 0) return undefined
  return {
    key: keyOf(rollout),
    from: spec.from,
    to: spec.to,
    metrics: analysis.metrics,
    alpha: analysis.falseAlarm / 100,
    windows: { request: durationMs(analysis.window), feedback: durationMs(analysis.feedbackWindow) },
    watched: watchedFor(route.spec.stickyBy, durationMs(analysis.unitWindow)),
  }
}

export const isSame = (a: ComparisonPlan, b: ComparisonPlan) => JSON.stringify(a) === JSON.stringify(b)
