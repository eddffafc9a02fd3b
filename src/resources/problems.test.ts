import { describe, expect, test } from 'vitest'
import { formatPath, formatProblem, validateResource } from './problems.ts'

const head = { apiVersion: 'strata.dev/v1alpha1', metadata: { name: 'x' } }
const route = (spec: object) => ({ ...head, kind: 'Route', spec: { models: ['m'], targets: [{ version: 'v1' }], ...spec } })
const rollout = (spec: object) => ({ ...head, kind: 'Rollout', metadata: { name: 'x' }, spec: { route: 'r', from: 'a', to: 'b', ...spec } })
const limit = (...rules: unknown[]) => ({ ...head, kind: 'Limit', spec: { rules } })
const version = (spec: object) => ({
  ...head,
  kind: 'ModelVersion',
  spec: { model: 'm', version: 'v1', source: { engine: { kind: 'simulated' } }, ...spec },
})
const backend = (bearer: unknown) => ({
  ...head,
  kind: 'Backend',
  spec: { protocol: 'openai', address: 'http://x', credentials: { bearer } },
})

function told(document: unknown): string[] {
  const result = validateResource(document)
  return 'resource' in result ? [] : result.problems.map((problem) => `${formatPath(problem.path)}: ${formatProblem(problem)}`)
}

describe('what is wrong is said field by field', () => {
  test.each<[string, unknown, string[]]>([
    ['no mapping', 5, [': 5 is not a manifest (expected apiVersion, kind, metadata and spec)']],
    [
      'nothing in it',
      {},
      [
        'apiVersion: missing field "apiVersion" (expected "strata.dev/v1alpha1")',
        'kind: missing field "kind" (expected Model, Limit, Backend, ModelVersion, Route, Consumer, ApiKey, Rollout or Experiment)',
        'metadata: missing field "metadata" (expected a name: metadata: { name: … })',
      ],
    ],
    [
      'another apiVersion',
      { ...head, apiVersion: 'v1', kind: 'Model', spec: {} },
      ['apiVersion: "v1" is not an apiVersion that this program knows (expected "strata.dev/v1alpha1")'],
    ],
    [
      'texts that no database can hold',
      {
        ...head,
        kind: 'Model',
        metadata: { name: 'x', labels: { 'a\0': 'b' }, annotations: { a: '\ud83e' } },
        spec: { description: 'a\0b' },
      },
      [
        'metadata.labels: the name "a\\u0000" holds a NUL or half of a character (expected whole characters)',
        'metadata.annotations.a: the text holds a NUL or half of a character (expected whole characters)',
        'spec.description: the text holds a NUL or half of a character (expected whole characters)',
      ],
    ],
    ['a misspelt kind', { ...head, kind: 'Rout', spec: {} }, ['kind: unknown kind "Rout"; did you mean "Route"?']],
    ['a misspelt "kind"', { ...head, knd: 'Model', spec: {} }, ['knd: unknown field "knd"; did you mean "kind"?']],
    ['no spec where one is needed', { ...head, kind: 'Limit' }, ['spec: missing field "spec" (expected fields: per, rules)']],
    ['an empty spec', { ...head, kind: 'Limit', spec: null }, ['spec: "spec" is empty (expected fields: per, rules)']],
    [
      'a misspelt name is one problem',
      { ...head, kind: 'Model', metadata: { nme: 'x' }, spec: {} },
      ['metadata.nme: unknown field "nme"; did you mean "name"?'],
    ],
    [
      'a name that is no label',
      { ...head, kind: 'Model', metadata: { name: 'My Model' }, spec: {} },
      [
        'metadata.name: "My Model" does not fit (expected a DNS label: lower-case letters, digits and "-", at most 63, no "-" at either end)',
      ],
    ],
    [
      'a typo in a list',
      route({
        targets: [
          { version: 'v1', wieght: 50 },
          { version: 'v2', weight: 50 },
        ],
      }),
      ['spec.targets[0].wieght: unknown field "wieght"; did you mean "weight"?'],
    ],
    [
      'weights that do not add up',
      route({
        targets: [
          { version: 'v1', weight: 50 },
          { version: 'v2', weight: 20 },
        ],
      }),
      ['spec.targets: the weights add up to 70 (expected weights that add up to 100)'],
    ],
    ['an empty list', route({ models: [] }), ['spec.models: the list has 0 (expected at least 1 entry)']],
    ['a text for a mapping', route({ retries: 'no' }), ['spec.retries: "no" is not a mapping of fields (expected fields: attempts, on)']],
    ['a number for a text', version({ version: 1 }), ['spec.version: 1 is not a string (expected a string: "1")']],
    ['a text for a number', limit({ requests: 'lots' }), ['spec.rules[0].requests: "lots" is not a number (expected an integer ≥ 1)']],
    ['a fraction', version({ scaling: { min: 1.5 } }), ['spec.scaling.min: 1.5 is not an integer (expected an integer from 0 to 64)']],
    ['too big', version({ sampling: { temperature: 4 } }), ['spec.sampling.temperature: 4 is too big (expected a number from 0 to 2)']],
    [
      'no duration',
      version({ drainTimeout: '5 minutes' }),
      ['spec.drainTimeout: "5 minutes" does not fit (expected a duration such as "500ms", "30s" or "1h30m")'],
    ],
    [
      'a value that breaks two rules at once',
      rollout({ analysis: { window: '5x', maxDuration: 'soon' } }),
      [
        'spec.analysis.window: "5x" does not fit (expected a duration such as "500ms", "30s" or "1h30m")',
        'spec.analysis.maxDuration: "soon" does not fit (expected a duration such as "500ms", "30s" or "1h30m")',
      ],
    ],
    [
      'a list that breaks two rules at once',
      {
        ...head,
        kind: 'Experiment',
        metadata: { name: 'x' },
        spec: {
          route: 'r',
          arms: [
            { name: 'a', version: 'v', weight: 90 },
            { name: 'a', version: 'v', weight: 90 },
          ],
          primary: { name: 'feedback', minimumEffect: 2 },
        },
      },
      [
        'spec.arms: the weights add up to 180 (expected weights that add up to 100)',
        'spec.arms: the list does not fit (expected each name once)',
      ],
    ],
    [
      'steps that go down',
      rollout({ steps: [{ weight: 50 }, { weight: 10 }] }),
      ['spec.steps: the list does not fit (expected weights that grow from step to step)'],
    ],
    [
      'an engine that is none',
      version({ source: { engine: { kind: 'lama' } } }),
      ['spec.source.engine.kind: "lama" is not one of the allowed values; did you mean "llama"?'],
    ],
    ['no source', version({ source: {} }), ['spec.source: no field is set (expected exactly one of engine, image, backend)']],
    [
      'two sources',
      version({ source: { engine: { kind: 'simulated' }, backend: { name: 'b' } } }),
      ['spec.source: engine, backend are set (expected exactly one of engine, image, backend)'],
    ],
    [
      'a field of another engine',
      version({ source: { engine: { kind: 'simulated', parameters: { batchSize: 3 } } } }),
      [
        'spec.source.engine.parameters.batchSize: unknown field "batchSize" (expected timeToFirstToken, tokensPerSecond, jitter, errorRate, memory, startupTime, warmup, contextSize, sequences, maxWaiting, answerTokens or seed)',
      ],
    ],
    ['the rule that was meant', limit({ tokens: 5, evry: '1m' }), ['spec.rules[0].evry: unknown field "evry"; did you mean "every"?']],
    ['a rule with a misspelt amount', limit({ requsts: 5 }), ['spec.rules[0].requsts: unknown field "requsts"; did you mean "requests"?']],
    [
      'an amount beyond all',
      limit({ requests: 1e20 }),
      ['spec.rules[0].requests: 100000000000000000000 is too big (expected at most 1000000000000)'],
    ],
    [
      'a value that breaks a form and a rule',
      version({ resources: { cpu: 'two', memory: '1' } }),
      [
        'spec.resources.cpu: "two" does not fit (expected cores such as "2", "0.5" or "500m")',
        'spec.resources.memory: "1" does not fit (expected at least 6Mi)',
      ],
    ],
    ['no time at all', limit({ requests: 5, every: '0s' }), ['spec.rules[0].every: "0s" does not fit (expected at least 1ms)']],
    [
      'a time-out that is over at once',
      route({ timeouts: { total: '0s' } }),
      ['spec.timeouts.total: "0s" does not fit (expected at least 1ms)'],
    ],
    [
      'rules that exclude each other',
      limit({ requests: 1, tokens: 2 }),
      [
        'spec.rules[0]: "requests" and "tokens" do not go together (expected { requests, every, burst }, { tokens, every, burst } or { concurrent })',
      ],
    ],
    [
      'an empty rule',
      limit({}),
      ['spec.rules[0]: no field is set (expected { requests, every, burst }, { tokens, every, burst } or { concurrent })'],
    ],
    [
      'a rule that is a text',
      limit('x'),
      ['spec.rules[0]: "x" does not fit here (expected { requests, every, burst }, { tokens, every, burst } or { concurrent })'],
    ],
    ['a secret reference with a typo', backend({ evn: 'KEY' }), ['spec.credentials.bearer.evn: unknown field "evn"; did you mean "env"?']],
    [
      'two secret references',
      backend({ env: 'KEY', file: '/k' }),
      ['spec.credentials.bearer: "env" and "file" do not go together (expected { env } or { file })'],
    ],
  ])('%s', (_, document, expected) => {
    expect(told(document)).toEqual(expected)
  })

  test('a secret that was written out is not repeated', () => {
    expect(told(backend('sk-very-secret')).join()).not.toContain('sk-very-secret')
    expect(told(backend('sk-very-secret'))).toEqual([
      'spec.credentials.bearer: a plain value does not fit here (expected { env } or { file })',
    ])
  })

  test('all problems at once', () => {
    expect(told({ apiVersion: 'v2', kind: 'Route', metadata: { name: 'X' }, spec: { models: 'm', targets: [] } })).toHaveLength(4)
  })
})

test('a valid document comes back with its defaults', () => {
  const result = validateResource(route({}))
  expect(result).toMatchObject({
    resource: { metadata: { namespace: 'default' }, spec: { targets: [{ version: 'v1', weight: 100 }], retries: { attempts: 1 } } },
  })
})
