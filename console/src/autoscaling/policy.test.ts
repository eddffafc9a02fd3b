import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { KINDS } from '../../../src/resources/index.ts'
import { scaling } from '../../../src/resources/scaling.ts'
import { firstPolicy, policyInWords, policyLines } from './policy.ts'

it.each([
  [{ objective: {} }, 'objective: first token within 2s, at most 5\u202f% later'],
  [{ knative: { target: 4 } }, 'knative: 4 requests at a time an instance, over 60s'],
  [{ hpa: { metric: 'kvUse', target: 0.7 } }, 'hpa: 70\u202f% of its KV cache in use an instance'],
  [{ keda: { metric: 'arrivals', target: 3 } }, 'keda: 3 requests a second an instance'],
  [{ prometheus: { address: 'http://a', query: 'up', target: 2 } }, 'prometheus: 2 of a query an instance'],
  [
    {
      schedule: [
        { from: '08:00', instances: 4 },
        { from: '20:00', instances: 1 },
      ],
    },
    'schedule: 4 from 08:00, 1 from 20:00 UTC',
  ],
])('%j in words', (policy, words) => expect(policyInWords(scaling.parse({ max: 4, policy }).policy!)).toBe(words))

it.each([0, 1, 8, 64])('the lines for a version with %i instances are valid', (min) => {
  const { spec } = parse(policyLines(min)) as { spec: { scaling: unknown } }
  expect(scaling.parse(spec.scaling)).toMatchObject({ min, policy: { objective: { allowedMisses: 5 } } })
})

it('the first policy leaves the version as it is', () => {
  const spec = { model: 'm', version: 'v1', source: { engine: { kind: 'simulated' } }, scaling: { min: 2 } }
  const made = firstPolicy({ apiVersion: 'strata.dev/v1alpha1', kind: 'ModelVersion', metadata: { name: 'm-v1' }, spec })
  expect(KINDS.ModelVersion.spec.parse(made.spec)).toMatchObject({ ...spec, scaling: { min: 2, max: 4, policy: { objective: {} } } })
})
