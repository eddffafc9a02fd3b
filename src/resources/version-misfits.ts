/** A version whose server cannot do what the version is for, or that cannot run where it shall. Pure. */
import type { Protocol } from './backend.ts'
import type { ExistingResources } from './cross-checks.ts'
import type { Resource, Spec } from './index.ts'
import type { Task } from './model.ts'
import { runtimeOf } from './model-version.ts'
import type { FieldPath, Problem } from './problems.ts'

type Misfit = Pick<Problem, 'message' | 'expected'> & { readonly path: FieldPath }

export function versionMisfits({ spec, metadata }: Resource<'ModelVersion'>, document: number, world: ExistingResources): Problem[] {
  const { backend: source, image } = spec.source
  const task = world.get('Model', metadata.namespace, spec.model)?.spec.task
  const backend = source && world.get('Backend', metadata.namespace, source.name)?.spec
  return [
    ...ofRuntime(spec),
    ...ofScaling(spec),
    ...(image ? ofTask(task, image.protocol, ['source', 'image', 'protocol'], 'the server in the image', 'an image', spec.model) : []),
    ...(source && backend ? ofBackend(source, backend, task, spec.model) : []),
  ].map(({ path, ...misfit }) => ({ document, path: ['spec', ...path], ...misfit }))
}

function ofRuntime(spec: Spec<'ModelVersion'>): Misfit[] {
  const { source, runtime, resources } = spec
  if (source.image && runtime === 'process')
    return [
      {
        path: ['runtime'],
        message: 'an image runs in a container and not as a process beside Strata',
        expected: '`docker`, or no `runtime`',
      },
    ]
  if (source.backend && runtime === 'docker')
    return [{ path: ['runtime'], message: 'a version on a backend runs elsewhere: Strata starts nothing for it', expected: 'no `runtime`' }]
  if (source.engine && runtimeOf(spec) === 'process' && resources?.gpus)
    return [
      {
        path: ['resources', 'gpus'],
        message: 'a process sees the GPUs that the machine has, and is given none of its own',
        expected: '`runtime: docker`, or `gpu: auto` among the parameters of the engine',
      },
    ]
  return []
}

function ofScaling({ source, scaling }: Spec<'ModelVersion'>): Misfit[] {
  if (!source.backend || !scaling.policy) return []
  const message = 'a version on a backend runs elsewhere: Strata starts no instance of it, so there is nothing to scale'
  return [{ path: ['scaling', 'policy'], message, expected: 'no `policy`' }]
}

function ofTask(task: Task | undefined, protocol: Protocol, path: FieldPath, who: string, what: string, model: string): Misfit[] {
  const tensors = protocol !== 'openai'
  if (task === undefined || tensors === (task === 'tensor')) return []
  const expected = tensors
    ? `a Model with \`task: tensor\`, or ${what} of protocol openai`
    : `a Model of another task, or ${what} of another protocol`
  return [{ path, message: `${who} speaks ${protocol}, and the task of Model ${JSON.stringify(model)} is ${task}`, expected }]
}

function ofBackend(
  source: NonNullable<Spec<'ModelVersion'>['source']['backend']>,
  { protocol, manage }: Spec<'Backend'>,
  task: Task | undefined,
  model: string,
): Misfit[] {
  const named = `Backend ${JSON.stringify(source.name)}`
  const at = (field: string): FieldPath => ['source', 'backend', field]
  const misfits = ofTask(task, protocol, at('name'), named, 'a backend', model)
  if (source.label !== undefined && protocol !== 'tensorflow-serving')
    misfits.push({
      path: at('label'),
      message: `${protocol} knows no labels`,
      expected: '`version`, or a backend of protocol tensorflow-serving',
    })
  if (source.label !== undefined && source.version !== undefined && !manage)
    misfits.push({
      path: at('label'),
      message: 'a label and a version are both named',
      expected: 'one of the two; both where Strata manages the backend, which then sets the label',
    })
  if (source.from !== undefined && !manage)
    misfits.push({
      path: at('from'),
      message: `${named} is not managed by Strata, so nothing is loaded from there`,
      expected: '`manage: true` on the backend',
    })
  return misfits
}
