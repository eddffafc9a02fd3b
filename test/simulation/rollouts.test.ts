/**
 * Releases on simulated gateways, with a clock of its own and every fault that was thought of: control killed at any moment (also between a decision
 * and its record), versions that come and go, records that come late, twice, or from gateways that were killed, people who pause and promote.
 *
 * After every round: the weights add up to 100 and stand on the ladder, a version that is not ready has none, and a step only follows the one before
 * it, however often control was killed in between. At the end: what does harm has gone back, what does none has everything, and each request was
 * counted once. `STRATA_SIMULATION_SEEDS`, `_STEPS` and `_FIRST` as in the simulation of instances.
 */
import { describe, expect, test } from 'vitest'
import { createLog } from '../../src/kernel/log.ts'
import { createRollouts, type Rollouts } from '../../src/orchestration/rollouts/index.ts'
import { divisionKey, overlay } from '../../src/orchestration/rollouts/overlay.ts'
import type { Resource } from '../../src/resources/index.ts'
import { rollout as rolloutKind } from '../../src/resources/rollout.ts'
import { API_VERSION } from '../../src/resources/scalars.ts'
import { isReady, onlyKilled, RecordsWorld, version } from './records-world.ts'

const SEEDS = Number(process.env.STRATA_SIMULATION_SEEDS ?? 50)
const FIRST_SEED = Number(process.env.STRATA_SIMULATION_FIRST ?? 1)
const STEPS = Number(process.env.STRATA_SIMULATION_STEPS ?? 4_000)
const LADDER = [0, 10, 30, 60, 100]
const log = createLog('simulation', () => undefined)

type Rollout = Resource<'Rollout'>

class World extends RecordsWorld<Rollouts> {
  readonly harm: number
  requests = 0

  constructor(seed: number) {
    super(seed, ({ clock }, resources, kept) => createRollouts({ resources, kept, clock, log }))
    this.harm = seed % 2 === 0 ? 0 : 0.25
    for (const name of ['v1', 'v2']) this.put(version(name, true))
    this.put({
      apiVersion: API_VERSION,
      kind: 'Route',
      metadata: { name: 'r', namespace: 'default', uid: 'route' },
      spec: routeSpec,
    } as never)
    this.put({
      apiVersion: API_VERSION,
      kind: 'Rollout',
      metadata: { name: 'a', namespace: 'default', uid: 'uid', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 },
      spec: rolloutKind.spec.parse({
        ...{ route: 'r', from: 'v1', to: 'v2' },
        steps: [{ weight: 10 }, { pause: '20s' }, { weight: 30 }, { weight: 60 }, { weight: 100 }],
        analysis: { metrics: [{ name: 'errorRate', margin: 8 }], minSamples: 30, maxDuration: '100h' },
      }),
    })
  }

  get rollout(): Rollout {
    return this.resources.get('Rollout/a') as Rollout
  }

  /** Requests of one round, by the weights that every gateway has. */
  traffic(): void {
    const laid = overlay(routeSpec.targets, [this.rollout])
    const share = laid.targets.find(({ version: name }) => name === 'v2')?.weight ?? 0
    for (let i = this.luck.between(0, 12); i > 0; i--) {
      const candidate = this.luck.next() * 100 < share
      const arm = candidate ? 'v2' : 'v1'
      const total = this.luck.happens(0.02) ? this.luck.between(5_000, 70_000) : this.luck.between(5, 400)
      const failed = this.luck.happens(candidate ? 0.01 + this.harm : 0.01)
      const assignments =
        laid.division && share > 0 && share < 100
          ? [{ by: divisionKey(laid.division), arm, share: candidate ? share : 100 - share, unitKind: 'random', unit: '' }]
          : []
      this.request(`r${this.requests++}`, { assigned: arm, assignments, total, failed })
    }
  }

  async round(): Promise<void> {
    this.step('v2', () => this.traffic())
    const before = this.rollout.status
    if (this.luck.happens(0.005) && before?.phase === 'Progressing') await this.person('pause')
    else if (this.luck.happens(0.1) && before?.phase === 'Paused') await this.person('resume')
    await this.control!.round().catch(onlyKilled)
    this.check(before)
  }

  async person(action: 'pause' | 'resume'): Promise<void> {
    await this.control!.act('default', 'a', action, 'ann').catch(onlyKilled)
  }

  check(before: Rollout['status']): void {
    const { status } = this.rollout
    const say = (what: string) => this.violations.push(`${what}: ${JSON.stringify({ before, status }).slice(0, 600)}`)
    const { targets } = overlay(routeSpec.targets, [this.rollout])
    if (targets.reduce((sum, { weight }) => sum + weight, 0) !== 100) say('weights do not add up')
    const weight = status?.weight ?? 0
    const from = LADDER.indexOf(before?.weight ?? 0)
    const to = LADDER.indexOf(weight)
    if (to === -1) say('not a weight of the ladder')
    if (to - from > 1) say('a step was left out')
    if (to < from && status?.phase !== 'Degraded') say('it went down')
    if ((status?.step ?? 0) < (before?.step ?? 0)) say('a step was taken back')
    if (before?.phase === 'Healthy' && status?.phase !== 'Healthy') say('promoted, and then not')
    const serving = targets.some(({ version, weight }) => version === 'v2' && weight > 0)
    const held = !isReady(this.resources.get('ModelVersion/v2') as never) && !this.alive.dead && status?.phase !== 'Healthy'
    if (serving && held) say('a share of a version that is not ready')
  }
}

const routeSpec = {
  models: ['m'],
  targets: [{ version: 'v1', weight: 100 }],
  stickyBy: { else: 'random' as const },
}

describe('releases under faults', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))('seed %d', async (seed) => {
    const world = new World(seed)
    world.startControl()
    let last = STEPS
    for (let step = 0; step < STEPS; step++) {
      await world.round()
      const { phase } = world.rollout.status ?? {}
      // Some rounds more, in which nothing may change any more.
      if (phase === 'Healthy' || phase === 'Degraded') last = Math.min(last, step + 50)
      if (step >= last) break
    }
    const { status } = world.rollout
    expect(world.violations.slice(0, 3)).toEqual([])
    expect(status!.phase, JSON.stringify(status)).toBe(world.harm > 0 ? 'Degraded' : 'Healthy')
    if (world.harm > 0) expect(status!.message).toMatch(/^v2 is worse/)
    const counted = status!.analysis![0]!
    const units = counted.baseline.units + counted.candidate.units
    const waited = Date.parse(status!.endedAt!) - 75_000
    const due = [...world.assigned.values()].filter((at) => at < waited).length
    expect(units).toBeLessThanOrEqual(world.assigned.size)
    expect(units).toBeGreaterThanOrEqual(due)
  })
})
