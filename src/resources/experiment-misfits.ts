/** An experiment that cannot be: on a route that something else decides about, between versions of different kinds. Pure. */
import { metricKey, metricMisfits } from './comparison.ts'
import type { ExistingResources } from './cross-checks.ts'
import { isGradual } from './experiment.ts'
import { type Resource, resourceLabel } from './index.ts'
import type { FieldPath, Problem } from './problems.ts'
import { isRunning } from './rollout-misfits.ts'
import { durationMs } from './scalars.ts'

type Experiment = Resource<'Experiment'>
type Misfit = Pick<Problem, 'message' | 'expected'> & { readonly path: FieldPath }

/** One that is not decided. */
export function isExperimenting({ status }: Pick<Experiment, 'status'>): boolean {
  return status?.phase !== 'Decided'
}

export function experimentMisfits(experiment: Experiment, document: number, world: ExistingResources): Problem[] {
  return [...ofArms(experiment, world), ...ofOthers(experiment, world), ...ofMetrics(experiment), ...ofPreparation(experiment, world)].map(
    ({ path, ...misfit }) => ({ document, path: ['spec', ...path], ...misfit }),
  )
}

function ofArms({ spec, metadata }: Experiment, world: ExistingResources): Misfit[] {
  const taskOf = (name: string) => {
    const version = world.get('ModelVersion', metadata.namespace, name)
    return version && world.get('Model', metadata.namespace, version.spec.model)?.spec.task
  }
  const first = taskOf(spec.arms[0]!.version)
  return spec.arms.flatMap(({ version, prompt, sampling }, i): Misfit[] => {
    const task = taskOf(version)
    if (task === undefined) return []
    const misfits: Misfit[] = []
    if (first !== undefined && task !== first)
      misfits.push({
        path: ['arms', i, 'version'],
        message: `${version} is for ${task}, and ${spec.arms[0]!.version} for ${first}`,
        expected: `a version for ${first}`,
      })
    if (prompt && task !== 'chat')
      misfits.push({
        path: ['arms', i, 'prompt'],
        message: `${version} is for ${task}, which knows no prompt before a conversation`,
        expected: 'a version for chat, or no `prompt`',
      })
    if (sampling && task !== 'chat' && task !== 'completion')
      misfits.push({
        path: ['arms', i, 'sampling'],
        message: `${version} is for ${task}, which samples nothing`,
        expected: 'a version for chat or completion, or no `sampling`',
      })
    return misfits
  })
}

function ofOthers(experiment: Experiment, world: ExistingResources): Misfit[] {
  if (!isExperimenting(experiment)) return []
  const { namespace, name } = experiment.metadata
  const known = world.get('Experiment', namespace, name)
  if (known && !isExperimenting(known)) return []
  const isHere = (each: Resource<'Experiment'> | Resource<'Rollout'>) =>
    each.spec.route === experiment.spec.route && each.metadata.namespace === namespace
  const other = [...world.list('Experiment')].find((each) => isHere(each) && each.metadata.name !== name && isExperimenting(each))
  const release = [...world.list('Rollout')].find((each) => isHere(each) && isRunning(each))
  const misfits: Misfit[] = []
  if (other)
    misfits.push({
      path: ['route'],
      message: `${resourceLabel(other)} divides the callers of this route already`,
      expected: 'one experiment at a time: wait for its decision, or `strata experiment stop` it',
    })
  if (release)
    misfits.push({
      path: ['route'],
      message: `${resourceLabel(release)} is releasing on this route`,
      expected: 'one thing at a time: wait for it, or `strata rollout abort` it',
    })
  return misfits
}

function ofMetrics({ spec }: Experiment): Misfit[] {
  const misfits: Misfit[] = metricMisfits(spec.guardrails).map(({ path, ...misfit }) => ({ path: ['guardrails', ...path], ...misfit }))
  const again = spec.guardrails.findIndex((guardrail) => metricKey(guardrail) === metricKey(spec.primary))
  if (again !== -1)
    misfits.push({
      path: ['guardrails', again, 'name'],
      message: `${metricKey(spec.primary)} is the primary metric, by which an arm that does harm is stopped already`,
      expected: 'another metric',
    })
  return misfits
}

/** Of single requests nothing is known before. */
function ofPreparation({ spec, metadata }: Experiment, world: ExistingResources): Misfit[] {
  const by = spec.assignBy ?? world.get('Route', metadata.namespace, spec.route)?.spec.stickyBy
  if (durationMs(spec.preparation) === 0 || !by) return []
  if (!isGradual(spec.primary))
    return [
      {
        path: ['preparation'],
        message: `what callers did before makes no comparison of ${spec.primary.name} sharper`,
        expected: 'feedback, tokensPerAnswer or cost as the primary metric, or no `preparation`',
      },
    ]
  if (by.header !== undefined || by.body !== undefined || by.else === 'consumer') return []
  return [
    {
      path: ['preparation'],
      message: 'each request is assigned by itself, so there is nobody to be watched before',
      expected: '`assignBy` a header, the `user` of the body or the consumer, or no `preparation`',
    },
  ]
}
