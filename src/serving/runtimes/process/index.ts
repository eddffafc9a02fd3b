/**
 * Instances as child processes under the supervisor, which starts, drains and starts again (src/supervisor). They run our own engine: an instance's
 * `config` is the text of its config file, and where it listens stands in there.
 *
 * - The supervisor outlives control and keeps the last set that it was told. One that is away is told again when it is back, and so is one that has
 *   another set.
 * - It tells nothing by itself: while somebody listens for changes it is asked twice a second.
 * - A memory limit is the supervisor's to keep; cores and GPUs are not shared out.
 *
 * It must not know of models, and not ask instances whether they are ready.
 */
import type { Clock } from '../../../kernel/clock.ts'
import { messageOf, StrataError } from '../../../kernel/errors.ts'
import type { Log } from '../../../kernel/log.ts'
import { recurring } from '../../../kernel/recurring.ts'
import type { EngineStatus, ProcessStatus, WantedEngine } from '../../../kernel/supervision.ts'
import type { RunningInstance, Runtime, WantedInstance } from '../port.ts'
import { describeEngine } from './describe.ts'
import { lastLines } from './log-tail.ts'
import { connectSupervisor } from './supervisor-client.ts'

export interface ProcessRuntimeOptions {
  /** The supervisor's. */
  readonly socketPath: string
  /** Folder of the processes' log files. */
  readonly logs: string
  readonly clock: Clock
  readonly log: Log
}

export interface ProcessRuntime extends Runtime {
  /** All processes under the supervisor, as `observe` last found them; undefined where there is no supervisor. */
  processes(): readonly ProcessStatus[] | undefined
}

const ASK_EVERY_MS = 500

export function createProcessRuntime({ socketPath, logs, clock, log }: ProcessRuntimeOptions): ProcessRuntime {
  const supervisor = connectSupervisor(socketPath)
  const closing = new AbortController()
  const { signal } = closing
  const listeners = new Set<() => void>()
  let wanted: readonly WantedInstance[] | undefined
  /** The supervisor has taken `wanted`. */
  let told = false
  let processes: readonly ProcessStatus[] | undefined
  let lastSeen: string | undefined
  let asking: NodeJS.Timeout | undefined
  const telling = recurring(
    log,
    clock,
    'the supervisor does not take the set of engines: it is told again',
    'the supervisor has taken it',
    'warn',
  )

  /** What there is. Whoever sees first that it is something else than last time tells all who listen. */
  const look = async (): Promise<readonly EngineStatus[]> => {
    signal.throwIfAborted()
    const engines = await supervisor.engines().catch((error: unknown) => {
      signal.throwIfAborted()
      note('away')
      throw error
    })
    note(JSON.stringify(engines))
    if (wanted && (!told || isAnother(engines, wanted))) await tellAgain()
    return engines
  }
  const note = (seen: string) => {
    const changed = lastSeen !== undefined && seen !== lastSeen
    lastSeen = seen
    if (changed && !signal.aborted) for (const listener of listeners) listener()
  }
  const tell = async (): Promise<void> => {
    signal.throwIfAborted()
    const set = wanted!
    told = false
    await supervisor.setEngines(set.map(engineOf))
    if (set === wanted) told = true
  }
  const tellAgain = () =>
    tell().then(telling.worked, (error: unknown) => {
      if (!signal.aborted) telling.failed(messageOf(error))
    })
  const ask = async () => {
    await look().catch(() => undefined) // who observes learns of it
    if (listeners.size > 0) askLater()
  }
  const askLater = () => {
    clearTimeout(asking)
    if (!signal.aborted) asking = setTimeout(ask, ASK_EVERY_MS).unref()
  }

  return {
    async observe() {
      signal.throwIfAborted()
      processes = await supervisor.processes()
      const found = (await look()).flatMap((engine) => describeEngine(engine) ?? [])
      const known = new Set(found.map(({ id }) => id))
      return [...found, ...(wanted ?? []).filter(({ id }) => !known.has(id)).map((instance) => starting(instance, clock.now()))]
    },
    processes: () => processes,
    async want(instances) {
      wanted = instances
      await tell()
    },
    async restart(id) {
      signal.throwIfAborted()
      await supervisor.restart(id)
    },
    async logs(id, lines) {
      signal.throwIfAborted()
      return lastLines(logs, id, lines)
    },
    onChange(listener) {
      listeners.add(listener)
      if (listeners.size === 1) askLater()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) clearTimeout(asking)
      }
    },
    async close() {
      const reason = new StrataError('runtime_closed', 'The runtime of processes is closed.')
      closing.abort(reason)
      clearTimeout(asking)
      await supervisor.close(reason)
    },
  }
}

const engineOf = ({ id, config, drainTimeoutMs, limits }: WantedInstance): WantedEngine => ({
  id,
  config,
  drainTimeoutMs,
  ...(limits?.memoryBytes === undefined ? {} : { memoryLimitBytes: limits.memoryBytes }),
})

const starting = ({ id, config }: WantedInstance, since: number): RunningInstance => ({ id, config, state: 'starting', since, restarts: 0 })

/** It has another set than the one that it was told: it is a new one, and what the last one knew was lost. */
function isAnother(engines: readonly EngineStatus[], wanted: readonly WantedInstance[]): boolean {
  const configs = new Map(wanted.map(({ id, config }) => [id, config]))
  const known = new Set(engines.map(({ id }) => id))
  const leaves = ({ status }: EngineStatus) => status.state === 'draining' || status.state === 'ended'
  return wanted.some(({ id }) => !known.has(id)) || engines.some((engine) => !leaves(engine) && configs.get(engine.id) !== engine.config)
}
