/** A small form of `bench/releases`: what the tests of a release do over many runs, looked at after every unit. */
import { describe, expect, test } from 'vitest'
import type { Shape } from '../../bench/releases/traffic.ts'
import { releaseOnce } from '../../bench/releases/trial.ts'

const RUNS = 200
/** What more than this of 200 have at 1 % each happens once in a thousand times; the seeds are fixed, so it happens always or never. */
const BOUND = 8

describe('equal arms are not rolled back', () => {
  test.each(['independent', 'clustered', 'diurnal'] satisfies Shape[])('%s', (shape) => {
    let rolledBack = 0
    for (let seed = 1; seed <= RUNS; seed++) {
      const traffic = { shape, effect: { errors: 1, latency: 1 }, share: 0.5, errorRate: 0.01 }
      if (releaseOnce({ traffic, metrics: ['errors', 'slow'], seed, units: 20_000, alpha: 0.01 }).rollbackAfter !== undefined) rolledBack++
    }
    expect(rolledBack).toBeLessThanOrEqual(BOUND)
  })
})

const RELEASES = [
  ['independent', { errors: 2, latency: 1 }, 'errors', 0.5],
  ['independent', { errors: 1, latency: 1.2 }, 'slow', 0.5],
  ['clustered', { errors: 1, latency: 1.2 }, 'slow', 0.25],
  ['diurnal', { errors: 3, latency: 1 }, 'errors', 0.05],
] as const

test.each(RELEASES)('%s: harm of %o is seen in %s at a share of %d', (shape, effect, metric, share) => {
  const caught = Array.from({ length: 40 }, (_, seed) =>
    releaseOnce({ traffic: { shape, effect, share, errorRate: 0.01 }, metrics: [metric], seed: seed + 1, units: 40_000, alpha: 0.01 }),
  ).filter((result) => result.rollbackAfter !== undefined)
  expect(caught.length).toBeGreaterThanOrEqual(38)
})

test('a t-test that is repeated cries wolf, and most of all where requests of a session are counted as if each were a person', () => {
  const alarms = (shape: Shape) =>
    Array.from({ length: 40 }, (_, seed) =>
      releaseOnce({
        traffic: { shape, effect: { errors: 1, latency: 1 }, share: 0.5, errorRate: 0.01 },
        metrics: ['errors'],
        seed: seed + 1,
        units: 10_000,
        alpha: 0.01,
        naiveEvery: 200,
      }),
    ).filter((result) => result.naive.tTest).length
  expect(alarms('clustered')).toBeGreaterThan(alarms('independent'))
  expect(alarms('clustered')).toBeGreaterThan(4)
})
