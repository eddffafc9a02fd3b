/**
 * Autoscaling and the loop of the instances together, on simulated machines, with a clock of their own and every fault that was thought of: control
 * killed at any moment, programs that crash and hang, gateways cut off, records that come late or again, a wall clock that somebody sets.
 *
 * After every round: never more instances than `max`, but for those that drain; never fewer ready than `min` allows, but for those that a fault has
 * taken; none told to end that a gateway needs; each decision from where the last one had left it. When faults pause and the load is steady: as many as
 * that load wants, and with none as few as there may be. `STRATA_SIMULATION_SEEDS`, `_STEPS` and `_FIRST` as in the simulation of instances.
 */
import { describe, expect, test } from 'vitest'
import { World } from './scaled-world.ts'

const SEEDS = Number(process.env.STRATA_SIMULATION_SEEDS ?? 20)
const FIRST_SEED = Number(process.env.STRATA_SIMULATION_FIRST ?? 1)
const STEPS = Number(process.env.STRATA_SIMULATION_STEPS ?? 2_000)
/** Rounds with faults, and then a steady load, and then none. */
const STRETCH = 250
const STEADY_MS = 90_000
/** HPA's and KEDA's memory, and what it takes to drain. */
const SETTLED_MS = 1_200_000

async function simulate(seed: number, steps: number): Promise<World> {
  const world = new World(seed)
  let concurrency = 0
  for (let step = 0; step < steps; step++) {
    try {
      if (world.luck.happens(0.02)) world.version = world.changed(world.version)
      if (world.luck.happens(0.05)) concurrency = world.luck.between(0, 30)
      world.load(concurrency)
      await world.round(true)
      if (step % STRETCH < STRETCH - 1) continue
      world.machine.awayUntil = 0
      // HPA and KEDA may be a tenth off; a schedule and Knative are exact.
      const { policy } = world.version.spec.scaling
      const exact = world.wantedOf(concurrency)
      const least = policy!.hpa || policy!.keda ? world.wantedOf(concurrency / 1.1) : exact
      const most = policy!.hpa || policy!.keda ? world.bounds.max : exact
      await world.settle(concurrency, STEADY_MS, (ready) => ready >= least && ready <= most)
      concurrency = 0
      await world.settle(0, SETTLED_MS, (ready) => ready === world.wantedOf(0))
    } catch (error) {
      throw new Error(`seed ${seed}, round ${step}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
  await world.control?.scaling.close()
  return world
}

describe(`${STEPS} rounds of autoscaling`, () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + FIRST_SEED))('seed %i', { timeout: STEPS * 100 }, async (seed) => {
    const world = await simulate(seed, STEPS)
    expect(world.decisions.length).toBeGreaterThan(STEPS / STRETCH)
  })
})
