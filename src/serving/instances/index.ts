/**
 * Instances of model versions: brings what runs to what the ModelVersions say, through the runtimes, and tells what is ready.
 *
 * Level-triggered: every round looks at the versions, the weights and what runs, decides anew (plan.ts, lifecycle.ts, admission.ts) and acts on
 * the difference. What was asked for is remembered in the store, because a control that starts again must name an old instance with its exact
 * config, or its runtime would replace it.
 *
 * An instance leaves in this order: the gateways are told that it drains; when none of them has a request at it any more, or its drain time is
 * over, its runtime is told to end it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import type { Resource } from '../../resources/index.ts'
import type { CompiledInstance } from '../../resources/snapshot.ts'
import type { Store } from '../../store/index.ts'
import { containerOf } from '../runtimes/container-of.ts'
import type { Runtime, WantedInstance } from '../runtimes/port.ts'
import { turnedAway } from './admission.ts'
import type { connectInstance } from './clients.ts'
import { createDesired } from './desired.ts'
import type { Instance, RuntimeName, Surroundings, WeightsState } from './identity.ts'
import { seeRun } from './lifecycle.ts'
import { planVersion } from './plan.ts'
import { createProber } from './prober.ts'
import {
  compileInstance,
  type InstanceReport,
  isReady,
  isRetiring,
  noteState,
  type Remembered,
  type Running,
  rememberedOf,
  reportOf,
  runningOf,
} from './running.ts'
import { watchRuntime } from './runtime-watch.ts'
import { createStatuses } from './statuses.ts'
import type { Fetch } from './weight-fetches.ts'
import { createWeights } from './weights.ts'

export interface InstancesOptions extends Surroundings {
  readonly store: {
    readonly resources: Pick<Store['resources'], 'list' | 'get' | 'onChange' | 'setStatus'>
    readonly meta: Pick<Store['meta'], 'get' | 'set'>
  }
  readonly runtimes: ReadonlyMap<RuntimeName, Runtime>
  readonly connect: typeof connectInstance
  readonly log: Log
  readonly clock: Clock
  readonly fetch: Fetch
  /** Bytes of memory that this machine has. */
  readonly memoryBytes: number
  /** Publishes all instances there are. Returns the version of the snapshot that says so. */
  publish(instances: readonly CompiledInstance[]): number
  /** No gateway has a request at this instance, nor will: all run `version`, in which it drains, or a later one. */
  idle(instance: string, version: number): boolean
}

export type { InstanceLoad } from './clients.ts'
export type { InstanceReport } from './running.ts'

export interface Instances {
  /** Looks at what runs already. Resolves when that is known, with the instances to publish first. */
  look(): Promise<readonly CompiledInstance[]>
  /** Begins to act. */
  start(): void
  /** A gateway has said what it runs and which draining instances it needs. */
  gatewaySaid(): void
  /** One round, now: what `start` does again and again. */
  round(): Promise<void>
  /** Those that there are, and those that have left within the last minute. */
  report(): { readonly instances: readonly InstanceReport[]; readonly left: readonly InstanceReport[] }
  /** The last lines that an instance printed, oldest first; undefined where there is none of this id. */
  logs(id: string, lines: number): Promise<readonly string[] | undefined>
  weightsOf(version: Resource<'ModelVersion'>): WeightsState | undefined
  /** Lets go of what runs. `end`: the whole system stops, and what would go on without it, containers, is told to end. */
  close(end?: boolean): Promise<void>
}

const REMEMBERED = 'instances'
const IDLE_MS = 1_000
const STARTING_MS = 150
/** So long after the last change of a state. */
const BUSY_MS = 15_000
/** Between two rounds, however much happens. */
const AGAIN_MS = 30
/** How long the end of all containers is waited for: the supervisor waits for control not much longer. */
const ENDING_MS = 3_500
/** What has left is shown for so long. */
const SHOWN_MS = 60_000
/** For what no gateway has a request at any more. */
const END_MS = 30_000

export function createInstances(options: InstancesOptions): Instances {
  const { store, runtimes, log, clock } = options
  const running = new Map<string, Running>()
  const left: { readonly report: InstanceReport; readonly at: number }[] = []
  const watches = new Map([...runtimes].map(([name, runtime]) => [name, watchRuntime(name, runtime, { clock, log })]))
  const desired = createDesired(options)
  /** Versions of which no instances can be made, and why. */
  const undecided = new Map<string, string>()
  const statuses = createStatuses({ resources: store.resources, clock })
  let remembered: string | undefined
  let timer: NodeJS.Timeout | undefined
  let started = false
  let closed = false
  let current: Promise<void> | undefined
  let again = false
  let changedAt = clock.monotonic()

  const weights = createWeights({ store, fetch: options.fetch, clock, log, onChange: () => wake() })
  const prober = createProber({ clock, log, connect: options.connect, restart, onChange: () => wake() })
  const unsubscribe = [
    store.resources.onChange((events) => {
      if (events.some((event) => concerns(event.resource, event.type))) wake()
    }),
    ...[...runtimes.values()].map((runtime) => runtime.onChange(() => wake())),
  ]

  const versions = () => store.resources.list('ModelVersion').filter(({ spec }) => spec.source.engine || spec.source.image)
  const ofVersion = ({ metadata }: Resource<'ModelVersion'>) =>
    [...running.values()].filter(({ instance }) => instance.uid === metadata.uid)
  const add = (each: Remembered) => {
    running.set(each.instance.id, runningOf(each, clock))
  }

  /** Not what was written here itself, statuses. */
  const specs = new Map<string, readonly unknown[]>()
  const concerns = ({ kind, spec, metadata }: Resource, type: string): boolean => {
    if (kind !== 'ModelVersion' && kind !== 'Model') return false
    const now = [spec, metadata.annotations]
    const before = specs.get(metadata.uid!)
    if (type === 'DELETED') specs.delete(metadata.uid!)
    else specs.set(metadata.uid!, now)
    return type === 'DELETED' || !now.every((each, at) => each === before?.[at])
  }

  async function restart({ instance }: Running, why: string): Promise<void> {
    log.warn('an instance is ended and started again', { instance: instance.id, why })
    await runtimes.get(instance.runtime)?.restart(instance.id)
  }

  const observe = async () => {
    const looked = await Promise.all([...watches].map(async ([name, watch]) => [name, await watch.look()] as const))
    const seen = new Map(looked)
    for (const each of running.values()) {
      const there = seen.get(each.instance.runtime)
      if (!there) continue
      const { runningSince } = each.life
      each.life = seeRun(each.life, there.get(each.instance.id), clock.monotonic())
      each.address = each.life.seen?.address
      // One that has just been started is soon ready, most of the time.
      if (each.life.runningSince !== runningSince) changedAt = clock.monotonic()
    }
  }

  const compiled = () => {
    const counts = new Map<string, number>()
    const keyOf = ({ instance }: Running) => `${instance.namespace}/${instance.version}`
    for (const each of running.values()) if (isReady(each)) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1)
    return [...running.values()].map((each) => {
      const entry = compileInstance(each, (counts.get(keyOf(each)) ?? 0) > 1)
      if (entry.state === 'ready') each.offered = true
      return entry
    })
  }

  const retire = (each: Running) => {
    if (isRetiring(each)) return
    each.retiringSince = clock.now()
    each.retiringAt = clock.monotonic()
  }
  const decide = () => {
    const wanted = versions()
    const uids = new Set(wanted.map(({ metadata }) => metadata.uid))
    for (const version of wanted) {
      try {
        decideOn(version)
        undecided.delete(version.metadata.uid!)
      } catch (error) {
        // One that cannot be made holds up no other.
        undecided.set(version.metadata.uid!, messageOf(error))
      }
    }
    for (const uid of undecided.keys()) if (!uids.has(uid)) undecided.delete(uid)
    for (const each of running.values()) if (!uids.has(each.instance.uid)) retire(each)
    for (const memory of [weights, desired, statuses]) memory.keepOnly(wanted)
  }
  const decideOn = (version: Resource<'ModelVersion'>) => {
    const known = ofVersion(version)
      .filter((each) => !isRetiring(each))
      .map((each) => ({ instance: each.instance, ready: isReady(each), served: each.life.served }))
    const asked = desiredOf(version)
    const plan = planVersion(asked, known, version.spec.scaling.max)
    for (const instance of plan.start) start(instance)
    for (const instance of plan.retire) retire(running.get(instance.id)!)
    for (const each of ofVersion(version)) each.old = asked !== undefined && !asked.some(({ id }) => id === each.instance.id)
    // What does not make it another instance may change while it runs; its config stays the text that it was started with.
    for (const now of asked ?? []) {
      const each = running.get(now.id)
      const { config, container } = each?.instance ?? now
      if (each) each.instance = { ...now, config, ...(container ? { container } : {}) }
    }
  }
  const start = (instance: Instance) => {
    const leaving = running.get(instance.id)
    if (!leaving) return add({ instance, placed: false, offered: false, ready: false })
    // Wanted again before it was told to end, it stays; after that it ends first, since an id names one at a time.
    if (!leaving.ended) {
      leaving.retiringSince = undefined
      leaving.drainVersion = undefined
    }
  }

  const desiredOf = (version: Resource<'ModelVersion'>): readonly Instance[] | undefined => {
    const { spec, metadata } = version
    const task = store.resources.get('Model', metadata.namespace, spec.model)?.spec.task ?? 'chat'
    return desired.of(version, task, weights.stateOf(version))
  }

  const admit = () => {
    const claims = [...running.values()].filter(({ ended }) => !ended).map(({ instance, placed }) => ({ instance, placed }))
    const turned = turnedAway(claims, options.memoryBytes)
    for (const each of running.values()) {
      const { id, runtime } = each.instance
      const watch = watches.get(runtime)
      const missing = watch ? (watch.away ?? watch.refused) : `there is no runtime "${runtime}" here`
      each.waits = turned.get(id) ?? (each.life.seen ? undefined : missing)
      if (!turned.has(id)) each.placed = true
    }
  }

  /** Those that drain and are done: their runtime is told to end them. */
  const release = () => {
    for (const each of running.values()) {
      const { retiringAt, drainVersion, instance, offered } = each
      if (!isRetiring(each) || each.ended) continue
      // Not by the wall clock, which somebody may set.
      const over = clock.monotonic() - retiringAt > instance.drainTimeoutMs
      const drained = !offered || (drainVersion !== undefined && options.idle(instance.id, drainVersion))
      if (over || drained) each.ended = true
    }
  }

  const remember = async () => {
    const all = [...running.values()].map(rememberedOf)
    const text = JSON.stringify(all)
    if (text !== remembered) await store.meta.set(REMEMBERED, all)
    remembered = text
  }

  const want = async () => {
    await Promise.all(
      [...watches].map(async ([name, watch]) => {
        const chosen = [...running.values()].filter((each) => each.instance.runtime === name && each.placed && !each.ended)
        const set = chosen.flatMap((each) => wantedOf(each) ?? [])
        await watch.want(set, chosen.some(({ life }) => life.seen === undefined) || leftOver(name))
      }),
    )
  }
  /** It was told to end, and goes on as if it had not. */
  const leftOver = (name: RuntimeName) =>
    [...running.values()].some(
      ({ instance, ended, life }) => ended && instance.runtime === name && life.seen && life.seen.state !== 'ending',
    )
  const wantedOf = (each: Running): WantedInstance | undefined => {
    const { id, config, container, limits, drainTimeoutMs } = each.instance
    // An engine of ours that somebody else ends drains by itself.
    const own = !container && !isRetiring(each)
    const told = { id, config, drainTimeoutMs: own ? drainTimeoutMs : Math.min(drainTimeoutMs, END_MS), ...(limits ? { limits } : {}) }
    if (!container) return told
    try {
      return { ...told, container: containerOf(container, each.life.seen !== undefined, options.home.root) }
    } catch (error) {
      each.waits = messageOf(error)
      return undefined
    }
  }

  /** Forgets the instances that have left. */
  const sweep = () => {
    for (const [id, each] of running) {
      const watch = watches.get(each.instance.runtime)
      if (!each.ended || (each.placed && (watch?.away !== undefined || !watch?.told || each.life.seen))) continue
      void each.client?.of.close()
      running.delete(id)
      const at = clock.now()
      left.push({ report: { ...reportOf(each), state: 'stopped', since: at, message: undefined }, at })
    }
    while (left.length > 0 && clock.now() - left[0]!.at > SHOWN_MS) left.shift()
  }

  const writeStatuses = async () => {
    for (const each of running.values()) if (noteState(each, clock.now())) changedAt = clock.monotonic()
    for (const version of versions()) {
      const trouble = undecided.get(version.metadata.uid!)
      await statuses.write(version, weights.stateOf(version), ofVersion(version), trouble)
    }
  }

  const round = async () => {
    await observe()
    prober.look(running.values())
    await weights.pinNew(versions())
    decide()
    admit()
    const entries = compiled()
    // Before it is said or asked for: a control that is killed in between must know what gateways may have been sent, and what runs.
    const trouble = await remember().then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    const version = options.publish(entries)
    for (const each of running.values()) if (isRetiring(each)) each.drainVersion ??= version
    if (!trouble) {
      release()
      await want()
    }
    sweep()
    await writeStatuses()
    if (trouble) throw trouble.error
    await remember() // since when it is ready was noted just now, and the next round may be a second away
  }

  /** Processes end with their supervisor. What takes longer than this is ended by Docker itself, as it was told. */
  const endContainers = async () => {
    const docker = runtimes.get('docker')
    if (!docker || ![...running.values()].some(({ instance, placed }) => instance.runtime === 'docker' && placed)) return
    try {
      const until = clock.monotonic() + ENDING_MS
      await docker.want([])
      while ((await docker.observe()).length > 0 && clock.monotonic() < until) await sleep(STARTING_MS)
    } catch (error) {
      log.warn('containers could not be told to end; they go on, and are taken up again at the next start', { error: messageOf(error) })
    }
  }

  const rounds = recurring(
    log,
    clock,
    'the instances cannot be looked after; what runs goes on, and the next round tries again',
    'the instances are looked after again',
  )
  function wake(): void {
    if (!started || closed) return
    if (current) {
      again = true
      return
    }
    clearTimeout(timer)
    current = round()
      .then(rounds.worked, (error: unknown) => rounds.failed(messageOf(error)))
      .finally(() => {
        current = undefined
        // What hangs or fails for ever is looked at no more often than what is well.
        const busy = clock.monotonic() - changedAt < BUSY_MS && [...running.values()].some((each) => !isReady(each))
        const pause = again ? AGAIN_MS : busy ? STARTING_MS : IDLE_MS
        again = false
        if (!closed) timer = setTimeout(wake, pause)
      })
  }

  return {
    async look() {
      for (const each of (await store.meta.get<Remembered[]>(REMEMBERED)) ?? []) add(each)
      await weights.recall(versions())
      await observe()
      await prober.askAll(running.values())
      return compiled()
    },
    start() {
      started = true
      wake()
    },
    gatewaySaid() {
      if ([...running.values()].some((each) => isRetiring(each) && !each.ended)) wake()
    },
    round,
    report: () => ({ instances: [...running.values()].map(reportOf), left: left.map(({ report }) => report) }),
    async logs(id, lines) {
      const each = running.get(id)
      return each && (await runtimes.get(each.instance.runtime)?.logs(id, lines))
    },
    weightsOf: weights.stateOf,
    async close(end = false) {
      closed = true
      clearTimeout(timer)
      for (const each of unsubscribe) each()
      weights.close()
      await current
      if (end) await endContainers()
      await Promise.all([...runtimes.values()].map((runtime) => runtime.close()))
      await Promise.all([...running.values()].map(({ client }) => client?.of.close()))
    },
  }
}
