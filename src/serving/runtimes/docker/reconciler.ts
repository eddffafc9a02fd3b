/**
 * Brings what runs to what is wanted, in passes: look, decide (`plan.ts`), do. One pass at a time, so that two callers never make the same container;
 * a pass begins when somebody wants something, when Docker says that something happened, and when the time of something has come. A pass does not
 * wait for containers to start: a disk or device that hangs holds up its own instance alone, which is left as it is until then.
 */
import type { Clock } from '../../../kernel/clock.ts'
import { messageOf, StrataError } from '../../../kernel/errors.ts'
import type { Log } from '../../../kernel/log.ts'
import { recurring } from '../../../kernel/recurring.ts'
import { backoffMs } from './backoff.ts'
import {
  type ContainerInstance,
  containerName,
  createBody,
  endingName,
  homeLabel,
  isAlive,
  needsOwnPort,
  type OwnContainer,
  readContainer,
} from './container-spec.ts'
import type { Failure } from './describe.ts'
import type { DockerEngine } from './engine-api.ts'
import { freePort } from './free-port.ts'
import { KILL_MARGIN_MS, planContainers, type Step } from './plan.ts'
import type { createPulls } from './pulls.ts'

const AGAIN_MS = 5_000
/** Not sooner after the last pass, when nobody asks for one. */
const SHORTEST_SLEEP_MS = 500
const LONGEST_SLEEP_MS = 60_000

export interface ReconcilerOptions {
  readonly engine: DockerEngine
  readonly home: string
  readonly network: string
  readonly clock: Clock
  readonly log: Log
  readonly pulls: ReturnType<typeof createPulls>
  readonly changed: () => void
  readonly signal: AbortSignal
}

interface FailedTry extends Failure {
  readonly config: string
  readonly failures: number
  readonly retryAt: number
}

type Named = Pick<ContainerInstance, 'id' | 'config'>

export function createReconciler({ engine, home, network, clock, log, pulls, changed, signal }: ReconcilerOptions) {
  let wanted: ReadonlyMap<string, ContainerInstance> | undefined
  /** What was wanted until lately: its drain times are newer than the labels'. */
  let before: ReadonlyMap<string, ContainerInstance> | undefined
  const failed = new Map<string, FailedTry>()
  /** What is being started, by id; `left`: there is something else to do for it. */
  const starting = new Map<string, { work?: Promise<void>; left: boolean }>()
  const stopping = new Set<Promise<void>>()
  /** Ids of those that are to be ended hard and started again. */
  const restarts = new Set<string>()
  const clearing = recurring(
    log,
    clock,
    'a container cannot be told to end or removed: it is tried again',
    'containers end and are removed again',
    'warn',
  )
  let current: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const look = async () => (await engine.containers(homeLabel(home))).map(readContainer)

  /** A pass that begins after now. */
  const pass = (): Promise<void> => {
    next ??= current
      .catch(() => undefined) // told to those who waited for that one
      .then(() => {
        current = next!
        next = undefined
        return run()
      })
    return next
  }
  /** A pass that nobody waits for. */
  const wake = () => {
    pass().catch((error: unknown) => {
      if (!signal.aborted) log.debug('a pass over the containers failed', { error: messageOf(error) })
    })
  }
  const run = async () => {
    clearTimeout(timer)
    signal.throwIfAborted()
    try {
      const busy = new Set(starting.keys()) // what is seen of those may be true no more when it is decided upon
      const found = await look()
      forget(found)
      const configs = wanted && new Map([...wanted].map(([id, { config }]) => [id, config]))
      const planned = planContainers(configs, found, clock.now())
      const steps = [...planned, ...restartsOf(found, planned)]
      const results = await Promise.allSettled(steps.map((step) => take(step, busy)))
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
      const away = errors.find((error) => signal.aborted || isAway(error))
      if (away) throw away
      if (errors.length > 0) clearing.failed(messageOf(errors[0]))
      else clearing.worked()
      sleepUntil(Math.min(nextDue(found), errors.length > 0 ? clock.monotonic() + AGAIN_MS : Number.POSITIVE_INFINITY))
    } catch (error) {
      sleepUntil(clock.monotonic() + AGAIN_MS)
      throw error
    }
  }
  /** Of those that run and for which nothing else is to be done. The others are forgotten: they leave, or are started anyway. */
  const restartsOf = (found: readonly OwnContainer[], planned: readonly Step[]): readonly Step[] => {
    const others = new Set(planned.map(instanceOf))
    const chosen = found.filter(
      (each) =>
        restarts.has(each.instance) && !others.has(each.instance) && (each.state === 'running' || each.state === 'paused') && !each.ending,
    )
    restarts.clear()
    return chosen.map((container) => ({ does: 'restart', container }))
  }
  const take = async (step: Step, busy: ReadonlySet<string>): Promise<void> => {
    const id = instanceOf(step)
    const entry = starting.get(id)
    if (entry) entry.left = true
    else if (busy.has(id)) wake()
    if (entry || busy.has(id)) return
    switch (step.does) {
      case 'create':
        return begin(wanted!.get(id)!, () => create(wanted!.get(id)!))
      case 'start':
        return begin(wanted!.get(id)!, () => (failed.has(id) ? startOrReplace(step.container) : engine.start(step.container.containerId)))
      case 'restart':
        return begin({ id, config: step.container.config }, () => restart(step.container))
      case 'end':
        return end(step.container)
      case 'kill':
        return engine.kill(step.container.containerId)
      case 'remove':
        return engine.remove(step.container.containerId)
      default:
        step satisfies never
    }
  }
  const begin = (instance: Named, act: () => Promise<void>) => {
    const last = failed.get(instance.id)
    if (last && clock.monotonic() < last.retryAt) return
    const entry: { work?: Promise<void>; left: boolean } = { left: false }
    starting.set(instance.id, entry)
    entry.work = attempt(instance, act).then((worked) => {
      starting.delete(instance.id)
      if (signal.aborted || (worked && !entry.left)) return
      wake()
      changed()
    })
  }
  /** What Docker refuses is a state of the instance, and tried again later. */
  const attempt = async (instance: Named, act: () => Promise<void>): Promise<boolean> => {
    try {
      await act()
      return true
    } catch (error) {
      if (signal.aborted || isAway(error)) return false // everybody's trouble: the next pass meets it too
      const failures = (failed.get(instance.id)?.failures ?? 0) + 1
      const message = messageOf(error)
      const retryAt = clock.monotonic() + backoffMs(failures)
      failed.set(instance.id, { config: instance.config, failures, retryAt, message, since: clock.now() })
      const image = wanted?.get(instance.id)?.container.image
      log.warn('an instance cannot be started', { instance: instance.id, image, failures, error: message })
      return false
    }
  }
  const create = async (instance: ContainerInstance) => {
    const { image } = instance.container
    if (!(await engine.hasImage(image))) return pulls.ensure(image)
    const port = needsOwnPort(instance.container, network) ? await freePort() : instance.container.port
    await engine.start(await engine.create(containerName(home, instance.id), createBody(instance, home, network, port)))
  }
  /**
   * Where it is refused again, another one is made in its place: one whose daemon was killed in the middle of its start Docker up to 20.10 refuses for
   * good ("id already in use", "task … already exists"). Not where another one could not be made: its image may be gone by now.
   */
  const startOrReplace = async ({ containerId, instance }: OwnContainer) => {
    try {
      await engine.start(containerId)
    } catch (error) {
      const { container } = wanted?.get(instance) ?? {}
      if (isAway(error) || !container || !(await engine.hasImage(container.image))) throw error
      await engine.remove(containerId)
      const still = wanted?.get(instance)
      if (still) await create(still)
    }
  }
  /** Docker's own restart asks with SIGTERM first, to which one that hangs half may end as if all were well; only API 1.42 can be told otherwise. */
  const restart = async ({ containerId }: OwnContainer) => {
    await engine.kill(containerId)
    await engine.start(containerId)
  }
  const end = async ({ containerId, instance, config, drainTimeoutMs }: OwnContainer) => {
    const told = [wanted, before].map((set) => set?.get(instance)).find((each) => each?.config === config)
    const drain = told?.drainTimeoutMs ?? drainTimeoutMs
    const since = clock.now()
    // First the name: from then on it is not taken for wanted, whatever happens to us.
    await engine.rename(containerId, endingName(home, instance, since, since + drain))
    const stopped = engine
      .stop(containerId, Math.ceil(drain / 1000))
      .catch((error: unknown) => {
        // A daemon that restarts meanwhile stops it by itself; the deadline in its name is the last word.
        if (!signal.aborted) log.debug('waiting for the end of a container broke off', { instance, error: messageOf(error) })
      })
      .finally(() => stopping.delete(stopped))
    stopping.add(stopped)
  }

  const forget = (found: readonly OwnContainer[]) => {
    const running = new Set(found.filter(({ state }) => state === 'running').map(({ instance }) => instance))
    for (const [id, { config }] of failed) if (running.has(id) || wanted?.get(id)?.config !== config) failed.delete(id)
    pulls.keepOnly(new Set([...(wanted?.values() ?? [])].map(({ container }) => container.image)))
  }
  const nextDue = (found: readonly OwnContainer[]): number => {
    const wall = clock.monotonic() - clock.now()
    const kills = found.flatMap(({ ending }) => (ending ? [ending.until + KILL_MARGIN_MS + wall] : []))
    return Math.min(pulls.nextRetry(), ...[...failed.values()].map(({ retryAt }) => retryAt), ...kills)
  }
  const sleepUntil = (due: number) => {
    clearTimeout(timer)
    if (signal.aborted) return
    timer = setTimeout(wake, Math.min(LONGEST_SLEEP_MS, Math.max(SHORTEST_SLEEP_MS, due - clock.monotonic())))
  }

  return {
    look,
    wake,
    wanted: (): ReadonlyMap<string, ContainerInstance> => wanted ?? new Map(),
    /** One that is wanted stands still, and nothing is done about it: Docker tells of an end a moment before its list shows it. */
    overlooked: (found: readonly OwnContainer[]): boolean =>
      found.some(
        (each) =>
          !each.ending &&
          !isAlive(each) &&
          wanted?.get(each.instance)?.config === each.config &&
          !starting.has(each.instance) &&
          !failed.has(each.instance),
      ),
    failureOf: (id: string): Failure | undefined => failed.get(id),
    async want(instances: readonly ContainerInstance[]): Promise<void> {
      before = wanted
      wanted = new Map(instances.map((instance) => [instance.id, instance]))
      await pass()
    },
    async restart(id: string): Promise<void> {
      restarts.add(id)
      try {
        await pass()
      } finally {
        restarts.delete(id) // not when the daemon is back: it may answer again by then
      }
    },
    /** After `signal` was aborted: resolves when nothing is under way. */
    async close(): Promise<void> {
      clearTimeout(timer)
      await Promise.allSettled([current, next, ...[...starting.values()].map(({ work }) => work), ...stopping])
      clearTimeout(timer)
    },
  }
}

const instanceOf = (step: Step) => (step.does === 'create' ? step.instance : step.container.instance)
const isAway = (error: unknown) => error instanceof StrataError && error.code === 'docker_away'
