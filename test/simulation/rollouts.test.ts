/**
 * Releases on simulated gateways, with a clock of its own and every fault that was thought of: control killed at any moment (also between a decision
 * and its record), versions that come and go, records that come late, twice, or from gateways that were killed, people who pause and promote.
 *
 * After every round: the weights add up to 100 and stand on the ladder, a version that is not ready has none, and a step only follows the one before
 * it, however often control was killed in between. At the end: what does harm has gone back, what does none has everything, and each request was
 * counted once. `STRATA_SIMULATION_SEEDS`, `_STEPS` and `_FIRST` as in the simulation of instances.
 */
import { describe, expect, test } from 'vitest'
import { manualClock } from '../../src/kernel/clock.ts'
import { createLog } from '../../src/kernel/log.ts'
import type { RequestRecord } from '../../src/monitoring/request-records.ts'
import { createRollouts, type Rollouts } from '../../src/orchestration/rollouts/index.ts'
import { divisionKey, overlay } from '../../src/orchestration/rollouts/overlay.ts'
import type { Kind, Resource } from '../../src/resources/index.ts'
import { rollout as rolloutKind } from '../../src/resources/rollout.ts'
import { API_VERSION } from '../../src/resources/scalars.ts'
import { type Chance, chance } from './random.ts'

const SEEDS = Number(process.env.STRATA_SIMULATION_SEEDS ?? 50)
const FIRST_SEED = Number(process.env.STRATA_SIMULATION_FIRST ?? 1)
const STEPS = Number(process.env.STRATA_SIMULATION_STEPS ?? 4_000)
const LADDER = [0, 10, 30, 60, 100]
const ROUND_MS = 500
const log = createLog('simulation', () => undefined)

type Rollout = Resource<'Rollout'>

/** A control that was killed does nothing more, whatever of it still runs. */
class Killed extends Error {}

interface Line {
  readonly record: RequestRecord
  /** When the gateway has written it. */
  readonly at: number
}

class World {
  readonly clock = manualClock()
  readonly luck: Chance
  readonly resources = new Map<string, Resource>()
  readonly kept = new Map<string, string>()
  /** What each gateway has written, and how much of it is marked as read. */
  readonly gateways = [
    { name: 'g0', boot: 'b0', seq: 0, lines: [] as Line[], read: 0, marked: 0 },
    { name: 'g1', boot: 'b0', seq: 0, lines: [] as Line[], read: 0, marked: 0 },
  ]
  readonly harm: number
  /** When those came that control has read of. */
  readonly assigned = new Map<string, number>()
  control: Rollouts | undefined
  alive = { dead: false }
  requests = 0
  violations: string[] = []

  constructor(seed: number) {
    this.luck = chance(seed)
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

  put(resource: Resource): void {
    this.resources.set(`${resource.kind}/${resource.metadata.name}`, resource)
  }

  get rollout(): Rollout {
    return this.resources.get('Rollout/a') as Rollout
  }

  /** As after a kill -9: statuses and what was kept are there, and nothing else; what was read but not marked is read again. */
  startControl(): void {
    this.alive.dead = true
    const alive = { dead: false }
    this.alive = alive
    for (const gateway of this.gateways) gateway.read = gateway.marked
    const fetch = <K extends Kind>(kind: K, name: string) => this.resources.get(`${kind}/${name}`) as Resource<K> | undefined
    this.control = createRollouts({
      resources: {
        get: (kind, _, name) => fetch(kind, name),
        list: (kind) => [...this.resources.values()].filter((each) => each.kind === kind) as never,
        setStatus: async (resource, status) => {
          if (alive.dead) throw new Killed()
          // Killed before it is written, or after: the next control finds either.
          if (this.luck.happens(0.01)) {
            alive.dead = true
            throw new Killed()
          }
          this.put({ ...resource, status } as never)
          if (this.luck.happens(0.01)) {
            alive.dead = true
            throw new Killed()
          }
          return true
        },
        onChange: () => () => undefined,
      },
      kept: new Map(this.kept),
      clock: this.clock,
      log,
    })
  }

  /** Requests of one round, by the weights that every gateway has. */
  traffic(): void {
    const laid = overlay(routeSpec.targets, [this.rollout])
    const share = laid.targets.find(({ version }) => version === 'v2')?.weight ?? 0
    for (let i = this.luck.between(0, 12); i > 0; i--) {
      const candidate = this.luck.next() * 100 < share
      const gateway = this.gateways[this.luck.between(0, 1)]!
      const id = `r${this.requests++}`
      const total = this.luck.happens(0.02) ? this.luck.between(5_000, 70_000) : this.luck.between(5, 400)
      const failed = this.luck.happens(candidate ? 0.01 + this.harm : 0.01)
      const arm = candidate ? 'v2' : 'v1'
      const at = this.clock.now()
      const assignments =
        laid.division && share > 0 && share < 100
          ? [{ by: divisionKey(laid.division), arm, share: candidate ? share : 100 - share, unitKind: 'random' as const, unit: '' }]
          : []
      const common = { id, gateway: gateway.name, assigned: arm, assignments, namespace: 'default', route: 'r' }
      const write = (after: number, record: object) =>
        gateway.lines.push({
          at: at + after,
          record: { ...common, boot: gateway.boot, seq: gateway.seq++, time: new Date(at + after).toISOString(), ...record } as never,
        })
      if (total > 100) write(100, { type: 'started', after: 100 })
      const outcome = failed ? 'upstream_error' : 'ok'
      write(total, { type: 'finished', served: arm, outcome, status: failed ? 500 : 200, attempts: [], times: { total } })
    }
    // A gateway writes in the order of time, and numbers what it writes in that order.
    for (const gateway of this.gateways) {
      const written = gateway.lines.slice(0, gateway.read)
      const rest = gateway.lines.slice(gateway.read).sort((a, b) => a.at - b.at)
      gateway.lines = [...written, ...rest].map(({ at, record }, seq) => ({ at, record: { ...record, seq } }))
    }
  }

  /** Control reads what is written by now, and now and then marks how far it has come. */
  read(): void {
    for (const gateway of this.gateways) {
      while (gateway.read < gateway.lines.length && gateway.lines[gateway.read]!.at + 300 <= this.clock.now()) {
        const { record } = gateway.lines[gateway.read++]!
        if (record.type === 'finished' && record.assignments?.length)
          this.assigned.set(record.id, Date.parse(record.time) - record.times.total)
        this.control!.fold.add(record)
      }
      if (!this.luck.happens(0.2)) continue
      const rows = this.control!.fold.take()
      if (this.luck.happens(0.1)) {
        this.control!.fold.putBack(rows)
        continue
      }
      for (const [key, value] of rows) {
        if (value === undefined) this.kept.delete(key)
        else this.kept.set(key, value)
      }
      gateway.marked = gateway.read
    }
  }

  async round(): Promise<void> {
    this.clock.advance(ROUND_MS)
    if (this.luck.happens(0.01)) this.put(version('v2', !isReady(this.resources.get('ModelVersion/v2') as never)))
    else if (this.luck.happens(0.1)) this.put(version('v2', true))
    this.traffic()
    if (this.alive.dead || this.luck.happens(0.01)) this.startControl()
    this.read()
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

function version(name: string, ready: boolean): Resource<'ModelVersion'> {
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', reason: '', message: '', lastTransitionTime: '' }]
  return {
    apiVersion: API_VERSION,
    kind: 'ModelVersion',
    metadata: { name, namespace: 'default', uid: name },
    spec: {},
    status: { conditions, state: 'Failed' },
  } as never
}

const isReady = ({ status }: Resource<'ModelVersion'>) => status?.conditions[0]?.status === 'True'

function onlyKilled(error: unknown): void {
  if (!(error instanceof Killed)) throw error
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
