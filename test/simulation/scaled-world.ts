/**
 * One version with a policy on a simulated machine: control with its autoscaler and its loop of instances, gateways, records, and the faults that may come
 * between them. What must never be is noted as soon as it is.
 */
import { setImmediate } from 'node:timers/promises'
import { clockOf, type ManualClock, manualClock } from '../../src/kernel/clock.ts'
import { homeAt } from '../../src/kernel/home.ts'
import { createLog } from '../../src/kernel/log.ts'
import type { RequestRecord } from '../../src/monitoring/request-records.ts'
import { type Autoscaler, createAutoscaler } from '../../src/orchestration/autoscaler/index.ts'
import type { Resource, Status } from '../../src/resources/index.ts'
import { validateResource } from '../../src/resources/problems.ts'
import type { CompiledInstance } from '../../src/resources/snapshot.ts'
import { createInstances, type Instances } from '../../src/serving/instances/index.ts'
import type { Runtime } from '../../src/serving/runtimes/port.ts'
import type { ScalingDecision } from '../../src/store/index.ts'
import { simulatedGateways } from './gateways.ts'
import { type Chance, chance } from './random.ts'
import { simulatedMachine } from './runtime.ts'

const LONGEST_AWAY_MS = 10_000
const DRAIN_MS = 20_000
const TARGET = 5
const log = createLog('simulation', () => undefined)

type Version = Resource<'ModelVersion'>

/** A control that was killed does nothing more, whatever of it still runs. */
class Killed extends Error {}

export class World {
  readonly clock: ManualClock = manualClock()
  readonly luck: Chance
  readonly machine
  readonly gateways
  version: Version
  readonly meta = new Map<string, string>()
  readonly kept = new Map<string, string>()
  readonly decisions: ScalingDecision[] = []
  /** Records, how many of them control has read, and how many are marked as read. */
  lines: { readonly at: number; readonly record: RequestRecord }[] = []
  read = 0
  marked = 0
  seq = 0
  /** Requests that go on, by id. */
  readonly open = new Map<string, number>()
  requests = 0
  published: readonly CompiledInstance[] = []
  control: { readonly instances: Instances; readonly scaling: Autoscaler } | undefined
  killed: () => void = () => undefined
  readonly violations: string[] = []
  readonly drainingSince = new Map<string, number>()

  constructor(seed: number) {
    this.luck = chance(seed)
    this.machine = simulatedMachine(
      this.clock,
      this.luck,
      (id) => this.gateways.broken(id),
      (what) => this.violations.push(what),
    )
    this.gateways = simulatedGateways(2, this.clock, this.luck)
    this.version = this.changed(undefined)
  }

  /** Somebody applies a manifest. */
  changed(before: Version | undefined): Version {
    const { luck } = this
    const min = luck.between(0, 2)
    const policy = luck.pick([
      { knative: { target: TARGET, window: '6s' } },
      { knative: { target: TARGET, window: '6s' } },
      { hpa: { target: TARGET } },
      { keda: { target: TARGET } },
      { schedule: [{ from: '00:00', instances: luck.between(0, 6) }] },
    ])
    const spec = {
      ...{ model: 'm', version: 'v', source: { engine: { kind: 'simulated' } } },
      scaling: { min, max: Math.max(1, min + luck.between(0, 4)), policy, cooldown: { down: luck.pick(['0s', '5s', '30s']) } },
      ...{ drainTimeout: `${DRAIN_MS}ms`, probes: { startup: { timeout: '30s' }, liveness: { period: '5s', failures: 3 } } },
    }
    const metadata = { name: 'v', uid: 'uid', generation: (before?.metadata.generation ?? 0) + 1 }
    const result = validateResource({ apiVersion: 'strata.dev/v1alpha1', kind: 'ModelVersion', metadata, spec })
    if ('problems' in result) throw new Error(JSON.stringify(result.problems))
    const resource = result.resource as Version
    return { ...resource, metadata: { ...resource.metadata, ...metadata }, ...(before?.status ? { status: before.status } : {}) }
  }

  get bounds() {
    const { min, max = min } = this.version.spec.scaling
    return { min, max }
  }

  /** As after a kill -9: what was stored is there, and nothing else; records that were read and not marked come again. */
  async startControl(): Promise<void> {
    let dead = false
    this.killed = () => {
      dead = true
    }
    const alive = () => {
      if (dead) throw new Killed()
    }
    this.read = this.marked
    const { version: _, meta, kept } = this
    const clock = clockOf(this.clock.now, this.clock.monotonic)
    const resources = {
      list: (kind: string) => (kind === 'ModelVersion' ? [this.version] : []) as never,
      get: () => undefined,
      onChange: () => () => undefined,
      setStatus: async (_: unknown, status: unknown) => {
        alive()
        this.version = { ...this.version, status: status as Status<'ModelVersion'> }
        return true
      },
    }
    const scaling: Autoscaler = createAutoscaler({
      ...{ resources, clock, log, kept: new Map(kept), lastDecisions: new Map(this.decisions.map((each) => [each.uid, each])) },
      decided: {
        addDecision: async (decision) => {
          alive()
          this.decide(decision)
          if (this.luck.happens(0.05)) this.killed()
          alive()
        },
        putPoint: async () => alive(),
        forget: async () => alive(),
      },
      instances: () => instances.report().instances,
      gateways: () => [{ id: 'g', boot: 'b', connected: true }],
    })
    const instances = createInstances({
      ...{ home: homeAt('/home'), platformImage: 'strata', log, clock, memoryBytes: 1e12 },
      runtimes: new Map([['process', this.watched(alive)]]),
      connect: ({ id }) => this.machine.connect(id),
      fetch: () => Promise.reject(new Error('nothing is fetched here')),
      publish: (all) => {
        alive()
        return this.publish(all)
      },
      gateways: () => 2,
      idle: (instance, version) => this.gateways.idle(instance, version),
      wanted: scaling.wanted,
      scaling: scaling.status,
      store: {
        resources: resources as never,
        meta: {
          get: async (key) => {
            const text = meta.get(key)
            return text === undefined ? undefined : JSON.parse(text)
          },
          set: async (key, value) => {
            alive()
            meta.set(key, JSON.stringify(value))
          },
        },
      },
    })
    this.published = await instances.look()
    this.gateways.publish(this.published)
    this.control = { instances, scaling }
  }

  decide(decision: ScalingDecision): void {
    const last = this.decisions.at(-1)
    if (last && last.wanted !== decision.from)
      this.violations.push(`a decision goes on from ${decision.from}, and the last one had wanted ${last.wanted}`)
    this.decisions.push(decision)
  }

  /** What a gateway needs is not told to end, before it has drained for as long as it may. */
  watched(alive: () => void): Runtime {
    const { runtime, programs } = this.machine
    return {
      ...runtime,
      want: async (instances) => {
        alive()
        const wanted = new Set(instances.map(({ id }) => id))
        for (const { id, state } of programs.values()) {
          if (state !== 'running' || wanted.has(id)) continue
          const need = this.gateways.needs(id)
          const overdue = this.clock.monotonic() - (this.drainingSince.get(id) ?? Number.POSITIVE_INFINITY) >= DRAIN_MS
          if (need !== undefined && !overdue && this.published.some((each) => each.id === id))
            this.violations.push(`${id} is told to end, and ${need}`)
        }
        return runtime.want(instances)
      },
      restart: async (id) => {
        alive()
        return runtime.restart(id)
      },
    }
  }

  publish(all: readonly CompiledInstance[]): number {
    for (const { id, state } of all)
      if (state === 'draining') this.drainingSince.set(id, this.drainingSince.get(id) ?? this.clock.monotonic())
      else this.drainingSince.delete(id)
    const { min, max } = this.bounds
    const staying = all.filter(({ state }) => state !== 'draining')
    if (staying.length > max) this.violations.push(`${staying.length} instances, and ${max} are the most: ${words(all)}`)
    const ready = all.filter(({ state }) => state === 'ready').length
    const readyBefore = this.published.filter(({ id, state }) => state === 'ready' && !this.harmed(id)).length
    if (ready < Math.min(min, readyBefore))
      this.violations.push(`${ready} are ready, ${readyBefore} were, and ${min} are the least: ${words(all)}`)
    this.published = all
    for (const { id, state } of all) if (state !== 'ready' && this.machine.serves(id)) this.machine.harmed.delete(id)
    return this.gateways.publish(all)
  }

  harmed(id: string): boolean {
    const { machine } = this
    return !machine.programs.has(id) || machine.harmed.has(id) || this.clock.monotonic() - machine.awayUntil < LONGEST_AWAY_MS
  }

  fault(): void {
    const { luck, machine, gateways } = this
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
    }
  }

  /** So many requests at the same time from now on. */
  load(concurrency: number): void {
    const write = (type: string, id: string, after: number, rest: object) => {
      const at = this.clock.monotonic() + after
      const time = new Date(this.clock.now() + after).toISOString()
      const about = { id, gateway: 'g', boot: 'b', seq: this.seq++, time, namespace: 'default', assigned: 'v' }
      this.lines.push({ at, record: { ...about, type, ...rest } as unknown as RequestRecord })
    }
    for (const [id, since] of this.open) {
      if (this.open.size <= concurrency && this.luck.happens(0.8)) continue
      this.open.delete(id)
      write('finished', id, 0, { attempts: [{}], outcome: 'ok', times: { total: this.clock.monotonic() - since } })
    }
    while (this.open.size < concurrency) {
      const id = `r${this.requests++}`
      this.open.set(id, this.clock.monotonic())
      write('started', id, 100, { after: 100 })
    }
  }

  /** Control reads what was written some time ago, and now and then it is marked. */
  records(): void {
    const { scaling } = this.control!
    while (this.read < this.lines.length && this.lines[this.read]!.at + 300 <= this.clock.monotonic())
      scaling.fold.add(this.lines[this.read++]!.record)
    if (!this.luck.happens(0.3)) return
    const rows = scaling.fold.take()
    if (this.luck.happens(0.1)) return scaling.fold.putBack(rows)
    for (const [key, text] of rows) {
      if (text === undefined) this.kept.delete(key)
      else this.kept.set(key, text)
    }
    this.marked = this.read
  }

  async round(busy: boolean): Promise<void> {
    this.clock.advance(this.luck.between(50, 2_000))
    this.machine.pass()
    this.gateways.pass(busy)
    if (!this.control) await this.startControl()
    this.records()
    const { scaling, instances } = this.control!
    let dead = false
    const onlyKilled = (error: unknown) => {
      if (!(error instanceof Killed)) throw error
      dead = true
    }
    const running = scaling
      .round()
      .then(() => instances.round())
      .catch(onlyKilled)
    if (busy && this.luck.happens(0.1)) this.fault()
    await running
    if (dead) {
      await scaling.close()
      this.control = undefined
    }
    await setImmediate()
    const { min, max } = this.bounds
    const wanted = scaling.wanted(this.version)
    if (wanted < min || wanted > max) this.violations.push(`${wanted} are wanted, between ${min} and ${max}`)
    if (this.violations.length > 0) throw new Error(this.violations.join('\n'))
  }

  get readyNow(): number {
    return this.published.filter(({ state }) => state === 'ready').length
  }

  /** What the policy has to want of a steady load, once all that it remembers is of it. */
  wantedOf(concurrency: number): number {
    const { policy, min, max = min } = this.version.spec.scaling
    const asked = policy!.schedule ? policy!.schedule[0]!.instances : Math.ceil(concurrency / TARGET)
    return Math.min(max, Math.max(min === 0 && concurrency > 0 ? 1 : min, asked))
  }

  async settle(concurrency: number, ms: number, is: (ready: number) => boolean): Promise<void> {
    const until = this.clock.monotonic() + ms
    const isSettled = () => this.published.every(({ state }) => state === 'ready') && is(this.readyNow)
    while (this.clock.monotonic() < until) {
      this.load(concurrency)
      await this.round(false)
      if (isSettled() && this.clock.monotonic() > until - ms / 2) return
    }
    const reason = this.control?.scaling.report(this.version)
    throw new Error(`a load of ${concurrency} wants ${this.wantedOf(concurrency)}: ${words(this.published)}; ${JSON.stringify(reason)}`)
  }
}

const words = (all: readonly CompiledInstance[]) => all.map(({ id, state }) => `${id} ${state}`).join(', ')
