import { expect, test } from 'vitest'
import type { Resource } from '../../resources/index.ts'
import { validateResource } from '../../resources/problems.ts'
import { programOf, type WeightsState } from './identity.ts'
import { type InstanceView, steadied, versionStatus } from './version-status.ts'

function version(spec: object = {}, whenUnavailable = 'simulate'): Resource<'ModelVersion'> {
  const engine = { kind: 'llama', weights: { from: ['hf:a/b/c.gguf'] }, whenUnavailable }
  const result = validateResource({
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'ModelVersion',
    metadata: { name: 'v1' },
    spec: { model: 'm', version: 'v1', source: { engine }, ...spec },
  })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return result.resource as Resource<'ModelVersion'>
}
const here: WeightsState = { phase: 'here', path: '/w', sha256: 'f'.repeat(64), bytes: 5, from: 'hf:a/b/c.gguf' }
const fetching: WeightsState = { phase: 'fetching', from: 'hf:a/b/c.gguf', receivedBytes: 2, totalBytes: 5 }
const missing: WeightsState = { phase: 'missing', failed: 'No place had them.', retryAt: 1 }
const retrying: WeightsState = { phase: 'fetching', failed: 'No place had them.' }
const instance = (state: InstanceView['state'], message?: string, standIn = false): InstanceView => ({
  ...{ id: 'v1-0', state, standIn },
  ...(message === undefined ? {} : { message }),
})

test.each<[string, object, WeightsState | undefined, InstanceView[], object]>([
  ['nothing yet', {}, here, [], { state: 'Pending', instances: { wanted: 1, ready: 0 } }],
  ['downloading', {}, fetching, [], { state: 'Fetching', weights: { from: 'hf:a/b/c.gguf', bytes: 5, receivedBytes: 2 } }],
  ['no place had it, and one is about to stand in', {}, missing, [], { state: 'Pending', message: 'No place had them.' }],
  ['starting', {}, here, [instance('starting')], { state: 'Starting' }],
  [
    'ready',
    {},
    here,
    [instance('ready')],
    { state: 'Ready', weights: { sha256: 'f'.repeat(64), bytes: 5 }, instances: { wanted: 1, ready: 1 } },
  ],
  [
    'one of two',
    { scaling: { min: 2 } },
    here,
    [instance('ready'), instance('loading')],
    { state: 'Degraded', message: '1 of 2 instances are ready.' },
  ],
  [
    'ended and waiting',
    {},
    here,
    [instance('failed', 'exit code 1: no memory')],
    { state: 'Failed', message: 'v1-0: exit code 1: no memory' },
  ],
  ['it says why', {}, here, [instance('loading', 'not a GGUF')], { state: 'Starting', message: 'v1-0: not a GGUF' }],
  ['an image is fetched', {}, here, [instance('pulling', '1 of 8 MB')], { state: 'Fetching', message: 'v1-0: 1 of 8 MB' }],
  ['about to be given to its runtime', {}, here, [instance('pending')], { state: 'Pending' }],
  ['no room for it', {}, here, [instance('pending', 'too much')], { state: 'Failed', message: 'v1-0: too much' }],
  [
    'a stand-in',
    {},
    missing,
    [instance('ready', undefined, true)],
    { state: 'Degraded', simulated: true, message: 'The SIMULATED engine answers. No place had them.' },
  ],
  [
    'a stand-in while the real one starts',
    {},
    here,
    [instance('ready', undefined, true), instance('starting')],
    { state: 'Degraded', simulated: true, message: 'The SIMULATED engine answers. The real one is starting.' },
  ],
  ['stopped', { scaling: { min: 0 } }, here, [], { state: 'Stopped' }],
])('%s', (_, spec, weights, instances, expected) => {
  expect(versionStatus(version(spec), weights, instances, 0)).toMatchObject(expected)
})

test('no place had it, and nothing stands in', () => {
  expect(versionStatus(version({}, 'wait'), missing, [], 0)).toMatchObject({ state: 'Failed', message: 'No place had them.' })
})

test('established once it was ready by itself, for good; a stand-in does not count', () => {
  const types = (status: { conditions: { type: string }[] }) => status.conditions.map(({ type }) => type)
  expect(types(versionStatus(version(), missing, [instance('ready', undefined, true)], 0))).toEqual(['Ready'])
  const ready = versionStatus(version(), here, [instance('ready')], 0)
  expect(types(ready)).toEqual(['Ready', 'Established'])
  expect(types(versionStatus({ ...version(), status: ready }, missing, [], 1))).toEqual(['Ready', 'Established'])
})

test('the time of the last transition stays until the status changes', () => {
  const first = versionStatus(version(), here, [instance('ready')], 1_000)
  const same = versionStatus({ ...version(), status: first }, here, [instance('ready')], 2_000)
  expect(same).toEqual(first)
  const gone = versionStatus({ ...version(), status: first }, here, [instance('starting')], 3_000)
  expect(gone.conditions[0]).toMatchObject({ status: 'False', lastTransitionTime: new Date(3_000).toISOString() })
})

const engineOf = (of: Resource<'ModelVersion'>, weights: WeightsState) => {
  const program = programOf(of, weights)
  return program && 'engine' in program ? program.engine : undefined
}

test.each<[string, 'wait' | 'simulate', WeightsState, string | undefined]>([
  ['the first download is waited for', 'simulate', fetching, undefined],
  ['no place had it', 'simulate', missing, 'simulated'],
  ['tried again meanwhile', 'simulate', retrying, 'simulated'],
  ['no place had it, and nobody wants a stand-in', 'wait', missing, undefined],
  ['it is here', 'simulate', here, 'llama'],
])('what runs: %s', (_, whenUnavailable, weights, expected) => {
  expect(engineOf(version({}, whenUnavailable), weights)?.kind).toBe(expected)
})

test('a stand-in is the same at every attempt, or it would be replaced each time', () => {
  expect(engineOf(version(), { ...missing, failed: 'other words' })).toEqual(engineOf(version(), retrying))
})

const policy = { scaling: { min: 0, max: 4, policy: { knative: { target: 5 } } } }
const scaling = { wanted: 3, reason: '12.1 requests at a time.', since: '2026-11-28T00:00:00.000Z' }

test.each<[string, number, InstanceView[], object]>([
  ['nobody asks', 0, [], { state: 'Stopped', message: 'Nobody asks; the first request starts one.', instances: { wanted: 0, ready: 0 } }],
  ['more are on their way', 3, [instance('ready'), instance('loading')], { state: 'Ready', message: '1 of 3 instances are ready.' }],
  ['one finds no room', 2, [instance('ready'), instance('pending', 'no room')], { state: 'Degraded', message: 'v1-0: no room' }],
  ['the first one starts', 1, [instance('starting')], { state: 'Starting', instances: { wanted: 1, ready: 0 } }],
])('with a policy: %s', (_, wanted, instances, expected) => {
  expect(versionStatus(version(policy), here, instances, 0, undefined, { wanted, scaling })).toMatchObject({ ...expected, scaling })
})

test('the words of a policy change no more often than they may, unless what it wants changes', () => {
  const other = { ...scaling, reason: '12.2 requests at a time.' }
  expect(steadied(other, scaling, true)).toBe(scaling)
  expect(steadied(other, scaling, false)).toBe(other)
  expect(steadied({ ...other, wanted: 4 }, scaling, true)).toMatchObject({ wanted: 4, reason: other.reason })
  expect(steadied({ ...other, startupMs: 900 }, scaling, true)).toMatchObject({ startupMs: 900 })
  expect(steadied(other, undefined, true)).toBe(other)
  expect(steadied(undefined, scaling, true)).toBeUndefined()
})
