/**
 * How a request came to its version, for its records: by the weights of its route, and by the release that compares versions of the route.
 * Each with the probability that it had, without which nothing could be made of it later.
 */
import { onceForEach } from '../kernel/once-for-each.ts'
import { type Assignment, NO_ARM } from '../monitoring/request-records.ts'
import type { CompiledRoute } from '../resources/snapshot.ts'
import { type Choice, unitHash } from './routing.ts'

/** Undefined where there was nothing to choose from. */
export function assignmentsOf(choice: Choice): Assignment[] | undefined {
  const { why, experiment } = choice
  if (why !== 'weights') return undefined
  const assignments = [...(experiment?.arm ? [] : byWeights(choice)), ...(experiment ? [byExperiment(choice, experiment)] : [])]
  return assignments.length === 0 ? undefined : assignments
}

/** By the weights of the route, and what a release makes of that. */
function byWeights(choice: Choice): Assignment[] {
  const { route, assigned, unit } = choice
  if (route.targets.length < 2) return []
  const who = unit.value === undefined ? '' : unitHash(route.salt, unit)
  const byRoute: Assignment = {
    by: `Route/${route.name}#${route.generation}`,
    arm: assigned.name,
    share: route.targets.find(({ version }) => version === assigned.name)?.weight ?? 0,
    unitKind: unit.kind,
    unit: who,
  }
  const arm = choice.experiment ? undefined : comparedArm(choice)
  return arm ? [byRoute, { ...arm, unitKind: unit.kind, unit: who }] : [byRoute]
}

function byExperiment({ route }: Choice, { unit, arm }: NonNullable<Choice['experiment']>): Assignment {
  const { by, uid, attempt } = route.division!
  return {
    by: `${by}#${uid}#${attempt}`,
    arm: arm?.name ?? NO_ARM,
    share: arm?.weight ?? 0,
    unitKind: unit.kind,
    unit: unit.value === undefined ? '' : unitHash(uid, unit),
  }
}

type Arm = Pick<Assignment, 'by' | 'arm' | 'share'>

/** What a request is to the division of its route; undefined where its version is compared with none, or its caller did not leave that to the weights. */
export function comparedArm(choice: Choice): Arm | undefined {
  const { route, assigned, why, experiment } = choice
  if (!route.division || why !== 'weights') return undefined
  if (experiment) return experiment.arm && byExperiment(choice, experiment)
  return armsOf(route).get(assigned.name)
}

/** Arms that get requests, by version: none when there is no second one to compare with. */
const armsOf = onceForEach(({ targets, division }: CompiledRoute): ReadonlyMap<string, Arm> => {
  if (!division) return new Map()
  const arms = targets.filter(({ version, weight }) => weight > 0 && division.arms.includes(version))
  if (arms.length < 2) return new Map()
  const by = `${division.by}#${division.uid}#${division.attempt}`
  const sum = arms.reduce((total, { weight }) => total + weight, 0)
  return new Map(arms.map(({ version, weight }) => [version, { by, arm: version, share: (100 * weight) / sum }]))
})
