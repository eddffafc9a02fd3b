/**
 * How a request came to its version, for its records: by the weights of its route, and by the release that compares versions of the route.
 * Each with the probability that it had, without which nothing could be made of it later.
 */
import { onceForEach } from '../kernel/once-for-each.ts'
import type { Assignment } from '../monitoring/request-records.ts'
import type { CompiledRoute } from '../resources/snapshot.ts'
import { type Choice, unitHash } from './routing.ts'

/** Undefined where there was nothing to choose from. */
export function assignmentsOf(choice: Choice): Assignment[] | undefined {
  const { route, assigned, why, unit } = choice
  if (why !== 'weights' || route.targets.length < 2) return undefined
  const who = unit.value === undefined ? '' : unitHash(route.salt, unit)
  const byRoute: Assignment = {
    by: `Route/${route.name}#${route.generation}`,
    arm: assigned.name,
    share: route.targets.find(({ version }) => version === assigned.name)?.weight ?? 0,
    unitKind: unit.kind,
    unit: who,
  }
  const arm = comparedArm(choice)
  return arm ? [byRoute, { ...arm, unitKind: unit.kind, unit: who }] : [byRoute]
}

type Arm = Pick<Assignment, 'by' | 'arm' | 'share'>

/** What a request is to the division of its route; undefined where its version is compared with none, or its caller did not leave that to the weights. */
export function comparedArm({ route, assigned, why }: Choice): Arm | undefined {
  return route.division && why === 'weights' ? armsOf(route).get(assigned.name) : undefined
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
