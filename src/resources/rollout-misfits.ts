/** A release that cannot be: to itself, between versions that its route does not know, beside another one. Pure. */
import { metricMisfits } from './comparison.ts'
import type { ExistingResources } from './cross-checks.ts'
import { isExperimenting } from './experiment-misfits.ts'
import { type Resource, resourceLabel } from './index.ts'
import type { FieldPath, Problem } from './problems.ts'

type Rollout = Resource<'Rollout'>
type Misfit = Pick<Problem, 'message' | 'expected'> & { readonly path: FieldPath }

/** One that still decides: neither promoted nor rolled back. */
export function isRunning({ status }: Pick<Rollout, 'status'>): boolean {
  return status?.phase !== 'Healthy' && status?.phase !== 'Degraded'
}

/** Whether requests must show anything before all of the traffic is given. */
export function isJudged({ analysis }: Rollout['spec']): boolean {
  return analysis.metrics.some(({ watch, margin }) => !watch && margin !== undefined)
}

export function rolloutMisfits(rollout: Rollout, document: number, world: ExistingResources): Problem[] {
  const { spec } = rollout
  const problems = spec.from === spec.to ? [toItself(spec.to)] : [...ofRoute(rollout, world), ...ofTasks(rollout, world)]
  return [...problems, ...ofOthers(rollout, world), ...ofMetrics(rollout), ...ofSteps(rollout)].map(({ path, ...misfit }) => ({
    document,
    path: ['spec', ...path],
    ...misfit,
  }))
}

/** Why a rollout may not be deleted now. */
export function whyKept(rollout: Rollout, world: ExistingResources): { readonly message: string; readonly advice: string } | undefined {
  const { spec, status, metadata } = rollout
  if (status?.phase !== 'Healthy') return undefined
  const route = world.get('Route', metadata.namespace, spec.route)
  if (!route?.spec.targets.some(({ version, weight }) => version === spec.from && weight > 0)) return undefined
  return {
    message: `${resourceLabel(rollout)} has promoted ${spec.to}, but ${resourceLabel(route)} still says ${spec.from}: without the rollout its traffic would go back there.`,
    advice: `Write ${spec.to} into the route and apply it first, or go back on purpose: strata rollout undo ${metadata.name}`,
  }
}

function toItself(version: string): Misfit {
  return { path: ['to'], message: `this would be a release from ${version} to itself`, expected: 'another version than `from`' }
}

function ofRoute({ spec, metadata }: Rollout, world: ExistingResources): Misfit[] {
  const route = world.get('Route', metadata.namespace, spec.route)
  if (!route) return []
  const others = rolloutsOn(spec.route, metadata.namespace, world).filter((other) => other.metadata.name !== metadata.name)
  // What runs: each promoted release has put its new version in the place of its old one, the older first.
  const promotions = others.filter(({ status }) => status?.phase === 'Healthy').sort(byAge)
  const written = route.spec.targets.filter(({ weight }) => weight > 0).map(({ version }) => version)
  const sent = promotions.reduce(
    (versions, other) => versions.map((version) => (version === other.spec.from ? other.spec.to : version)),
    written,
  )
  const problems: Misfit[] = []
  if (!sent.includes(spec.from))
    problems.push({
      path: ['from'],
      message: `${resourceLabel(route)} sends nothing to ${JSON.stringify(spec.from)}, so nothing can be taken from it`,
      expected: sent.length === 1 ? `${sent[0]}` : `one of ${sent.join(', ')}`,
    })
  if (sent.includes(spec.to))
    problems.push({
      path: ['to'],
      message: `${resourceLabel(route)} sends a share to ${JSON.stringify(spec.to)} already, beside which a release would compare nothing`,
      expected: 'a version that the route gives no weight',
    })
  return problems
}

function ofTasks({ spec, metadata }: Rollout, world: ExistingResources): Misfit[] {
  const taskOf = (name: string) => {
    const version = world.get('ModelVersion', metadata.namespace, name)
    return version && world.get('Model', metadata.namespace, version.spec.model)?.spec.task
  }
  const [from, to] = [taskOf(spec.from), taskOf(spec.to)]
  if (from === undefined || to === undefined || from === to) return []
  return [{ path: ['to'], message: `${spec.to} is for ${to}, and ${spec.from} for ${from}`, expected: `a version for ${from}` }]
}

function ofOthers(rollout: Rollout, world: ExistingResources): Misfit[] {
  if (!isRunning(rollout)) return []
  const { namespace, name } = rollout.metadata
  const known = world.get('Rollout', namespace, name)
  if (known && !isRunning(known)) return []
  const other = rolloutsOn(rollout.spec.route, namespace, world).find((each) => each.metadata.name !== name && isRunning(each))
  const experiment = [...world.list('Experiment')].find((each) => isOn(each, rollout) && isExperimenting(each))
  const misfits: Misfit[] = []
  if (other)
    misfits.push({
      path: ['route'],
      message: `${resourceLabel(other)} is releasing on this route already`,
      expected: 'one release at a time: wait for it, or `strata rollout abort` it',
    })
  if (experiment)
    misfits.push({
      path: ['route'],
      message: `${resourceLabel(experiment)} divides the callers of this route`,
      expected: 'one thing at a time: wait for its decision, or `strata experiment stop` it',
    })
  return misfits
}

const isOn = (one: { metadata: { namespace: string }; spec: { route: string } }, other: typeof one) =>
  one.spec.route === other.spec.route && one.metadata.namespace === other.metadata.namespace

function ofMetrics({ spec }: Rollout): Misfit[] {
  return metricMisfits(spec.analysis.metrics).map(({ path, ...misfit }) => ({ path: ['analysis', 'metrics', ...path], ...misfit }))
}

/** All at once compares nothing, so nothing that must be shown could be. */
function ofSteps({ spec }: Rollout): Misfit[] {
  const first = spec.steps.findIndex((step) => 'weight' in step)
  const step = spec.steps[first]
  if (!isJudged(spec) || !step || !('weight' in step) || step.weight < 100) return []
  return [
    {
      path: ['steps', first, 'weight'],
      message: 'the first weight is all of the traffic, beside which nothing can be compared',
      expected: 'a smaller weight first, or `analysis: { metrics: [] }`',
    },
  ]
}

/** The older first. */
export function byAge(a: Rollout, b: Rollout): number {
  const [first, second] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  return first < second ? -1 : first > second ? 1 : a.metadata.name < b.metadata.name ? -1 : 1
}

function rolloutsOn(route: string, namespace: string, world: ExistingResources): Rollout[] {
  return [...world.list('Rollout')].filter((each) => each.spec.route === route && each.metadata.namespace === namespace)
}
