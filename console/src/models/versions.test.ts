import { describe, expect, it } from 'vitest'
import type { SystemStatus, VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import {
  compareVersions,
  imageName,
  instanceHref,
  type Known,
  modelGroups,
  shapeInWords,
  versionRow,
  weightsName,
  whichThere,
} from './versions.ts'

const metadata = (name: string) => ({ name, namespace: 'default', uid: name, generation: 1 })
const model = (name: string): Resource<'Model'> => ({ apiVersion: 'x', kind: 'Model', metadata: metadata(name), spec: { task: 'chat' } })
const version = (name: string) =>
  ({
    apiVersion: 'x',
    kind: 'ModelVersion',
    metadata: metadata(`m-${name}`),
    spec: { model: 'm', version: name },
  }) as unknown as Resource<'ModelVersion'>
const route = (spec: object, status?: object) =>
  ({ apiVersion: 'x', kind: 'Route', metadata: metadata('r'), spec: { fallbacks: [], ...spec }, status }) as unknown as Resource<'Route'>

const load = (residentBytes: number) => ({ running: 0, waiting: 0, sequences: 1, residentBytes })
const known = (more: Partial<Known> = {}): Known => ({
  models: [model('m'), model('bare')],
  versions: [version('v1'), version('v2'), version('v10')],
  routes: [route({ targets: [{ version: 'm-v1', weight: 100 }], fallbacks: [{ version: 'm-v2', on: ['timeout'] }] })],
  status: {
    versions: [
      {
        name: 'm-v1',
        namespace: 'default',
        state: 'Ready',
        simulated: false,
        instances: { wanted: 2, ready: 2, list: [{ load: load(5) }, { load: load(7) }, {}] },
      },
      {
        name: 'm-v2',
        namespace: 'default',
        state: 'Failed',
        message: 'No place had the weights.',
        simulated: false,
        instances: { wanted: 1, ready: 0, list: [] },
      },
    ],
  } as unknown as SystemStatus,
  traffic: undefined,
  ...more,
})

const state = (engine: VersionStatus['engine'], its: VersionStatus['state']): Known => {
  const instances = { wanted: 1, ready: 0, list: [{ load: { running: 1, waiting: 0 } }], left: [] }
  const status = { name: 'm-v1', namespace: 'default', engine, state: its, simulated: false, instances }
  return known({ status: { versions: [status] } as unknown as SystemStatus })
}

describe('model groups', () => {
  it('hold every model, versions newest first by number', () => {
    const [m, bare] = modelGroups(known())
    expect(m!.versions.map(({ resource }) => resource.spec.version)).toEqual(['v10', 'v2', 'v1'])
    expect(bare!.versions).toEqual([])
    expect(['v2', 'v10', 'v1'].sort(compareVersions)).toEqual(['v1', 'v2', 'v10'])
  })

  it('say what each version is, why, and with which memory', () => {
    const [v10, v2, v1] = modelGroups(known())[0]!.versions
    expect(v1).toMatchObject({ state: 'Ready', health: 'good', reason: '', residentBytes: 12 })
    expect(v2).toMatchObject({ state: 'Failed', health: 'bad', reason: 'No place had the weights.', residentBytes: undefined })
    expect(v10).toMatchObject({ state: 'Pending', health: 'busy', reason: 'Control has not looked at it yet.' })
  })

  it.each([
    ['image', 'Fetching', 'Its image is being fetched.'],
    ['llama', 'Fetching', 'Its weights are being fetched.'],
    ['image', 'Starting', 'The servers in its containers start.'],
    ['llama', 'Starting', 'Its instances load the weights.'],
    ['simulated', 'Starting', 'Its instances start.'],
    ['image', 'Pending', 'Its instances are about to start.'],
    ['backend', 'Pending', 'Its backend is asked whether it answers.'],
    ['image', 'Ready', ''],
  ] as const)('say of one of kind %s that is %s: %s', (engine, its, reason) => {
    const row = versionRow(version('v1'), state(engine, its))
    // A server that does not tell its memory takes some all the same.
    expect(row).toMatchObject({ reason, residentBytes: undefined })
  })

  it('tell what runs rather than what is written, and who stands by', () => {
    const shares = (each: Known) =>
      modelGroups(each)[0]!.versions.map((row) => row.shares.map(({ weight, fallback }) => ({ weight, fallback })))
    expect(shares(known())).toEqual([[], [{ weight: 0, fallback: true }], [{ weight: 100, fallback: false }]])
    const effective = {
      targets: [
        { version: 'm-v1', weight: 40 },
        { version: 'm-v10', weight: 60 },
      ],
      by: 'Rollout/x',
    }
    const rolled = known({ routes: [route({ targets: [{ version: 'm-v1', weight: 100 }] }, { effective, conditions: [] })] })
    expect(shares(rolled)).toEqual([[{ weight: 60, fallback: false }], [], [{ weight: 40, fallback: false }]])
  })
})

it.each([
  ['SmolLM2-135M-Instruct.Q4_1.gguf', 'SmolLM2-135M-Instruct', 'Q4_1'],
  ['llama-3.1-8b-instruct-q4_k_m.gguf', 'llama-3.1-8b-instruct', 'Q4_K_M'],
  ['model-IQ2_XXS.gguf', 'model', 'IQ2_XXS'],
  ['gemma.BF16.gguf', 'gemma', 'BF16'],
  ['weights.gguf', 'weights', undefined],
  ['Q8.gguf', 'Q8', undefined],
])('%s is %s, quantised %s', (file, name, quantisation) => {
  expect(weightsName(file)).toEqual({ name, quantisation })
})

it('shapes of tensors in words', () => {
  expect([shapeInWords([]), shapeInWords([-1, 4]), shapeInWords([1, 3, 1024])]).toEqual(['one value', 'any × 4', '1 × 3 × 1,024'])
})

it('which of a model on a backend is meant', () => {
  const each = [undefined, { name: 'b' }, { name: 'b', version: '3' }, { name: 'b', label: 'stable' }]
  expect(each.map(whichThere)).toEqual(['', '', ' version 3', ' labelled stable'])
})

it.each([
  ['nginx', 'nginx', undefined, undefined],
  ['vllm/vllm-openai:v0.11.0', 'vllm/vllm-openai', 'v0.11.0', undefined],
  ['localhost:5000/team/server', 'localhost:5000/team/server', undefined, undefined],
  ['localhost:5000/team/server:1@sha256:abc123', 'localhost:5000/team/server', '1', 'abc123'],
  ['server@sha256:abc123', 'server', undefined, 'abc123'],
])('the image %s', (image, name, tag, digest) => {
  expect(imageName(image)).toEqual({ name, tag, digest })
})

it('an instance has an address on the page of its version', () => {
  const elsewhere = { ...version('v1'), metadata: { ...metadata('m-v1'), namespace: 'team' } }
  expect(instanceHref(version('v1'), 'm-v1-0-abc')).toBe('/models/m/v1?instance=m-v1-0-abc')
  expect(instanceHref(elsewhere, 'm-v1-0-abc')).toBe('/models/m/v1?namespace=team&instance=m-v1-0-abc')
})
