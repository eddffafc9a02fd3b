/**
 * One round: looks at what runs, decides (deciding.ts), and acts on the difference, in an order that a control which is killed anywhere in it can take
 * up. What was asked for is remembered in the store, because a control that starts again must name an old instance with its exact config, or its
 * runtime would replace it.
 *
 * An instance leaves in this order: the gateways are told that it drains; when none of them has a request at it any more, or its drain time is
 * over, its runtime is told to end it.
 */
import type { Log } from '../../kernel/log.ts'
import type { Resource } from '../../resources/index.ts'
import type { CompiledInstance } from '../../resources/snapshot.ts'
import type { Store } from '../../store/index.ts'
import type { connectInstance } from './clients.ts'
import { createDeciding, type DecidingOptions } from './deciding.ts'
import type { Placement } from './placement.ts'
import { createProber } from './prober.ts'
import {
  compileInstance,
  type InstanceReport,
  isReady,
  isRetiring,
  noteState,
  ofVersion,
  type Remembered,
  type Running,
  rememberedOf,
  reportOf,
  runningOf,
} from './running.ts'
import { createStatuses } from './statuses.ts'
import type { Scaled } from './version-status.ts'
import type { createWeights } from './weights.ts'

export interface RoundOptions extends DecidingOptions {
  readonly placement: Placement
  readonly store: {
    readonly resources: Pick<Store['resources'], 'list' | 'get' | 'setStatus'>
    readonly meta: Pick<Store['meta'], 'get' | 'set'>
  }
  readonly weights: ReturnType<typeof createWeights>
  readonly connect: typeof connectInstance
  readonly log: Log
  /** Publishes all instances there are. Returns the version of the snapshot that says so. */
  publish(instances: readonly CompiledInstance[]): number
  /** Those that are connected. */
  gateways(): number
  /** An answer of an instance is a reason for a round. */
  onChange(): void
  /** What its policy says, for the status of a version that has one. */
  scaling?(version: Resource<'ModelVersion'>): Scaled['scaling']
}

export interface Rounds {
  /** Looks at what runs already. Resolves when that is known, with the instances to publish first. */
  look(): Promise<readonly CompiledInstance[]>
  round(): Promise<void>
  /** Something has got ahead lately, and something has yet to. */
  isBusy(): boolean
  /** Those that have left within the last minute. */
  left(): readonly InstanceReport[]
}

const REMEMBERED = 'instances'
/** So long after the last change of a state. */
const BUSY_MS = 15_000
/** What has left is shown for so long. */
const SHOWN_MS = 60_000

export function createRounds(options: RoundOptions): Rounds {
  const { running, placement, store, weights, log, clock, connect, onChange } = options
  const deciding = createDeciding(options)
  const statuses = createStatuses({
    resources: store.resources,
    clock,
    scaled: (version) => ({ wanted: options.wanted?.(version) ?? version.spec.scaling.min, scaling: options.scaling?.(version) }),
  })
  const prober = createProber({ clock, log, connect, restart: placement.restart, onChange })
  const left: { readonly report: InstanceReport; readonly at: number }[] = []
  let remembered: string | undefined
  let changedAt = clock.monotonic()

  const versions = () => store.resources.list('ModelVersion').filter(({ spec }) => spec.source.engine || spec.source.image)

  const observe = async () => {
    // One that has just been started is soon ready, most of the time.
    if (await placement.observe()) changedAt = clock.monotonic()
  }

  const compiled = () => {
    const counts = new Map<string, number>()
    const keyOf = ({ instance }: Running) => `${instance.namespace}/${instance.version}`
    for (const each of running.values()) if (isReady(each)) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1)
    const gateways = options.gateways()
    return [...running.values()].map((each) => {
      const entry = compileInstance(each, { instances: counts.get(keyOf(each)) ?? 0, gateways })
      if (entry.state === 'ready') each.offered = true
      return entry
    })
  }

  const remember = async () => {
    const all = [...running.values()].map(rememberedOf)
    const text = JSON.stringify(all)
    if (text !== remembered) await store.meta.set(REMEMBERED, all)
    remembered = text
  }

  /** Forgets the instances that have left. */
  const sweep = () => {
    for (const [id, each] of running) {
      if (!placement.isGone(each)) continue
      void each.client?.of.close()
      running.delete(id)
      const at = clock.now()
      left.push({ report: { ...reportOf(each), state: 'stopped', since: at, message: undefined }, at })
    }
    while (left.length > 0 && clock.now() - left[0]!.at > SHOWN_MS) left.shift()
  }

  const writeStatuses = async () => {
    for (const each of running.values()) if (noteState(each, clock.now())) changedAt = clock.monotonic()
    for (const version of versions())
      await statuses.write(version, weights.stateOf(version), ofVersion(running, version), deciding.troubleOf(version))
  }

  return {
    async look() {
      for (const each of (await store.meta.get<Remembered[]>(REMEMBERED)) ?? []) running.set(each.instance.id, runningOf(each, clock))
      await weights.recall(versions())
      await observe()
      await prober.askAll(running.values())
      return compiled()
    },
    async round() {
      await observe()
      prober.look(running.values())
      await weights.pinNew(versions())
      const asking = versions()
      deciding.decide(asking)
      for (const memory of [weights, statuses]) memory.keepOnly(asking)
      deciding.admit()
      const entries = compiled()
      // Before it is said or asked for: a control that is killed in between must know what gateways may have been sent, and what runs.
      const trouble = await remember().then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      const version = options.publish(entries)
      for (const each of running.values()) if (isRetiring(each)) each.drainVersion ??= version
      if (!trouble) {
        deciding.release()
        await placement.want()
      }
      sweep()
      await writeStatuses()
      if (trouble) throw trouble.error
      await remember() // since when it is ready was noted just now, and the next round may be a second away
    },
    isBusy: () => clock.monotonic() - changedAt < BUSY_MS && [...running.values()].some((each) => !isReady(each)),
    left: () => left.map(({ report }) => report),
  }
}
