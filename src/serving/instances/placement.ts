/** Instances at their runtimes: what is seen of them there, what the runtimes are told of them, and whether one is gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { containerOf } from '../runtimes/container-of.ts'
import type { Runtime, WantedInstance } from '../runtimes/port.ts'
import type { RuntimeName } from './identity.ts'
import { seeRun } from './lifecycle.ts'
import { isRetiring, type Running } from './running.ts'
import { watchRuntime } from './runtime-watch.ts'

/** For what no gateway has a request at any more. */
const END_MS = 30_000
/** How long the end of all containers is waited for: the supervisor waits for control not much longer. */
const ENDING_MS = 3_500
const ENDING_LOOK_MS = 150

export interface Placement {
  /** Looks at what runs. True where a run of one has begun or ended since. */
  observe(): Promise<boolean>
  /** Tells the runtimes what shall run. */
  want(): Promise<void>
  /** Why an instance cannot run there now. */
  missing(runtime: RuntimeName): string | undefined
  /** Its runtime was told that it is wanted no more, and has it no more. */
  isGone(each: Running): boolean
  restart(each: Running, why: string): Promise<void>
  /** Processes end with their supervisor. What takes longer than this waits is ended by Docker itself, as it was told. */
  endContainers(): Promise<void>
}

export function createPlacement(options: {
  readonly running: ReadonlyMap<string, Running>
  readonly runtimes: ReadonlyMap<RuntimeName, Runtime>
  /** Strata's own, of which nothing is given away. */
  readonly homeRoot: string
  readonly clock: Clock
  readonly log: Log
}): Placement {
  const { running, runtimes, homeRoot, clock, log } = options
  const watches = new Map([...runtimes].map(([name, runtime]) => [name, watchRuntime(name, runtime, { clock, log })]))

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
      return { ...told, container: containerOf(container, each.life.seen !== undefined, homeRoot) }
    } catch (error) {
      each.waits = messageOf(error)
      return undefined
    }
  }

  return {
    async observe() {
      const looked = await Promise.all([...watches].map(async ([name, watch]) => [name, await watch.look()] as const))
      const seen = new Map(looked)
      let changed = false
      for (const each of running.values()) {
        const there = seen.get(each.instance.runtime)
        if (!there) continue
        const { runningSince } = each.life
        each.life = seeRun(each.life, there.get(each.instance.id), clock.monotonic())
        each.address = each.life.seen?.address
        changed ||= each.life.runningSince !== runningSince
      }
      return changed
    },
    async want() {
      await Promise.all(
        [...watches].map(async ([name, watch]) => {
          const chosen = [...running.values()].filter((each) => each.instance.runtime === name && each.placed && !each.ended)
          const set = chosen.flatMap((each) => wantedOf(each) ?? [])
          await watch.want(set, chosen.some(({ life }) => life.seen === undefined) || leftOver(name))
        }),
      )
    },
    missing(runtime) {
      const watch = watches.get(runtime)
      return watch ? (watch.away ?? watch.refused) : `there is no runtime "${runtime}" here`
    },
    isGone({ instance, ended, placed, life }) {
      const watch = watches.get(instance.runtime)
      return ended && !(placed && (watch?.away !== undefined || !watch?.told || life.seen))
    },
    async restart({ instance }, why) {
      log.warn('an instance is ended and started again', { instance: instance.id, why })
      await runtimes.get(instance.runtime)?.restart(instance.id)
    },
    async endContainers() {
      const docker = runtimes.get('docker')
      if (!docker || ![...running.values()].some(({ instance, placed }) => instance.runtime === 'docker' && placed)) return
      try {
        const until = clock.monotonic() + ENDING_MS
        await docker.want([])
        while ((await docker.observe()).length > 0 && clock.monotonic() < until) await sleep(ENDING_LOOK_MS)
      } catch (error) {
        log.warn('containers could not be told to end; they go on, and are taken up again at the next start', { error: messageOf(error) })
      }
    },
  }
}
