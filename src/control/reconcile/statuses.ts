/** Statuses as functions of what is known. Pure. */
import type { Resource, Status } from '../../resources/index.ts'
import { condition } from '../../serving/instances/version-status.ts'

export interface BackendHealth {
  readonly generation: number
  /** Undefined before the first probe has come back. */
  readonly reachable?: boolean
  readonly message?: string
  readonly models?: readonly string[]
}

export function backendStatus(backend: Resource<'Backend'>, health: BackendHealth, now: number): Status<'Backend'> {
  const before = backend.status?.conditions ?? []
  const { status, reason, message } = verdict(health)
  const models = backend.spec.discovery?.models ? (health.models ?? backend.status?.models) : undefined
  return {
    observedGeneration: health.generation,
    conditions: [condition(before, 'Reachable', status, reason, message, now)],
    ...(models ? { models: [...models] } : {}),
  }
}

function verdict({ reachable, message }: BackendHealth): { status: 'True' | 'False' | 'Unknown'; reason: string; message: string } {
  if (reachable === undefined) return { status: 'Unknown', reason: 'Probing', message: '' }
  return reachable
    ? { status: 'True', reason: 'Answers', message: '' }
    : { status: 'False', reason: 'DoesNotAnswer', message: message ?? '' }
}

/** A version on a backend is as ready as the backend. */
export function backendVersionStatus(
  version: Resource<'ModelVersion'>,
  health: BackendHealth | undefined,
  backend: string,
  now: number,
): Status<'ModelVersion'> {
  const before = version.status?.conditions ?? []
  const reachable = health?.reachable
  const state = reachable === undefined ? 'Pending' : reachable ? 'Ready' : 'Failed'
  const message = reachable === false ? `Backend ${backend}: ${health?.message ?? 'does not answer'}` : undefined
  const established = reachable === true || before.some(({ type }) => type === 'Established')
  return {
    observedGeneration: version.metadata.generation,
    conditions: [
      condition(before, 'Ready', reachable === undefined ? 'Unknown' : reachable ? 'True' : 'False', state, message ?? '', now),
      ...(established
        ? [condition(before, 'Established', 'True', 'WasReady', 'It has answered; what makes its answers cannot change any more.', now)]
        : []),
    ],
    state,
    ...(message === undefined ? {} : { message }),
  }
}

/** `versions`: those of the targets, in their order; undefined for one that is gone. */
export function routeStatus(
  route: Resource<'Route'>,
  versions: readonly (Resource<'ModelVersion'> | undefined)[],
  now: number,
): Status<'Route'> {
  const before = route.status
  const waiting = route.spec.targets.filter(
    ({ weight }, i) => weight > 0 && versions[i]?.status?.conditions.find(({ type }) => type === 'Ready')?.status !== 'True',
  )
  const ready = waiting.length === 0
  const message = ready ? '' : `${waiting.map(({ version }) => version).join(', ')} ${waiting.length === 1 ? 'is' : 'are'} not ready.`
  return {
    observedGeneration: route.metadata.generation,
    conditions: [
      condition(before?.conditions ?? [], 'Ready', ready ? 'True' : 'False', ready ? 'AllTargetsReady' : 'TargetsNotReady', message, now),
    ],
    // What a rollout or an experiment has decided is its own business, until it ends.
    effective: before?.effective && before.effective.by !== 'spec' ? before.effective : { targets: route.spec.targets, by: 'spec' },
  }
}
