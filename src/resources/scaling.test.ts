import { describe, expect, test } from 'vitest'
import { checkResources } from './cross-checks.ts'
import type { Resource } from './index.ts'
import { validateResource } from './problems.ts'

const version = (scaling: object, source: object = { engine: { kind: 'simulated' } }) =>
  validateResource({
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'ModelVersion',
    metadata: { name: 'v' },
    spec: { model: 'm', version: 'v', source, scaling },
  })
const problemsOf = (scaling: object) => {
  const result = version(scaling)
  return 'problems' in result ? result.problems.map((each) => `${each.path.join('.')}: ${each.message}; expected ${each.expected}`) : []
}

describe('a policy', () => {
  test.each<[string, object]>([
    ['objective', { objective: {} }],
    ['knative with a window of its own', { knative: { target: 3, window: '6s' } }],
    ['hpa by the cache', { hpa: { metric: 'kvUse', target: 0.8 } }],
    ['keda', { keda: { metric: 'queued', target: 2 } }],
    ['prometheus', { prometheus: { address: 'http://p:9090', query: 'up', target: 1, bearer: { env: 'TOKEN' } } }],
    ['schedule', { schedule: [{ from: '08:00', instances: 3 }] }],
  ])('%s is taken', (_, policy) => {
    expect(problemsOf({ min: 0, max: 4, policy })).toEqual([])
  })

  test.each<[string, object, RegExp]>([
    [
      'without the most that it may start',
      { min: 1, policy: { hpa: { target: 1 } } },
      /^spec\.scaling\.max: .*the most instances that the policy may start$/,
    ],
    [
      'of two kinds',
      { max: 2, policy: { hpa: { target: 1 }, keda: { target: 1 } } },
      /^spec\.scaling\.policy: hpa, keda are set; expected exactly one/,
    ],
    [
      'with more than a whole cache',
      { max: 2, policy: { keda: { metric: 'kvUse', target: 80 } } },
      /^spec\.scaling\.policy\.keda\.target: .*at most 1 with `kvUse`/,
    ],
    ['with a window that Knative would not take', { max: 2, policy: { knative: { target: 1, window: '5s' } } }, /window: .*from 6s to 1h$/],
    [
      'with a time twice',
      {
        max: 2,
        policy: {
          schedule: [
            { from: '08:00', instances: 1 },
            { from: '08:00', instances: 2 },
          ],
        },
      },
      /each time once$/,
    ],
  ])('%s is refused', (_, scaling, problem) => {
    expect(problemsOf(scaling)).toEqual([expect.stringMatching(problem)])
  })

  test('of a version on a backend is refused: there is nothing to scale', () => {
    const result = version({ min: 0, max: 2, policy: { objective: {} } }, { backend: { name: 'b' } })
    const { resource } = result as { resource: Resource }
    const nothing = { get: () => undefined, list: () => [] }
    const all = new Set(['Model/default/m', 'Backend/default/b'])
    expect(checkResources([{ document: 0, resource }], nothing, all)).toEqual([
      {
        document: 0,
        path: ['spec', 'scaling', 'policy'],
        message: 'a version on a backend runs elsewhere: Strata starts no instance of it, so there is nothing to scale',
        expected: 'no `policy`',
      },
    ])
  })
})
