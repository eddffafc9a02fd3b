/**
 * Instances of model versions: brings what runs to what the ModelVersions say, through the supervisor, and tells what is ready.
 *
 * Level-triggered: every round looks at the versions, the weights, the supervisor's processes and the engines' own health, decides anew
 * (plan.ts) and acts on the difference. What was asked for is remembered in the store, because a control that starts again must name an old
 * instance with its exact config, or the supervisor would replace it. An instance leaves in this order: the gateways stop sending to it
 * (published and acknowledged), then the supervisor drains it.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Home } from '../../kernel/home.ts'
import { sha256Hex } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import type { ProcessStatus } from '../../kernel/supervision.ts'
import type { Resource } from '../../resources/index.ts'
import type { Weights } from '../../resources/model-version.ts'
import type { CompiledInstance } from '../../resources/snapshot.ts'
import type { Store } from '../../store/index.ts'
import { engineOf, type Instance, instanceOf, type WeightsState } from './identity.ts'
import { connectSupervisor, type SupervisorClient } from './peers.ts'
import { type Known, planVersion } from './plan.ts'
import { compileInstance, type InstanceReport, probe, type Running, reportOf, watchInstance } from './running.ts'
import { type InstanceView, versionStatus } from './version-status.ts'
import { createWeightFetches, type Fetch } from './weight-fetches.ts'

export interface InstancesOptions {
  readonly store: Store
  readonly home: Home
  readonly log: Log
  readonly clock: Clock
  readonly fetch: Fetch
  /** Publishes all instances there are. The promise settles when the gateways run that, or after a second. */
  publish(instances: readonly CompiledInstance[]): Promise<void>
}

export type { InstanceReport } from './running.ts'

export interface Instances {
  /** Looks at what runs already. Resolves when that is known, with the instances to publish first. */
  look(): Promise<readonly CompiledInstance[]>
  /** Begins to act. */
  start(): void
  report(): { readonly processes: readonly ProcessStatus[] | undefined; readonly instances: readonly InstanceReport[] }
  weightsOf(version: Resource<'ModelVersion'>): WeightsState | undefined
  close(): Promise<void>
}

const REMEMBERED = 'engines'
const IDLE_MS = 1_000
const STARTING_MS = 150
/** Download progress goes into the status at most this often. */
const PROGRESS_MS = 500

export function createInstances(options: InstancesOptions): Instances {
  const { store, home, log, clock } = options
  const supervisor: SupervisorClient = connectSupervisor(home.socket('supervisor'))
  const running = new Map<string, Running>()
  const pins = new Map<string, string>()
  const progressAt = new Map<string, number>()
  let processes: readonly ProcessStatus[] | undefined
  let remembered: string | undefined
  let asked: string | undefined
  let timer: NodeJS.Timeout | undefined
  let started = false
  let closed = false
  let round: Promise<void> | undefined
  let again = false

  const fetches = createWeightFetches({ fetch: options.fetch, clock, log, onChange: () => wake() })
  const unsubscribe = store.resources.onChange((events) => {
    if (events.some(({ resource }) => resource.kind === 'ModelVersion' || resource.kind === 'Model')) wake()
  })

  const versions = () => store.resources.list('ModelVersion').filter((version) => version.spec.source.engine)
  const add = (instance: Instance, retiring = false) => {
    running.set(instance.id, watchInstance(instance, retiring))
  }
  const processOf = (id: string) => processes?.find(({ name }) => name === `engine-${id}`)

  /** Weights as they are fetched: with the digest that the first use has pinned. */
  const pinned = (version: Resource<'ModelVersion'>): Weights | undefined => {
    const source = version.spec.source.engine
    if (source?.kind !== 'llama') return undefined
    const sha256 = source.weights.sha256 ?? pins.get(pinKey(version, source.weights))
    return sha256 === undefined ? source.weights : { ...source.weights, sha256 }
  }
  const weightsOf = (version: Resource<'ModelVersion'>): WeightsState | undefined => {
    const weights = pinned(version)
    return weights && fetches.stateOf(weights)
  }
  const pin = async (version: Resource<'ModelVersion'>, state: WeightsState | undefined) => {
    const source = version.spec.source.engine
    if (state?.phase !== 'here' || source?.kind !== 'llama' || source.weights.sha256 !== undefined) return
    const key = pinKey(version, source.weights)
    if (pins.has(key)) return
    await store.meta.set(key, state.sha256)
    // Pinned weights are another question to the fetcher, which finds them in the cache.
    pins.set(key, state.sha256)
  }

  const observe = async () => {
    try {
      processes = await supervisor.processes()
      asking.worked()
    } catch (error) {
      asking.failed(messageOf(error))
    }
    await Promise.all([...running.values()].map((each) => probe(each, processOf(each.instance.id))))
  }

  const compiled = () => [...running.values()].map(compileInstance)

  /** Decides for all versions; true when an instance has begun to leave. */
  const decide = async (): Promise<boolean> => {
    const wanted = versions()
    const named = new Set(wanted.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
    let leaving = false
    const retire = (each: Running) => {
      each.retiring = true
      leaving = true
    }
    for (const version of wanted) {
      const state = weightsOf(version)
      await pin(version, state)
      const known: Known[] = ofVersion(version).filter((each) => !each.retiring)
      const plan = planVersion(desired(version, state), known)
      for (const instance of plan.start) {
        const leavingOne = running.get(instance.id)
        // Wanted again while it drains: it ends first, the id names one process at a time.
        if (!leavingOne) add(instance)
      }
      for (const { id, drainTimeoutMs } of plan.keep) {
        const each = running.get(id)!
        each.instance = { ...each.instance, drainTimeoutMs } // its config stays the text that it was started with
      }
      for (const instance of plan.retire) retire(running.get(instance.id)!)
    }
    for (const each of running.values())
      if (!each.retiring && !named.has(`${each.instance.namespace}/${each.instance.version}`)) retire(each)
    fetches.keepOnly(wanted.flatMap((version) => pinned(version) ?? []))
    return leaving
  }

  const desired = (version: Resource<'ModelVersion'>, state: WeightsState | undefined): Instance[] | undefined => {
    if (version.spec.scaling.min === 0) return []
    const engine = engineOf(version, state)
    if (!engine) return undefined
    const task = store.resources.get('Model', version.metadata.namespace, version.spec.model)?.spec.task ?? 'chat'
    return Array.from({ length: version.spec.scaling.min }, (_, index) => instanceOf(version, task, engine, index, home))
  }

  const ofVersion = ({ metadata }: Resource<'ModelVersion'>) =>
    [...running.values()].filter(({ instance }) => instance.namespace === metadata.namespace && instance.version === metadata.name)

  /** Tells the supervisor the whole set, when it differs from what was said or from what it runs. */
  const ask = async () => {
    const wanted = [...running.values()].filter((each) => !each.retiring).map(({ instance }) => instance)
    const text = JSON.stringify([...running.values()].map(({ instance, retiring }) => ({ instance, retiring })))
    const lacks = wanted.some(({ id }) => processOf(id) === undefined)
    if (text !== remembered) await store.meta.set(REMEMBERED, JSON.parse(text))
    remembered = text
    if (processes === undefined || (text === asked && !lacks)) return
    processes = await supervisor.setEngines(wanted.map(({ id, config, drainTimeoutMs }) => ({ id, config, drainTimeoutMs })))
    asked = text
  }

  /** Forgets the instances that have left. */
  const sweep = () => {
    for (const [id, each] of running) {
      if (!each.retiring || asked === undefined) continue
      const process_ = processOf(id)
      if (process_ && process_.state !== 'ended') continue
      void each.client.close()
      running.delete(id)
    }
  }

  const writeStatus = async () => {
    for (const version of versions()) {
      const state = weightsOf(version)
      const views: InstanceView[] = ofVersion(version)
        .filter((each) => !each.retiring)
        .map(({ instance, ready, health }) => ({
          id: instance.id,
          ready,
          standIn: instance.standIn,
          process: processOf(instance.id),
          ...(health?.status === 'failed' ? { message: health.message ?? 'failed' } : {}),
        }))
      const status = versionStatus(version, state, views, clock.now())
      if (
        onlyProgress(version, status) &&
        clock.monotonic() - (progressAt.get(version.metadata.uid!) ?? Number.NEGATIVE_INFINITY) < PROGRESS_MS
      )
        continue
      progressAt.set(version.metadata.uid!, clock.monotonic())
      await store.resources.setStatus(version, status)
    }
  }

  const oneRound = async () => {
    await observe()
    const leaving = await decide()
    const published = options.publish(compiled())
    if (leaving) await published
    await ask()
    sweep()
    await writeStatus()
  }

  const rounds = recurring(
    log,
    clock,
    'the instances cannot be looked after; what runs goes on, and the next round tries again',
    'the instances are looked after again',
  )
  const asking = recurring(log, clock, 'the supervisor does not answer; what runs goes on', 'the supervisor answers again', 'warn')

  const wake = () => {
    if (!started || closed) return
    if (round) {
      again = true
      return
    }
    clearTimeout(timer)
    round = oneRound()
      .then(rounds.worked, (error: unknown) => rounds.failed(messageOf(error)))
      .finally(() => {
        round = undefined
        const starting = [...running.values()].some((each) => !each.ready || each.retiring)
        if (again) {
          again = false
          setImmediate(wake)
        } else if (!closed) timer = setTimeout(wake, starting ? STARTING_MS : IDLE_MS)
      })
  }

  return {
    async look() {
      for (const { instance, retiring } of (await store.meta.get<{ instance: Instance; retiring: boolean }[]>(REMEMBERED)) ?? [])
        add(instance, retiring)
      for (const version of versions()) {
        const source = version.spec.source.engine
        if (source?.kind !== 'llama' || source.weights.sha256 !== undefined) continue
        const key = pinKey(version, source.weights)
        const sha256 = await store.meta.get<string>(key)
        if (sha256 !== undefined) pins.set(key, sha256)
      }
      await observe()
      return compiled()
    },
    start() {
      started = true
      wake()
    },
    report: () => ({ processes, instances: [...running.values()].map((each) => reportOf(each, processOf(each.instance.id))) }),
    weightsOf,
    async close() {
      closed = true
      clearTimeout(timer)
      unsubscribe()
      fetches.close()
      await round
      await supervisor.close()
      await Promise.all([...running.values()].map(({ client }) => client.close()))
    },
  }
}

/** A version that is made anew under an old name pins anew; so does another list of places. */
function pinKey(version: Resource<'ModelVersion'>, weights: Weights): string {
  return `pinned-weights/${version.metadata.uid}/${sha256Hex(JSON.stringify(weights.from)).slice(0, 16)}`
}

/** Is a new status different from the stored one in nothing but the bytes received? */
function onlyProgress(version: Resource<'ModelVersion'>, status: Resource<'ModelVersion'>['status']): boolean {
  const before = version.status
  if (before?.state !== 'Fetching' || status?.state !== 'Fetching') return false
  return before.observedGeneration === status.observedGeneration && before.weights?.from === status.weights?.from
}
