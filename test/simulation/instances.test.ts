/**
 * The reconciler of instances on simulated machines, with a clock of its own and every fault that was thought of, for 10,000 rounds a seed.
 *
 * After every round: as many instances of a version are published as ready as before, up to as many as it wants, but for those that a fault has
 * taken; there are never more than its `max`, or one more than it wants; none is told to end that a gateway needs, before its drain time is over.
 * Whenever faults pause: what runs is what the versions say, and nothing else. `STRATA_SIMULATION_SEEDS` and `STRATA_SIMULATION_STEPS` make it
 * longer; `STRATA_SIMULATION_FIRST` begins with another seed.
 */
import { setImmediate } from 'node:timers/promises'
import { describe, test } from 'vitest'
import { type ManualClock, manualClock } from '../../src/kernel/clock.ts'
import { homeAt } from '../../src/kernel/home.ts'
import { createLog } from '../../src/kernel/log.ts'
import type { Resource, Status } from '../../src/resources/index.ts'
import { validateResource } from '../../src/resources/problems.ts'
import type { CompiledInstance } from '../../src/resources/snapshot.ts'
import type { RuntimeName } from '../../src/serving/instances/identity.ts'
import { createInstances, type Instances } from '../../src/serving/instances/index.ts'
import type { Runtime } from '../../src/serving/runtimes/port.ts'
import { type Gateways, simulatedGateways } from './gateways.ts'
import { type Chance, chance } from './random.ts'
import { type Machine, simulatedMachine } from './runtime.ts'

const SEEDS = Number(process.env.STRATA_SIMULATION_SEEDS ?? 20)
const FIRST_SEED = Number(process.env.STRATA_SIMULATION_FIRST ?? 1)
const STEPS = Number(process.env.STRATA_SIMULATION_STEPS ?? 10_000)
/** Rounds with faults, and then as many without as it takes to settle. */
const STRETCH = 250
const LONGEST_AWAY_MS = 10_000
const SETTLED_MS = 60_000
const NAMES = ['a', 'b', 'c']
const log = createLog('simulation', () => undefined)

type Version = Resource<'ModelVersion'>

/** A control that was killed does nothing more, whatever of it still runs. */
class Killed extends Error {}

class World {
  readonly clock: ManualClock = manualClock()
  readonly luck: Chance
  readonly machines: ReadonlyMap<RuntimeName, Machine>
  readonly gateways: Gateways
  readonly versions = new Map<string, Version>()
  readonly meta = new Map<string, string>()
  published: readonly CompiledInstance[] = []
  /** Made since the last snapshot: what ran under its name before is another version's, and owes it nothing. */
  readonly madeAnew = new Set<string>()
  control: Instances | undefined
  killed: () => void = () => undefined
  made = 0
  /** What must not be. */
  readonly violations: string[] = []

  constructor(seed: number) {
    this.luck = chance(seed)
    const machine = () =>
      simulatedMachine(
        this.clock,
        this.luck,
        (id) => this.gateways.broken(id),
        (what) => this.violations.push(what),
      )
    this.machines = new Map<RuntimeName, Machine>([
      ['process', machine()],
      ['docker', machine()],
    ])
    this.gateways = simulatedGateways(2, this.clock, this.luck)
  }

  /** As after a kill -9: what was remembered is there, and nothing else. */
  async startControl(): Promise<void> {
    let dead = false
    this.killed = () => {
      dead = true
    }
    const alive = () => {
      if (dead) throw new Killed()
    }
    const kept = (runtime: Runtime): Runtime => ({
      ...runtime,
      async want(instances) {
        alive()
        return runtime.want(instances)
      },
      async restart(id) {
        alive()
        return runtime.restart(id)
      },
    })
    const { clock, versions, meta } = this
    const control = createInstances({
      home: homeAt('/home'),
      platformImage: 'strata',
      runtimes: new Map([...this.machines].map(([name, { runtime }]) => [name, kept(this.watched(name, runtime))])),
      connect: ({ id, runtime }) => this.machines.get(runtime)!.connect(id),
      ...{ log, clock, memoryBytes: 1e12, fetch: () => Promise.reject(new Error('nothing is fetched here')) },
      publish: (all) => {
        alive()
        return this.publish(all)
      },
      gateways: () => 2,
      idle: (instance, version) => this.gateways.idle(instance, version),
      store: {
        resources: {
          list: (kind: string) => (kind === 'ModelVersion' ? [...versions.values()] : []) as never,
          get: () => undefined,
          onChange: () => () => undefined,
          setStatus: async (resource, status) => {
            alive()
            const known = versions.get(resource.metadata.name)
            if (known) versions.set(resource.metadata.name, { ...known, status: status as Status<'ModelVersion'> })
            return true
          },
        },
        meta: {
          get: async (key) => {
            const text = meta.get(key)
            return text === undefined ? undefined : JSON.parse(text)
          },
          set: async (key, value) => {
            alive()
            if (this.luck.happens(0.002)) throw new Error('the disk is full')
            meta.set(key, JSON.stringify(value))
          },
        },
      },
    })
    this.published = await control.look()
    this.gateways.publish(this.published)
    this.control = control
  }

  /** Looks at what a runtime is told: what a gateway needs is not ended. */
  watched(name: RuntimeName, runtime: Runtime): Runtime {
    return {
      ...runtime,
      want: async (instances) => {
        const wanted = new Set(instances.map(({ id }) => id))
        const { programs } = this.machines.get(name)!
        for (const { id, state } of programs.values()) {
          if (state !== 'running' || wanted.has(id)) continue
          const need = this.gateways.needs(id)
          const entry = this.published.find((each) => each.id === id)
          if (need !== undefined && !this.overdue.has(id) && entry) this.violations.push(`${id} is told to end, and ${need}`)
        }
        return runtime.want(instances)
      },
    }
  }

  /** Those that have drained for as long as they may. */
  readonly drainingSince = new Map<string, number>()
  get overdue(): ReadonlySet<string> {
    const late = [...this.drainingSince].filter(([, since]) => this.clock.monotonic() - since >= DRAIN_MS)
    return new Set(late.map(([id]) => id))
  }

  publish(all: readonly CompiledInstance[]): number {
    for (const { id, state } of all)
      if (state === 'draining') this.drainingSince.set(id, this.drainingSince.get(id) ?? this.clock.monotonic())
      else this.drainingSince.delete(id)
    for (const version of this.versions.values()) {
      const { name } = version.metadata
      const { min, max } = version.spec.scaling
      const of = (entries: readonly CompiledInstance[]) => entries.filter((entry) => entry.version === name)
      const readyNow = of(all).filter(({ state }) => state === 'ready')
      const isNew = this.madeAnew.delete(name)
      const readyBefore = of(this.published).filter(({ id, state }) => !isNew && state === 'ready' && !this.harmed(id))
      const least = Math.min(min, readyBefore.length)
      if (readyNow.length < least)
        this.violations.push(`${name} wants ${min}, had ${readyBefore.length} ready and has ${readyNow.length}: ${words(all)}`)
      const most = Math.max(max ?? 0, min + 1)
      const staying = of(all).filter(({ state }) => state !== 'draining').length
      if (min > 0 && staying > most) this.violations.push(`${name} has ${staying} instances, and ${most} are the most: ${words(all)}`)
    }
    this.published = all
    // What a fault has taken counts again when that was seen, and it is well.
    for (const { id, state } of all)
      for (const machine of this.machines.values()) if (state !== 'ready' && machine.serves(id)) machine.harmed.delete(id)
    return this.gateways.publish(all)
  }

  harmed(id: string): boolean {
    const machine = [...this.machines.values()].find(({ programs }) => programs.has(id))
    // Where nobody could look, what was seen last may be wrong.
    return !machine || machine.harmed.has(id) || this.clock.monotonic() - machine.awayUntil < LONGEST_AWAY_MS
  }

  /** Somebody applies a manifest. */
  change(): void {
    const { luck, versions } = this
    const name = luck.pick(NAMES)!
    const known = versions.get(name)
    if (known && luck.happens(0.1)) return void versions.delete(name)
    const min = luck.between(0, 3)
    const spec = {
      ...{ model: 'm', version: name, source: known?.spec.source ?? { engine: { kind: 'simulated' } } },
      scaling: { min, ...(luck.happens(0.3) ? { max: min + luck.between(0, 3) } : {}) },
      ...{
        drainTimeout: `${DRAIN_MS}ms`,
        probes: { startup: { timeout: '30s' }, readiness: { successes: luck.between(1, 3) }, liveness: { period: '5s', failures: 3 } },
      },
      ...(luck.happens(0.3) ? { runtime: 'docker' } : {}),
      ...(luck.happens(0.2) ? { warmup: { requests: [{ body: {} }] } } : {}),
    }
    const annotations = luck.happens(0.3) ? { 'strata.dev/restarted-at': String(this.clock.now()) } : known?.metadata.annotations
    const uid = known?.metadata.uid ?? String(++this.made)
    if (!known) this.madeAnew.add(name)
    const metadata = { name, uid, generation: (known?.metadata.generation ?? 0) + 1, ...(annotations ? { annotations } : {}) }
    const result = validateResource({ apiVersion: 'strata.dev/v1alpha1', kind: 'ModelVersion', metadata, spec })
    if ('problems' in result) throw new Error(JSON.stringify(result.problems))
    const resource = result.resource as Version
    versions.set(name, { ...resource, metadata: { ...resource.metadata, ...metadata }, ...(known?.status ? { status: known.status } : {}) })
  }

  fault(): void {
    const { luck, machines, gateways } = this
    const machine = luck.pick([...machines.values()])!
    const program = luck.pick([...machine.programs.values()].filter(({ state }) => state === 'running'))
    switch (luck.between(0, 6)) {
      case 0:
        machine.awayUntil = this.clock.monotonic() + luck.between(0, LONGEST_AWAY_MS)
        break
      case 1:
      case 2:
        if (program) machine.crash(program.id)
        break
      case 3:
        if (program) machine.hang(program.id)
        break
      case 4:
        gateways.cutOff()
        break
      case 5:
        this.clock.set(luck.between(-3_600_000, 3_600_000))
        break
      default:
        this.killed() // in the middle of whatever it does
        this.control = undefined
    }
  }

  async round(busy: boolean): Promise<void> {
    this.clock.advance(this.luck.between(50, 2_000))
    for (const machine of this.machines.values()) machine.pass()
    this.gateways.pass(busy)
    if (!this.control) await this.startControl()
    const running = this.control!.round().catch((error: unknown) => {
      if (!(error instanceof Killed) && !/disk is full/.test(String(error))) throw error
    })
    if (busy && this.luck.happens(0.1)) this.fault()
    await running
    await setImmediate()
    if (this.violations.length > 0) throw new Error(this.violations.join('\n'))
  }

  /** What is not as the versions say. */
  differences(): string[] {
    const wrong: string[] = []
    const programs = [...this.machines].flatMap(([name, machine]) => [...machine.programs.values()].map((program) => ({ name, program })))
    for (const { metadata, spec, status } of this.versions.values()) {
      const own = this.published.filter(({ version }) => version === metadata.name)
      const ready = own.filter(({ state }) => state === 'ready')
      if (own.length !== spec.scaling.min || ready.length !== own.length)
        wrong.push(`${metadata.name} wants ${spec.scaling.min}: ${words(own)}`)
      for (const { id } of own) {
        const there = programs.filter(({ program }) => program.id === id)
        if (there.length !== 1 || there[0]!.name !== (spec.runtime ?? 'process'))
          wrong.push(`${id} runs in ${there.map(({ name }) => name)}`)
      }
      if (status?.state !== (spec.scaling.min === 0 ? 'Stopped' : 'Ready'))
        wrong.push(`${metadata.name} is said to be ${status?.state}: ${status?.message}`)
    }
    const known = new Set(this.published.map(({ id }) => id))
    for (const { program } of programs) if (!known.has(program.id)) wrong.push(`${program.id} runs and nobody wants it`)
    for (const { id, version } of this.published) if (!this.versions.has(version)) wrong.push(`${id} is published, and ${version} is gone`)
    return wrong
  }
}

const DRAIN_MS = 20_000
const words = (entries: readonly CompiledInstance[]) => entries.map(({ id, state }) => `${id} ${state}`).join(', ') || 'nothing'

async function simulate(seed: number, steps: number): Promise<void> {
  const world = new World(seed)
  world.change()
  for (let step = 0; step < steps; step++) {
    const at = `seed ${seed}, round ${step}`
    try {
      if (world.luck.happens(0.05)) world.change()
      await world.round(true)
      if (step % STRETCH < STRETCH - 1) continue
      for (const machine of world.machines.values()) machine.awayUntil = 0
      const until = world.clock.monotonic() + SETTLED_MS * 3
      while (world.differences().length > 0 && world.clock.monotonic() < until) await world.round(false)
      const differences = world.differences()
      if (differences.length > 0) throw new Error(differences.join('\n'))
    } catch (error) {
      throw new Error(`${at}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
}

describe(`${STEPS} rounds of the reconciler of instances`, () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + FIRST_SEED))('seed %i', { timeout: STEPS * 100 }, (seed) => simulate(seed, STEPS))
})
