/**
 * The supervisor: what `strata up` is. It holds the lock on `STRATA_HOME`, checks the ports, starts control and the gateways and, when
 * control says so, engines; restarts what ends; drains in order. It knows processes and no business: what an engine is, control knows.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { diskProblem } from '../kernel/disk.ts'
import { messageOf, StrataError } from '../kernel/errors.ts'
import { type Home, makeHome } from '../kernel/home.ts'
import { takeLock } from '../kernel/lock.ts'
import { createLog, linesTo } from '../kernel/log.ts'
import type { ProcessStatus, WantedEngine } from '../kernel/supervision.ts'
import { planEngines, rememberEngines, rememberedEngines } from './engines.ts'
import { bringHomeUpToDate } from './home-format.ts'
import { openLogFile } from './log-file.ts'
import { enforceMemoryLimits, type Limited } from './memory-limit.ts'
import { countOomKills } from './out-of-memory.ts'
import { awaitPreviousRun, recordChildren } from './previous-run.ts'
import { serveSupervisor } from './server.ts'
import { type ProcessSpec, type SupervisedProcess, superviseProcess } from './supervised-process.ts'

export interface SupervisorOptions {
  readonly home: Home
  /** Program and first arguments of every child: Node and its flags. */
  readonly command: readonly [string, ...string[]]
  /** Arguments after `command`. */
  readonly control: readonly string[]
  readonly gateways: readonly { readonly name: string; readonly args: readonly string[] }[]
  engineArguments(configPath: string): readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly clock?: Clock
  /** After every change of a process' state. */
  onChange?(status: ProcessStatus): void
}

export interface Supervisor {
  processes(): ProcessStatus[]
  /** Gateways first (running streams may end, for `timeoutMs`), then engines and control. Resolves when no process is left. */
  drain(timeoutMs: number): Promise<void>
  /** SIGKILL to all. Resolves when no process is left. */
  kill(): Promise<void>
}

type Engine = { -readonly [K in keyof WantedEngine]: WantedEngine[K] } & Pick<Limited, 'process'>

/** Engines and control have nothing to finish once the gateways are gone. */
const REST_DRAIN_MS = 5_000

/**
 * A home that is ours until `release`: locked, and without children of a supervisor that died. Throws `home_in_use`, and `disk_full`,
 * `read_only` or `not_writable` where nothing can be written.
 */
export async function lockHome(home: Home, onWait: (pids: readonly number[]) => void): Promise<{ release(): void }> {
  const lock = lockWritable(home)
  if ('holder' in lock) throw homeInUse(home, lock.holder)
  try {
    // They may stream for their last 30 s.
    await awaitPreviousRun(home, 35_000, onWait)
    return lock
  } catch (error) {
    lock.release()
    throw error
  }
}

function lockWritable(home: Home) {
  const probe = join(home.run, 'probe')
  try {
    makeHome(home)
    const lock = takeLock(join(home.run, 'supervisor.lock'), { note: { since: new Date().toISOString() } })
    if ('release' in lock) {
      writeFileSync(probe, Buffer.alloc(64 * 1024))
      rmSync(probe)
    }
    return lock
  } catch (error) {
    throw diskProblem(error, home.root) ?? error
  }
}

/** The same, and brought to our format. */
export async function ownHome(home: Home, onWait: (pids: readonly number[]) => void) {
  const lock = await lockHome(home, onWait)
  try {
    return { migrated: bringHomeUpToDate(home), release: () => lock.release() }
  } catch (error) {
    lock.release()
    throw error
  }
}

function homeInUse(home: Home, holder: Record<string, unknown> | undefined): StrataError {
  const who = typeof holder?.pid === 'number' ? ` (pid ${holder.pid})` : ''
  return new StrataError('home_in_use', `Strata already runs on ${home.root}${who}.`, {
    advice: 'Stop it first (Ctrl-C there), or set STRATA_HOME to another folder for a second system.',
    details: holder,
  })
}

export { HOME_FORMAT } from './home-format.ts'
export { checkPorts, type WantedPort } from './ports.ts'

export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { home } = options
  const clock = options.clock ?? systemClock
  const logFile = openLogFile(home.logs, 'supervisor')
  const log = createLog('supervisor', linesTo(logFile.fd))

  const fixed: SupervisedProcess[] = []
  const engines = new Map<string, Engine>()
  let wanted: readonly WantedEngine[] = []
  let stopping = false

  const all = () => [...fixed, ...[...engines.values()].map((engine) => engine.process)]
  const around = {
    clock,
    logs: home.logs,
    env: options.env,
    oomKills: countOomKills(),
    onChange(status: ProcessStatus) {
      log.info('process', { ...status })
      if (status.pid !== undefined && status.state === 'starting') remember()
      options.onChange?.(status)
    },
  }
  const remember = () => {
    // The process that is just starting is not in the list yet: its status comes through onChange before superviseProcess returns.
    setImmediate(() => {
      const pids = all().flatMap((one) => one.status.pid ?? [])
      try {
        recordChildren(home, pids)
      } catch (error) {
        log.error('the list of processes cannot be kept; a start after a crash would not know them', { error: messageOf(error) })
      }
    })
  }
  const spec = (name: string, role: ProcessSpec['role'], args: readonly string[]): ProcessSpec => ({
    name,
    role,
    command: [...options.command, ...args] as unknown as ProcessSpec['command'],
  })

  const startEngine = (engine: WantedEngine) => {
    const configPath = join(home.run, `engine-${engine.id}.json`)
    writeFileSync(configPath, engine.config, { mode: 0o600 })
    const process = superviseProcess(spec(`engine-${engine.id}`, 'engine', options.engineArguments(configPath)), around)
    engines.set(engine.id, { ...engine, process })
  }

  const drainEngine = (id: string) => {
    const engine = engines.get(id)!
    engine.process
      .drain(engine.drainTimeoutMs)
      .then(() => {
        if (engines.get(id) === engine) engines.delete(id)
        rmSync(join(home.run, `engine-${id}.json`), { force: true })
        settle() // it may be wanted again, or as another
      })
      .catch((error: unknown) => log.error('an engine could not be drained', { id, error: messageOf(error) }))
  }

  const settle = () => {
    if (stopping) return
    const running = [...engines].map(([id, { config, process }]) => ({
      id,
      config,
      draining: process.status.state === 'draining' || process.status.state === 'ended',
    }))
    const plan = planEngines(running, wanted)
    for (const engine of wanted) {
      const known = engines.get(engine.id)
      if (known) known.drainTimeoutMs = engine.drainTimeoutMs
      if (known?.config === engine.config) known.memoryLimitBytes = engine.memoryLimitBytes
    }
    for (const id of plan.drain) drainEngine(id)
    for (const engine of plan.start) startEngine(engine)
  }

  const processes = () => all().map((one) => one.status)
  const server = await serveSupervisor(home.socket('supervisor'), {
    processes,
    engines: () => [...engines.values()].map(({ id, config, process }) => ({ id, config, status: process.status })),
    restartEngine(id) {
      const engine = engines.get(id)
      engine?.process.restart()
      return engine !== undefined
    },
    setEngines(engines_) {
      wanted = engines_
      settle()
      try {
        rememberEngines(home, wanted)
      } catch (error) {
        log.error('the set of engines cannot be kept; the next start waits for control to say it', { error: messageOf(error) })
      }
    },
  })

  const limits = enforceMemoryLimits(() => engines.values())
  log.info('starting', { home: dirname(home.run), gateways: options.gateways.length })
  fixed.push(superviseProcess(spec('control', 'control', options.control), around))
  for (const gateway of options.gateways) fixed.push(superviseProcess(spec(gateway.name, 'gateway', gateway.args), around))
  wanted = rememberedEngines(home)
  settle()

  const close = async () => {
    limits.close()
    await server.close()
    try {
      recordChildren(home, [])
    } catch (error) {
      log.warn('the list of processes cannot be emptied; the next start sees that none of them runs', { error: messageOf(error) })
    }
    log.info('stopped')
    logFile.close()
  }
  let closed: Promise<void> | undefined
  const gone = (ended: Promise<unknown>) => {
    closed ??= ended.then(close)
    return closed
  }

  return {
    processes,
    drain(timeoutMs) {
      stopping = true
      const inOrder = async () => {
        await Promise.all(fixed.filter((one) => one.status.role === 'gateway').map((one) => one.drain(timeoutMs)))
        await Promise.all(all().map((one) => one.drain(REST_DRAIN_MS)))
      }
      return gone(inOrder())
    },
    kill() {
      stopping = true
      const ended = Promise.all(all().map((one) => one.kill()))
      return gone(ended)
    },
  }
}
