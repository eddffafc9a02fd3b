/**
 * Instances of model versions: brings what runs to what the ModelVersions say, through the runtimes, and tells what is ready.
 *
 * Level-triggered: every round looks at the versions, the weights and what runs, decides anew and acts on the difference (round.ts). Here stands when
 * there is one, and who closes what.
 */
import { messageOf } from '../../kernel/errors.ts'
import { recurring } from '../../kernel/recurring.ts'
import type { Resource } from '../../resources/index.ts'
import type { CompiledInstance } from '../../resources/snapshot.ts'
import type { Store } from '../../store/index.ts'
import type { Runtime } from '../runtimes/port.ts'
import type { RuntimeName, WeightsState } from './identity.ts'
import { createPlacement } from './placement.ts'
import { createRounds, type RoundOptions } from './round.ts'
import { type InstanceReport, isRetiring, type Running, reportOf } from './running.ts'
import type { Fetch } from './weight-fetches.ts'
import { createWeights } from './weights.ts'

export interface InstancesOptions extends Omit<RoundOptions, 'running' | 'placement' | 'weights' | 'onChange'> {
  readonly store: {
    readonly resources: Pick<Store['resources'], 'list' | 'get' | 'onChange' | 'setStatus'>
    readonly meta: Pick<Store['meta'], 'get' | 'set'>
  }
  readonly runtimes: ReadonlyMap<RuntimeName, Runtime>
  readonly fetch: Fetch
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
  /** Another number of instances is wanted. */
  wantedChanged(): void
  /** One round, now: what `start` does again and again. */
  round(): Promise<void>
  /** A round has been made since the start: before that, statuses say what they said when control was there last. */
  hasLooked(): boolean
  /** Those that there are, and those that have left within the last minute. */
  report(): { readonly instances: readonly InstanceReport[]; readonly left: readonly InstanceReport[] }
  /** The last lines that an instance printed, oldest first; undefined where there is none of this id. */
  logs(id: string, lines: number): Promise<readonly string[] | undefined>
  weightsOf(version: Resource<'ModelVersion'>): WeightsState | undefined
  /** Lets go of what runs. `end`: the whole system stops, and what would go on without it, containers, is told to end. */
  close(end?: boolean): Promise<void>
}

const IDLE_MS = 1_000
const BUSY_MS = 150
/** Between two rounds, however much happens. */
const AGAIN_MS = 30

export function createInstances(options: InstancesOptions): Instances {
  const { store, runtimes, log, clock } = options
  const running = new Map<string, Running>()
  const weights = createWeights({ store, fetch: options.fetch, clock, log, onChange: () => wake() })
  const placement = createPlacement({ running, runtimes, homeRoot: options.home.root, clock, log })
  const rounds = createRounds({ ...options, running, placement, weights, onChange: () => wake() })
  let timer: NodeJS.Timeout | undefined
  let started = false
  let closed = false
  let looked = false
  let current: Promise<void> | undefined
  let again = false

  const concerns = newsOfVersions()
  const unsubscribe = [
    store.resources.onChange((events) => {
      if (events.some((event) => concerns(event.resource, event.type))) wake()
    }),
    ...[...runtimes.values()].map((runtime) => runtime.onChange(() => wake())),
  ]

  const saying = recurring(
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
    current = rounds
      .round()
      .then(saying.worked, (error: unknown) => saying.failed(messageOf(error)))
      .finally(() => {
        current = undefined
        looked = true
        // What hangs or fails for ever is looked at no more often than what is well.
        const pause = again ? AGAIN_MS : rounds.isBusy() ? BUSY_MS : IDLE_MS
        again = false
        if (!closed) timer = setTimeout(wake, pause)
      })
  }

  return {
    look: rounds.look,
    start() {
      started = true
      wake()
    },
    gatewaySaid() {
      if ([...running.values()].some((each) => isRetiring(each) && !each.ended)) wake()
    },
    wantedChanged: wake,
    round: rounds.round,
    hasLooked: () => looked,
    report: () => ({ instances: [...running.values()].map(reportOf), left: rounds.left() }),
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
      if (end) await placement.endContainers()
      await Promise.all([...runtimes.values()].map((runtime) => runtime.close()))
      await Promise.all([...running.values()].map(({ client }) => client?.of.close()))
    },
  }
}

/** Tells whether an event is of a version or model whose spec or annotations are others now: statuses are written by the rounds themselves. */
function newsOfVersions(): (resource: Resource, type: string) => boolean {
  const known = new Map<string, readonly unknown[]>()
  return ({ kind, spec, metadata }, type) => {
    if (kind !== 'ModelVersion' && kind !== 'Model') return false
    const now = [spec, metadata.annotations]
    const before = known.get(metadata.uid!)
    if (type === 'DELETED') known.delete(metadata.uid!)
    else known.set(metadata.uid!, now)
    return type === 'DELETED' || !now.every((each, at) => each === before?.[at])
  }
}
