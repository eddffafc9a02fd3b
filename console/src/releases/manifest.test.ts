import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { KINDS, type Resource } from '../../../src/resources/index.ts'
import { firstRelease } from './manifest.ts'

const route = {
  metadata: { name: 'chat', namespace: 'default' },
  spec: { targets: [{ version: 'm-v1', weight: 100 }] },
} as unknown as Resource<'Route'>
const version = (name: string) =>
  ({ metadata: { name, namespace: 'default' }, spec: { model: 'm' } }) as unknown as Resource<'ModelVersion'>

it.each([
  ['an empty system', { routes: [], versions: [] }, { route: 'helper', from: 'helper-v1', to: 'helper-v2' }],
  ['one version', { routes: [route], versions: [version('m-v1')] }, { route: 'chat', from: 'm-v1', to: 'm-v2' }],
  ['another version', { routes: [route], versions: [version('m-v1'), version('m-new')] }, { route: 'chat', from: 'm-v1', to: 'm-new' }],
])('the first release of %s is a valid manifest of what there is', (_, known, expected) => {
  const { kind, spec } = parse(firstRelease(known)) as { kind: string; spec: unknown }
  expect(kind).toBe('Rollout')
  expect(KINDS.Rollout.spec.parse(spec)).toMatchObject(expected)
})
