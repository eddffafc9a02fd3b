/**
 * Experiments on simulated gateways, with every fault that releases get (rollouts.test.ts): control killed at any moment, versions that come and go,
 * records that come late and again. Callers come several times each, and stay in their arm.
 *
 * After every round: the arms' weights add up to 100, no arm of a version that is not ready has callers, and what is decided stays decided. At the end:
 * what does harm is stopped for it, what is better is shipped, and each caller was counted once.
 */
import { describe, expect, test } from 'vitest'
import { createLog } from '../../src/kernel/log.ts'
import { createExperiments, type Experiments } from '../../src/orchestration/experiments/index.ts'
import { effective } from '../../src/orchestration/experiments/overlay.ts'
import { divisionKey } from '../../src/orchestration/rollouts/overlay.ts'
import { experiment as experimentKind } from '../../src/resources/experiment.ts'
import type { Resource } from '../../src/resources/index.ts'
import { route } from '../../src/resources/route.ts'
import { API_VERSION } from '../../src/resources/scalars.ts'
import { isReady, onlyKilled, RecordsWorld, version } from './records-world.ts'

const SEEDS = Number(process.env.STRATA_SIMULATION_SEEDS ?? 30)
const FIRST_SEED = Number(process.env.STRATA_SIMULATION_FIRST ?? 1)
const STEPS = Number(process.env.STRATA_SIMULATION_STEPS ?? 4_000)
const log = createLog('simulation', () => undefined)
const ROUTE = route.spec.parse({ models: ['m'], targets: [{ version: 'v1', weight: 100 }] })

class World extends RecordsWorld<Experiments> {
  readonly rates: readonly [number, number]
  requests = 0
  readonly callerOf = new Map<string, string>()
  /** By caller: the arm that it came to, while callers were divided. */
  readonly callers = new Map<string, string>()

  constructor(seed: number) {
    super(seed, ({ clock }, resources, kept) => createExperiments({ resources, kept, clock, log }))
    this.rates = seed % 2 === 0 ? [0.15, 0.05] : [0.05, 0.15]
    for (const name of ['v1', 'v2']) this.put(version(name, true))
    this.put({ apiVersion: API_VERSION, kind: 'Route', metadata: { name: 'r', namespace: 'default', uid: 'route' }, spec: ROUTE } as never)
    this.put({
      apiVersion: API_VERSION,
      kind: 'Experiment',
      metadata: { name: 'e', namespace: 'default', uid: 'uid', generation: 1 },
      spec: experimentKind.spec.parse({
        ...{ route: 'r', assignBy: { header: 'x-user-id' }, primary: { name: 'errorRate', minimumEffect: 2 }, guardrails: [] },
        arms: [
          { name: 'control', version: 'v1', weight: 60 },
          { name: 'other', version: 'v2', weight: 40 },
        ],
        analysis: { window: '10s', unitWindow: '20s' },
      }),
    } as never)
  }

  get experiment(): Resource<'Experiment'> {
    return this.resources.get('Experiment/e') as Resource<'Experiment'>
  }

  get laid() {
    return effective(ROUTE, { rollouts: [], experiments: [this.experiment] })
  }

  /** Callers of one round; each comes up to four times, and is always in the same arm. */
  traffic(): void {
    const { division } = this.laid
    for (let i = this.luck.between(0, 8); i > 0; i--) {
      const number = Math.floor(this.requests / 2) + this.luck.between(0, 1)
      const unit = `u${number}`
      const arms = division?.split?.arms ?? []
      const arm = arms.length === 0 ? undefined : (number * 7919) % 100 < arms[0]!.weight ? arms[0]! : arms[1]!
      const other = arm?.name === 'other'
      const assignments = arm ? [{ by: divisionKey(division!), arm: arm.name, share: arm.weight, unitKind: 'header', unit }] : []
      if (arm) this.callers.set(unit, arm.name)
      const id = `r${this.requests++}`
      if (arm) this.callerOf.set(id, unit)
      this.request(id, {
        assigned: arm?.version ?? 'v1',
        assignments,
        total: this.luck.happens(0.02) ? this.luck.between(5_000, 20_000) : this.luck.between(5, 400),
        failed: this.luck.happens(this.rates[other ? 1 : 0]),
      })
    }
  }

  async round(): Promise<void> {
    this.step('v2', () => this.traffic())
    const before = this.experiment.status
    await this.control!.round().catch(onlyKilled)
    const { status } = this.experiment
    const say = (what: string) => this.violations.push(`${what}: ${JSON.stringify({ before, status }).slice(0, 600)}`)
    const { targets } = this.laid
    if (Math.abs(targets.reduce((sum, { weight }) => sum + weight, 0) - 100) > 1e-9) say('weights do not add up')
    if (before?.phase === 'Decided' && before !== status) say('decided, and then not')
    const unready = !isReady(this.resources.get('ModelVersion/v2') as never) && !this.alive.dead
    if (unready && targets.some(({ version: name }) => name === 'v2')) say('callers of a version that is not ready')
    const exposed = status?.arms?.reduce((sum, arm) => sum + arm.exposed, 0) ?? 0
    if (exposed > this.callers.size) say('more callers than came')
  }
}

describe('experiments under faults', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))('seed %d', async (seed) => {
    const world = new World(seed)
    world.startControl()
    let last = STEPS
    for (let step = 0; step < last; step++) {
      await world.round()
      // Some rounds more, in which nothing may change any more.
      if (world.experiment.status?.phase === 'Decided') last = Math.min(last, step + 50)
    }
    const { status } = world.experiment
    expect(world.violations.slice(0, 3)).toEqual([])
    expect(status, JSON.stringify(status)).toMatchObject({
      phase: 'Decided',
      decision: world.rates[1] > world.rates[0] ? 'harm' : 'ship',
      arm: 'other',
    })
    const exposed = status!.arms!.reduce((sum, arm) => sum + arm.exposed, 0)
    const known = [...world.assigned].filter(([, at]) => at < Date.parse(status!.endedAt!) - 25_000)
    expect(exposed).toBeGreaterThanOrEqual(new Set(known.map(([id]) => world.callerOf.get(id))).size)
    expect(exposed).toBeLessThanOrEqual(world.callers.size)
  })
})
