import { describe, expect, it } from 'vitest'
import { hpaDefaults, hpaPolicy, podsReplicas } from './hpa.ts'
import { IDLE, itIsAPolicy } from './policy.contract.ts'
import type { Sample } from './policy.ts'

describe('replicas by the mean of a metric', () => {
  it.each([
    // kubernetes.io, "Algorithm details": 200m where 100m is desired doubles, 50m halves; within a tenth nothing is done.
    ['twice the target', 0.2 * 3, 3, 0, 0.1, 6],
    ['half of it', 0.05 * 4, 4, 0, 0.1, 2],
    ['a tenth above', 0.11 * 5, 5, 0, 0.1, 5],
    ['a tenth below', 0.09 * 5, 5, 0, 0.1, 5],
    ['just beyond the tolerance', 0.1101 * 5, 5, 0, 0.1, 6],
    ['rounded up', 0.15 * 3, 3, 0, 0.1, 5],
    // Pods without a metric (replica_calculator_test.go has the same three shapes).
    ['growing, with two that start: they count as idle', 1.0, 4, 2, 0.1, 10],
    ['growing, where those that start make the difference', 0.5, 4, 2, 0.1, 6],
    ['shrinking, with two that start: they count as on target', 0.1, 4, 2, 0.1, 3],
    ['shrinking, where assuming so leaves it', 0.38, 4, 2, 0.1, 6],
    ['none ready, no metric, no change', 5, 0, 3, 0.1, 3],
  ])('%s', (_name, total, ready, starting, target, replicas) => {
    expect(podsReplicas(total, ready, starting, target, 0.1)).toBe(replicas)
  })

  it('never falls as the metric grows', () => {
    for (const starting of [0, 3])
      for (let total = 0, before = 0; total < 400; total += 0.7) {
        const here = podsReplicas(total, 7, starting, 10, 0.1)
        expect(here).toBeGreaterThanOrEqual(before)
        before = here
      }
  })
})

it('reads the mean of the metric every 15 s', () => {
  const policy = hpaPolicy({ ...hpaDefaults(), target: 10 })
  let state = policy.start
  const wanted = [40, 40, 120, 120, 120, 120, 120, 120, 40].map((concurrency, i) => {
    const decision = policy.decide(state, { ...IDLE, at: i * 2_000, ready: 4, concurrency }, i * 2_000)
    state = decision.state
    return decision.wanted
  })
  // At 16 s the mean of the eight samples since the first sync: (40 + 6 × 120 + 40) ÷ 8 = 100 on 4 pods.
  expect(wanted).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 8])
})

it.each<[string, Partial<Sample>, string]>([
  ['nothing runs', { ready: 0, concurrency: 3 }, 'No instance is ready, so there is no mean of concurrency to go by: it stays at 0.'],
  ['none is ready', { ready: 0, starting: 2 }, 'No instance is ready, so there is no mean of concurrency to go by: it stays at 2.'],
  ['on target', { ready: 2, concurrency: 21 }, 'concurrency 10.5 on 2 ready instances, target 10: close enough to it.'],
  [
    'one starts',
    { ready: 1, starting: 1, concurrency: 15 },
    'concurrency 15 on 1 ready instance, target 10: with 1 more that starts it is enough.',
  ],
  ['too few', { ready: 2, concurrency: 40 }, 'concurrency 20 on 2 ready instances, target 10: 4 recommended.'],
])('says what it goes by where %s', (_name, sample, reason) => {
  const policy = hpaPolicy({ ...hpaDefaults(), target: 10 })
  expect(policy.decide(policy.start, { ...IDLE, ...sample }, 0).reason).toBe(reason)
})

itIsAPolicy(hpaPolicy({ ...hpaDefaults(), target: 15 }))
