import { describe, expect, it } from 'vitest'
import { externalReplicas, type KedaState, kedaDefaults, kedaPolicy } from './keda.ts'
import { IDLE, itIsAPolicy } from './policy.contract.ts'
import type { Sample } from './policy.ts'

it.each([
  // keda.sh, "Scaling deployments": the metric over the target, pods that start are pods.
  [100, 5, 10, 10],
  [52, 5, 10, 5],
  [56, 5, 10, 6],
  [44, 5, 10, 5],
  [3, 5, 10, 1],
])('%d on %d pods with target %d: %d', (total, current, target, replicas) => {
  expect(externalReplicas(total, current, target, 0.1)).toBe(replicas)
})

describe('polls', () => {
  const policy = kedaPolicy({ ...kedaDefaults(), target: 10 })
  const run = (samples: readonly (readonly [second: number, change: Partial<Sample>])[]) => {
    let state: KedaState = policy.start
    return samples.map(([second, change]) => {
      const decision = policy.decide(state, { ...IDLE, at: second * 1000, ...change }, second * 1000)
      state = decision.state
      return decision.wanted
    })
  }

  it('every 30 s: what has happened since, the HPA does not see', () => {
    const busy = { concurrency: 90 }
    // At 30 s nine are recommended; one may become five within 15 s. (The world here does not do what is wanted.)
    expect(
      run([
        [0, { concurrency: 10 }],
        [15, busy],
        [29, busy],
        [30, busy],
        [45, {}],
      ]),
    ).toEqual([1, 1, 1, 5, 5])
  })

  it('read the mean since the one before, and say so', () => {
    let { state } = policy.decide(policy.start, { ...IDLE, at: 0, concurrency: 10 }, 0)
    let reason = ''
    for (let at = 2_000; at <= 32_000; at += 2_000)
      ({ state, reason } = policy.decide(state, { ...IDLE, at, concurrency: at <= 20_000 ? 30 : 0 }, at))
    expect(reason).toBe('The last poll had concurrency 20, the mean of 30 s, 1 instance, target 10 each: 2 recommended.')
  })

  it('starts one where there is none and somebody asks, and lets the last go after 300 s of nothing', () => {
    const gone = { ready: 0 }
    expect(
      run([
        [0, gone],
        [15, { ...gone, concurrency: 1 }],
        [30, { ...gone, concurrency: 1 }],
      ]),
    ).toEqual([0, 0, 1])
    const quiet: [number, Partial<Sample>][] = [
      [0, { concurrency: 5 }],
      ...Array.from({ length: 12 }, (_, i): [number, Partial<Sample>] => [30 * (i + 1), {}]),
    ]
    const wanted = run(quiet)
    expect(wanted.slice(0, 10)).toEqual(new Array(10).fill(1))
    expect(wanted.at(-1)).toBe(0)
  })
})

itIsAPolicy(kedaPolicy({ ...kedaDefaults(), target: 15 }))
