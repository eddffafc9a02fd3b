/** Statuses as functions of what is known. Pure. */
import { type Deciders, effective } from '../../orchestration/experiments/overlay.ts'
import { condition } from '../../resources/conditions.ts'
import type { Resource, Status } from '../../resources/index.ts'
import type { Condition } from '../../resources/scalars.ts'
import { type BackendProbe, standingOf } from '../../serving/backends/index.ts'
import type { KnownBackend } from './backend-probes.ts'
import { usedBy } from './used-model.ts'

/** What is known of a backend; its probe is undefined before the first answer. */
type Known = Omit<KnownBackend, 'backend'>

export function backendStatus(backend: Resource<'Backend'>, known: Known, now: number): Status<'Backend'> {
  const before = backend.status
  const { probe } = known
  // Who cannot be asked has not forgotten what it is.
  const server = probe?.server ?? before?.server
  const extensions = probe?.extensions ?? before?.extensions
  const models = backend.spec.discovery?.models ? (probe?.models?.map((model) => ({ ...model })) ?? before?.models) : undefined
  return {
    observedGeneration: known.generation,
    conditions: [
      ...verdicts(probe).map(([type, status, reason]) =>
        condition(before?.conditions ?? [], type, status, reason, status === 'False' ? (probe?.message ?? '') : '', now),
      ),
      ...(backend.spec.manage && probe?.reachable ? [managed(before?.conditions ?? [], known.unmanageable, now)] : []),
    ],
    ...(server === undefined ? {} : { server }),
    ...(extensions?.length ? { extensions: [...extensions] } : {}),
    ...(models ? { models } : {}),
    ...(known.managed ? { managed: known.managed.map((each) => ({ ...each })) } : {}),
  }
}

function managed(before: readonly Condition[], problem: string | undefined, now: number): Condition {
  return condition(before, 'Managed', problem ? 'False' : 'True', problem ? 'DoesNotDoIt' : 'AsWanted', problem ?? '', now)
}

type Verdict = [type: string, status: 'True' | 'False' | 'Unknown', reason: string]

function verdicts(probe: BackendProbe | undefined): Verdict[] {
  if (!probe)
    return [
      ['Reachable', 'Unknown', 'Probing'],
      ['Ready', 'Unknown', 'Probing'],
    ]
  return [
    probe.reachable ? ['Reachable', 'True', 'Answers'] : ['Reachable', 'False', 'DoesNotAnswer'],
    probe.ready ? ['Ready', 'True', 'Serves'] : ['Ready', 'False', probe.reachable ? 'NotReady' : 'DoesNotAnswer'],
  ]
}

/** A version on a backend is as ready as the backend, and as its model there. */
export function backendVersionStatus(version: Resource<'ModelVersion'>, known: Known | undefined, now: number): Status<'ModelVersion'> {
  const before = version.status?.conditions ?? []
  const used = usedBy(version)
  const backend = version.spec.source.backend!.name
  // An answer to a question about other models says nothing about this one.
  const asked = known?.asked.some((each) => JSON.stringify(each) === JSON.stringify(used))
  const { state, message: found } = standingOf(asked ? known?.probe : undefined, used)
  const message = found === undefined ? undefined : `Backend ${backend}: ${found}`
  const established = state === 'Ready' || before.some(({ type }) => type === 'Established')
  return {
    observedGeneration: version.metadata.generation,
    conditions: [
      condition(before, 'Ready', state === 'Pending' ? 'Unknown' : state === 'Ready' ? 'True' : 'False', state, message ?? '', now),
      ...(established
        ? [condition(before, 'Established', 'True', 'WasReady', 'It has answered; what makes its answers cannot change any more.', now)]
        : []),
    ],
    state,
    ...(message === undefined ? {} : { message }),
  }
}

/** `deciders`: those of the route. `versionOf`: undefined for one that is gone. */
export function routeStatus(
  route: Resource<'Route'>,
  deciders: Deciders,
  versionOf: (name: string) => Resource<'ModelVersion'> | undefined,
  now: number,
): Status<'Route'> {
  const before = route.status
  const { targets, by } = effective(route.spec, deciders)
  const isReady = (name: string) => versionOf(name)?.status?.conditions.find(({ type }) => type === 'Ready')?.status === 'True'
  const waiting = targets.filter(({ version, weight }) => weight > 0 && !isReady(version))
  const ready = waiting.length === 0
  const message = ready ? '' : `${waiting.map(({ version }) => version).join(', ')} ${waiting.length === 1 ? 'is' : 'are'} not ready.`
  return {
    observedGeneration: route.metadata.generation,
    conditions: [
      condition(before?.conditions ?? [], 'Ready', ready ? 'True' : 'False', ready ? 'AllTargetsReady' : 'TargetsNotReady', message, now),
    ],
    effective: { targets: targets.map(({ version, weight }) => ({ version, weight })), by },
  }
}
