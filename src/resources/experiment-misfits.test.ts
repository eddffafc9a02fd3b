import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkResources } from './cross-checks.ts'
import type { Resource } from './index.ts'
import { validateResource } from './problems.ts'

const head = 'apiVersion: strata.dev/v1alpha1\n'
const model = (name: string, task: string) => `${head}kind: Model\nmetadata: { name: ${name} }\nspec: { task: ${task} }`
const version = (name: string, of = 'chat') =>
  `${head}kind: ModelVersion\nmetadata: { name: ${name} }\nspec: { model: ${of}, version: ${name}, source: { engine: { kind: simulated } } }`
const route = (name: string, rest = '') =>
  `${head}kind: Route\nmetadata: { name: ${name} }\nspec: { models: [${name}], targets: [{ version: v1 }]${rest} }`
const experiment = (name: string, rest = '', arms = '{ name: a, version: v1, weight: 50 }, { name: b, version: v2, weight: 50 }') =>
  `${head}kind: Experiment\nmetadata: { name: ${name} }\nspec: { route: r, arms: [${arms}], primary: { name: errorRate, minimumEffect: 1 }, guardrails: []${rest} }`
const release = `${head}kind: Rollout\nmetadata: { name: ro }\nspec: { route: r, from: v1, to: v2 }`
const BASE = [model('chat', 'chat'), model('tensor', 'tensor'), version('v1'), version('v2'), version('t1', 'tensor'), route('r')]

function problems(...texts: string[]): string[] {
  const candidates = [...BASE, ...texts].map((text, document) => {
    const result = validateResource(parse(text))
    if ('problems' in result) throw new Error(JSON.stringify(result.problems))
    return { document, resource: result.resource as Resource }
  })
  return checkResources(candidates, { get: () => undefined, list: () => [] }).map(
    ({ path, message, expected }) => `${path.join('.')}: ${message}; expected ${expected}`,
  )
}

test.each([
  ['between versions of one kind', [experiment('e')], []],
  [
    'that watches callers before',
    [experiment('e', ', preparation: 1h, assignBy: { header: x-user }').replace('errorRate', 'feedback')],
    [],
  ],
  [
    'that watches callers before for what foretells nothing',
    [experiment('e', ', preparation: 1h, assignBy: { header: x-user }')],
    [
      'spec.preparation: what callers did before makes no comparison of errorRate sharper; expected feedback, tokensPerAnswer or cost as the primary metric, or no `preparation`',
    ],
  ],
  [
    'of one version with itself (an A/A test)',
    [experiment('e', '', '{ name: a, version: v1, weight: 50 }, { name: b, version: v1, weight: 50 }')],
    [],
  ],
  [
    'beside another one',
    [experiment('e'), experiment('f')],
    [
      'spec.route: Experiment/f divides the callers of this route already; expected one experiment at a time: wait for its decision, or `strata experiment stop` it',
      'spec.route: Experiment/e divides the callers of this route already; expected one experiment at a time: wait for its decision, or `strata experiment stop` it',
    ],
  ],
  [
    'beside a release',
    [experiment('e'), release],
    [
      'spec.route: Rollout/ro is releasing on this route; expected one thing at a time: wait for it, or `strata rollout abort` it',
      'spec.route: Experiment/e divides the callers of this route; expected one thing at a time: wait for its decision, or `strata experiment stop` it',
    ],
  ],
  [
    'between versions of two kinds',
    [
      experiment(
        'e',
        '',
        '{ name: a, version: v1, weight: 50 }, { name: b, version: t1, weight: 50, prompt: { system: x }, sampling: { seed: 1 } }',
      ),
    ],
    [
      'spec.arms.1.version: t1 is for tensor, and v1 for chat; expected a version for chat',
      'spec.arms.1.prompt: t1 is for tensor, which knows no prompt before a conversation; expected a version for chat, or no `prompt`',
      'spec.arms.1.sampling: t1 is for tensor, which samples nothing; expected a version for chat or completion, or no `sampling`',
    ],
  ],
  [
    'whose primary metric is a guardrail too, one of which stands there twice, and one may be worse and not',
    [
      experiment('e').replace(
        'guardrails: []',
        'guardrails: [{ name: errorRate }, { name: totalTime }, { name: totalTime }, { name: cost, most: 1, harmMargin: 2, margin: 1 }]',
      ),
    ],
    [
      'spec.guardrails.2.name: totalTime p95 stands here twice; expected each once',
      'spec.guardrails.3.margin: what is worse by 1 points would be proven harmful and harmless at once, as `harmMargin` is 2; expected more than 2',
      'spec.guardrails.0.name: errorRate is the primary metric, by which an arm that does harm is stopped already; expected another metric',
    ],
  ],
  [
    'that would watch single requests before',
    [experiment('e', ', preparation: 1h').replace('errorRate', 'feedback')],
    [
      'spec.preparation: each request is assigned by itself, so there is nobody to be watched before; expected `assignBy` a header, the `user` of the body or the consumer, or no `preparation`',
    ],
  ],
] as const)('an experiment %s', (_name, texts, expected) => expect(problems(...texts)).toEqual(expected))

test.each([
  ['without a metric', experiment('e').replace('primary: { name: errorRate, minimumEffect: 1 }, ', ''), 'spec.primary'],
  ['with one arm', experiment('e', '', '{ name: a, version: v1, weight: 100 }'), 'spec.arms'],
  [
    'whose weights are too few',
    experiment('e', '', '{ name: a, version: v1, weight: 50 }, { name: b, version: v2, weight: 49 }'),
    'spec.arms',
  ],
  [
    'two of whose arms bear one name',
    experiment('e', '', '{ name: a, version: v1, weight: 50 }, { name: a, version: v2, weight: 50 }'),
    'spec.arms',
  ],
])('an experiment %s is no experiment', (_name, text, path) => {
  const result = validateResource(parse(text))
  expect('problems' in result && result.problems.map((each) => each.path.slice(0, path.split('.').length).join('.'))).toContain(path)
})
