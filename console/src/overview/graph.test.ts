import { expect, it } from 'vitest'
import type { InstanceStatus, SystemStatus, VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { buildGraph } from './graph.ts'

const instance = (more: Partial<InstanceStatus>): InstanceStatus => ({
  ...{ id: 'm-v1-0-abc', state: 'ready', since: 0, runtime: 'docker', simulated: false, restarts: 0, changes: [] },
  ...more,
})

function nodesOf(state: VersionStatus['state'], list: readonly InstanceStatus[]) {
  const version = { kind: 'ModelVersion', metadata: { name: 'm-v1', namespace: 'default' }, spec: { model: 'm', version: 'v1' } }
  const status = {
    processes: [],
    gateways: [],
    versions: [
      { name: 'm-v1', namespace: 'default', engine: 'image', state, simulated: false, instances: { wanted: 1, ready: 0, list, left: [] } },
    ],
  }
  const versions = [version as unknown as Resource<'ModelVersion'>]
  return buildGraph({ status: status as unknown as SystemStatus, traffic: undefined, routes: [], versions }).nodes
}

it.each([
  ['ready', 'good', {}],
  ['3 running · 2 waiting', 'good', { load: { running: 3, waiting: 2 } }],
  ['0 of 4 busy', 'good', { load: { running: 0, sequences: 4, waiting: 0 } }],
  ['pulling 12.5 of 80.0 MB', 'busy', { state: 'pulling', message: 'pulling 12.5 of 80.0 MB' }],
  ['starting', 'busy', { state: 'starting', message: 'killed', load: { running: 0, waiting: 0 } }],
  ['failed', 'bad', { state: 'failed', message: 'exit code 1' }],
] as const)('an instance: %s, %s', (detail, health, more) => {
  expect(nodesOf('Ready', [instance(more)]).find(({ column }) => column === 4)).toMatchObject({ detail, health })
})

it('an image that is fetched is not called weights', () => {
  expect(nodesOf('Fetching', []).find(({ column }) => column === 3)).toMatchObject({ detail: 'fetching its image', health: 'busy' })
})
