import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { KINDS, type Resource } from '../../../src/resources/index.ts'
import { firstExperiment } from './manifest.ts'

const route = (target: string) =>
  ({
    metadata: { name: 'chat', namespace: 'default' },
    spec: { targets: [{ version: target, weight: 100 }] },
  }) as unknown as Resource<'Route'>
const version = (name: string) =>
  ({ metadata: { name, namespace: 'default' }, spec: { model: 'm' } }) as unknown as Resource<'ModelVersion'>

it.each([
  ['an empty system', { routes: [], versions: [] }, 'helper', ['helper-v1', 'helper-v1'], true],
  ['one version', { routes: [route('m-v1')], versions: [version('m-v1')] }, 'chat', ['m-v1', 'm-v1'], true],
  ['two versions', { routes: [route('m-v1')], versions: [version('m-v1'), version('m-v2')] }, 'chat', ['m-v1', 'm-v2'], false],
  ['a version whose name is a number', { routes: [route('1')], versions: [version('1')] }, 'chat', ['1', '1'], true],
])('the first experiment of %s is a valid manifest of what there is', (_, known, name, versions, prompted) => {
  const { kind, spec } = parse(firstExperiment(known)) as { kind: string; spec: unknown }
  expect(kind).toBe('Experiment')
  const read = KINDS.Experiment.spec.parse(spec)
  expect(read.route).toBe(name)
  expect(read.arms.map((arm) => arm.version)).toEqual(versions)
  expect(read.arms[1]!.prompt !== undefined).toBe(prompted)
})
