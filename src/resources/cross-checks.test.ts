import { describe, expect, test } from 'vitest'
import { checkResources, type ExistingResources, firstDifference, referrersOf } from './cross-checks.ts'
import type { Resource } from './index.ts'
import { formatPath, formatProblem, validateResource } from './problems.ts'

const make = (kind: string, name: string, spec: object, extra: object = {}): Resource => {
  const result = validateResource({ apiVersion: 'strata.dev/v1alpha1', kind, metadata: { name }, spec, ...extra })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return result.resource
}
const model = make('Model', 'm', {})
const version = (name: string, v: string, extra: object = {}, spec: object = {}) =>
  make('ModelVersion', name, { model: 'm', version: v, source: { engine: { kind: 'simulated' } }, ...spec }, extra)
const route = (name: string, models: string[], target: string) => make('Route', name, { models, targets: [{ version: target }] })
const consumer = make('Consumer', 'c', {})
const key = (name: string, hash: string) => make('ApiKey', name, { consumer: 'c', hash: hash.repeat(64) })

const world = (...resources: Resource[]): ExistingResources => ({
  get: (kind, namespace, name) =>
    resources.find((r) => r.kind === kind && r.metadata.name === name && r.metadata.namespace === namespace) as never,
  list: (kind) => resources.filter((r) => r.kind === kind) as never,
})
const check = (given: Resource[], existing: ExistingResources = world(), others?: Set<string>) =>
  checkResources(
    given.map((resource, document) => ({ document, resource })),
    existing,
    others,
  ).map((problem) => `${problem.document} ${formatPath(problem.path)}: ${formatProblem(problem)}`)

describe('documents against what is there', () => {
  test('a whole that refers to itself is fine', () => {
    expect(check([route('r', ['m'], 'm-v1'), version('m-v1', 'v1'), model])).toEqual([])
  })
  test('a name that nothing bears, with the nearest', () => {
    expect(check([route('r', ['m'], 'm-v2')], world(model, version('m-v1', 'v1')))).toEqual([
      '0 spec.targets[0].version: there is no ModelVersion "m-v2"; did you mean "m-v1"?',
    ])
    expect(check([version('m-v1', 'v1')])).toEqual(['0 spec.model: there is no Model "m" (expected a Model, of which there is none yet)'])
  })
  test('what refers to a document that is wrong by itself is not wrong for that', () => {
    expect(check([version('m-v1', 'v1')], world(), new Set(['Model/default/m']))).toEqual([])
  })
  test('the same resource twice', () => {
    expect(check([model, model])).toEqual(['1 metadata.name: Model/m stands here twice: it is document 1 already'])
  })
  test('a version name twice in its model', () => {
    expect(check([version('other', 'v1')], world(model, version('m-v1', 'v1')))).toEqual([
      '0 spec.version: version "v1" of m is ModelVersion/m-v1 already (expected a version name that the model does not have yet)',
    ])
    expect(check([version('m-v1', 'v1')], world(model, version('m-v1', 'v1')))).toEqual([])
  })
  test('a public model name on two routes', () => {
    expect(check([route('r2', ['n', 'm'], 'm-v1')], world(model, version('m-v1', 'v1'), route('r1', ['m'], 'm-v1')))).toEqual([
      '0 spec.models[1]: model "m" is already answered by Route/r1 (expected a name that no other route has)',
    ])
    expect(
      check([route('r1', ['n'], 'm-v1'), route('r2', ['m'], 'm-v1')], world(model, version('m-v1', 'v1'), route('r1', ['m'], 'm-v1'))),
    ).toEqual([])
  })
  test('two keys with one secret', () => {
    expect(check([key('b', 'a')], world(consumer, key('a', 'a')))).toEqual([
      '0 spec.hash: ApiKey/a has the same secret (expected a secret of its own)',
    ])
  })
  test('what a version was when it became ready stays', () => {
    const established = { status: { conditions: [{ type: 'Established', status: 'True', reason: 'WasReady', lastTransitionTime: '' }] } }
    const changed = version('m-v1', 'v1', {}, { prompt: { system: 'other' }, scaling: { min: 3 } })
    expect(check([changed], world(model, version('m-v1', 'v1')))).toEqual([])
    expect(check([changed], world(model, version('m-v1', 'v1', established)))).toEqual([
      '0 spec.prompt.system: ModelVersion/m-v1 has been ready, so its answers are known by it: "prompt" cannot change any more (expected it as it was; put the change into a new ModelVersion)',
    ])
  })
})

test('who names a resource', () => {
  const all = world(model, version('m-v1', 'v1'), version('m-v2', 'v2'), route('r', ['m'], 'm-v1'))
  expect(referrersOf({ kind: 'ModelVersion', metadata: { namespace: 'default', name: 'm-v1' } }, all).map((r) => r.metadata.name)).toEqual([
    'r',
  ])
  expect(referrersOf({ kind: 'ModelVersion', metadata: { namespace: 'shop', name: 'm-v1' } }, all)).toEqual([])
})

test.each([
  [{ a: 1 }, { a: 1 }, undefined],
  [{ a: undefined }, {}, undefined],
  [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ['a', 'b', 1]],
  [{ a: [1] }, { a: [1, 2] }, ['a']],
  [{ a: null }, { a: {} }, ['a']],
])('first difference of %j and %j', (a, b, path) => {
  expect(firstDifference(a, b)).toEqual(path)
})

describe('a version on a backend', () => {
  const backend = (protocol: string, over: object = {}) => make('Backend', 'there', { protocol, address: 'http://there:1', ...over })
  const on = (source: object) => version('m-v1', 'v1', {}, { source: { backend: { name: 'there', ...source } } })
  const tensors = make('Model', 'm', { task: 'tensor' })
  const image = (protocol: string, spec: object = {}) =>
    version('m-v1', 'v1', {}, { source: { image: { name: 'a/b:1', protocol, port: 8000 } }, ...spec })

  test.each<[string, Resource[], string[]]>([
    ['a chat model on an OpenAI server', [model, backend('openai'), on({})], []],
    ['a tensor model on TorchServe', [tensors, backend('torchserve'), on({ version: '1.0' })], []],
    [
      'a chat model on Triton',
      [model, backend('oip'), on({})],
      [
        '2 spec.source.backend.name: Backend "there" speaks oip, and the task of Model "m" is chat (expected a Model with `task: tensor`, or a backend of protocol openai)',
      ],
    ],
    [
      'a tensor model on an OpenAI server',
      [tensors, backend('openai'), on({})],
      [
        '2 spec.source.backend.name: Backend "there" speaks openai, and the task of Model "m" is tensor (expected a Model of another task, or a backend of another protocol)',
      ],
    ],
    ['a label', [tensors, backend('tensorflow-serving'), on({ label: 'canary' })], []],
    [
      'a label where there are none',
      [tensors, backend('oip'), on({ label: 'canary' })],
      ['2 spec.source.backend.label: oip knows no labels (expected `version`, or a backend of protocol tensorflow-serving)'],
    ],
    [
      'a label and a version',
      [tensors, backend('tensorflow-serving'), on({ label: 'canary', version: '1' })],
      [
        '2 spec.source.backend.label: a label and a version are both named (expected one of the two; both where Strata manages the backend, which then sets the label)',
      ],
    ],
    [
      'an archive for a server that is left alone',
      [tensors, backend('torchserve'), on({ from: 'm.mar' })],
      [
        '2 spec.source.backend.from: Backend "there" is not managed by Strata, so nothing is loaded from there (expected `manage: true` on the backend)',
      ],
    ],
    ['a chat model in an image', [model, image('openai')], []],
    ['a tensor model in an image, in Docker', [tensors, image('oip', { runtime: 'docker', resources: { gpus: 1 } })], []],
    [
      'a chat model in an image of tensors, and as a process',
      [model, image('torchserve', { runtime: 'process' })],
      [
        '1 spec.runtime: an image runs in a container and not as a process beside Strata (expected `docker`, or no `runtime`)',
        '1 spec.source.image.protocol: the server in the image speaks torchserve, and the task of Model "m" is chat (expected a Model with `task: tensor`, or an image of protocol openai)',
      ],
    ],
    [
      'a backend in a container',
      [model, backend('openai'), version('m-v1', 'v1', {}, { source: { backend: { name: 'there' } }, runtime: 'docker' })],
      ['2 spec.runtime: a version on a backend runs elsewhere: Strata starts nothing for it (expected no `runtime`)'],
    ],
    [
      'a GPU for a process',
      [model, version('m-v1', 'v1', {}, { resources: { gpus: 1 } })],
      [
        '1 spec.resources.gpus: a process sees the GPUs that the machine has, and is given none of its own (expected `runtime: docker`, or `gpu: auto` among the parameters of the engine)',
      ],
    ],
    ['an archive for a server that is managed', [tensors, backend('torchserve', { manage: true }), on({ from: 'm.mar' })], []],
  ])('%s', (_, given, problems) => expect(check(given)).toEqual(problems))
})
