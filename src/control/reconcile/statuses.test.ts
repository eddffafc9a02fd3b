import { describe, expect, it } from 'vitest'
import type { Resource } from '../../resources/index.ts'
import { modelVersion } from '../../resources/model-version.ts'
import type { BackendProbe } from '../../serving/backends/index.ts'
import { backendVersionStatus } from './statuses.ts'

const version = {
  apiVersion: 'strata.dev/v1alpha1',
  kind: 'ModelVersion',
  metadata: { name: 'big-v1', namespace: 'default', generation: 2 },
  spec: modelVersion.spec.parse({ model: 'big', version: 'v1', source: { backend: { name: 'there', model: 'llama' } } }),
} as Resource<'ModelVersion'>
const ready: BackendProbe = { reachable: true, ready: true, onlyListed: false }
const listed = (state: 'ready' | 'loading' | 'unloaded' | 'failed', reason?: string): BackendProbe => ({
  ...ready,
  models: [{ name: 'llama', state, reason }],
})

describe('a version on a backend', () => {
  it.each<[string, BackendProbe | undefined, string, string | undefined]>([
    ['not asked yet', undefined, 'Pending', undefined],
    ['nobody there', { ...ready, reachable: false, ready: false, message: 'nobody listens there' }, 'Failed', 'nobody listens there'],
    ['it loads', { ...ready, ready: false, message: 'it is loading its model' }, 'Starting', 'it is loading its model'],
    ['it lists nothing', ready, 'Ready', undefined],
    ['it lists the model', listed('ready'), 'Ready', undefined],
    ['it lists others, and takes any name', { ...ready, models: [{ name: 'x', state: 'ready' }] }, 'Ready', undefined],
    [
      'it lists others, and those are all',
      { ...ready, onlyListed: true, models: [{ name: 'x', state: 'ready' }] },
      'Failed',
      'it has no model "llama"; it has x',
    ],
    ['it has none', { ...ready, onlyListed: true, models: [] }, 'Failed', 'it has no model "llama"'],
    ['the model loads', listed('loading'), 'Starting', 'it is loading "llama"'],
    ['the model is not loaded', listed('unloaded'), 'Failed', '"llama" is not loaded there'],
    ['the model is broken', listed('failed', 'no such file'), 'Failed', '"llama" is broken there (no such file)'],
  ])('%s', (_, probe, state, message) => {
    const status = backendVersionStatus(version, { generation: 1, asked: [{ model: 'llama' }], probe }, 0)
    expect([status.state, status.message]).toEqual([state, message && `Backend there: ${message}`])
    expect(status.conditions[0]).toMatchObject({
      type: 'Ready',
      status: state === 'Ready' ? 'True' : state === 'Pending' ? 'Unknown' : 'False',
    })
  })
})
