/**
 * What runs on a route: what its owner wrote, what releases make of that, and an experiment's arms over both. The route's spec stays as it is. Pure.
 */
import type { Resource } from '../../resources/index.ts'
import type { CompiledArm, CompiledDivision } from '../../resources/snapshot.ts'
import type { ResourceStore } from '../../store/index.ts'
import { type Overlay, overlay } from '../rollouts/overlay.ts'
import { stoppedArms } from './verdict.ts'

type Experiment = Resource<'Experiment'>

/** What decides about a route besides its owner. */
export interface Deciders {
  readonly rollouts: readonly Resource<'Rollout'>[]
  readonly experiments: readonly Experiment[]
}

export function decidersOf(resources: Pick<ResourceStore, 'list'>, namespace: string, route: string): Deciders {
  return {
    rollouts: resources.list('Rollout', namespace).filter(({ spec }) => spec.route === route),
    experiments: resources.list('Experiment', namespace).filter(({ spec }) => spec.route === route),
  }
}

/** @param deciders Those on this route. */
export function effective({ targets, stickyBy }: Resource<'Route'>['spec'], { rollouts, experiments }: Deciders): Overlay {
  const released = overlay(targets, rollouts)
  const experiment = experiments.find(({ status }) => status?.phase === 'Preparing' || status?.phase === 'Running')
  if (!experiment) return released
  const { metadata, spec, status } = experiment
  const arms = status?.phase === 'Running' && status.heldSince === undefined ? armsOf(experiment) : []
  const division: CompiledDivision = {
    by: `Experiment/${metadata.name}`,
    uid: metadata.uid ?? metadata.name,
    attempt: 1,
    arms: [],
    split: { stickyBy: spec.assignBy ?? stickyBy, arms },
  }
  // While nobody is divided callers are only noted before the experiment, and not while it is held: they may have been in it.
  if (arms.length === 0) return status?.phase === 'Preparing' ? { ...released, division } : released
  return { targets: byVersion(arms), by: division.by, division }
}

/** Those that still get callers. What a stopped one had the others share: a caller of theirs stays where it is. */
function armsOf({ spec, status }: Experiment): CompiledArm[] {
  const stopped = stoppedArms(status)
  const left = spec.arms.filter(({ name }) => !stopped.has(name))
  const sum = left.reduce((total, { weight }) => total + weight, 0)
  return left.map(({ name, version, weight, prompt, sampling }) => ({
    name,
    version,
    weight: (100 * weight) / sum,
    ...(prompt ? { system: prompt.system } : {}),
    ...(sampling ? { sampling } : {}),
  }))
}

function byVersion(arms: readonly CompiledArm[]): { version: string; weight: number }[] {
  const weights = new Map<string, number>()
  for (const { version, weight } of arms) weights.set(version, (weights.get(version) ?? 0) + weight)
  return [...weights].map(([version, weight]) => ({ version, weight }))
}
