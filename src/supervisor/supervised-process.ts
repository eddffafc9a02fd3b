/**
 * One process that shall run: started, started again when it ends, drained, killed. Its states are ProcessStatus' states.
 *
 * A child gets a session of its own (`detached`), so that a Ctrl-C or a closed terminal reaches the supervisor alone, which then drains
 * in the right order. Its IPC channel is what ties it to the supervisor: when the channel ends the child leaves (kernel/child.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '../kernel/clock.ts'
import { diskProblem } from '../kernel/disk.ts'
import { messageOf } from '../kernel/errors.ts'
import type { FromChild, ProcessStatus, ToChild } from '../kernel/supervision.ts'
import { openLogFile } from './log-file.ts'
import { describeEnding, lastWords } from './out-of-memory.ts'
import { decideRestart, NO_HISTORY } from './restart-policy.ts'

export interface ProcessSpec {
  readonly name: string
  readonly role: ProcessStatus['role']
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]]
}

export interface ProcessSurroundings {
  readonly clock: Clock
  readonly logs: string
  readonly env: NodeJS.ProcessEnv
  /** Processes that the system has ended for want of memory since the last call. Default: it is not known of any. */
  oomKills?(): number
  /** Called after every change of state. */
  onChange(status: ProcessStatus): void
}

/** A draining process that has not left this long after its own time-out is killed. */
const KILL_GRACE_MS = 2_000

export interface SupervisedProcess {
  readonly status: ProcessStatus
  /** Asks it to finish what runs, for `timeoutMs` at most; kills it after that. Resolves when it is gone. */
  drain(timeoutMs: number): Promise<void>
  /** SIGKILL, and no new start. Resolves when it is gone. `why`: told as its end. */
  kill(why?: string): Promise<void>
  /** SIGKILL, and what follows is as if it had ended by itself. Nothing where it drains or does not run. `why`: told as its end. */
  restart(why?: string): void
}

export function superviseProcess(spec: ProcessSpec, around: ProcessSurroundings): SupervisedProcess {
  const { clock } = around
  let status: ProcessStatus = { name: spec.name, role: spec.role, state: 'starting', restarts: 0, since: clock.now() }
  let child: ChildProcess | undefined
  let retry: NodeJS.Timeout | undefined
  let killTimer: NodeJS.Timeout | undefined
  let history = NO_HISTORY
  let stopping = false
  let killedFor: string | undefined
  const ended = Promise.withResolvers<void>()

  const become = (change: Partial<ProcessStatus>) => {
    status = { ...status, since: clock.now(), ...change }
    around.onChange(status)
  }

  const start = () => {
    retry = undefined
    killedFor = undefined
    let readySince: number | undefined
    let said: string | undefined
    let over = false

    const onEnd = (how: string) => {
      if (over) return
      over = true
      child = undefined
      const lastEnd = said ? `${how}: ${said}` : how
      if (stopping) return finish(lastEnd)
      const decision = decideRestart(history, readySince === undefined ? 0 : clock.monotonic() - readySince)
      history = decision.history
      const restarts = status.restarts + 1
      if (decision.delayMs === 0) {
        become({ state: 'starting', pid: undefined, restarts, lastEnd, retryAt: undefined })
        start()
      } else {
        become({ state: 'waiting', pid: undefined, restarts, lastEnd, retryAt: clock.now() + decision.delayMs })
        retry = setTimeout(() => {
          become({ state: 'starting', retryAt: undefined })
          start()
        }, decision.delayMs)
      }
    }

    let started: ChildProcess
    let log: ReturnType<typeof logFileOf>
    try {
      log = logFileOf(around.logs, spec.name)
      try {
        const output = log?.fd ?? 'ignore'
        started = spawn(spec.command[0], spec.command.slice(1), {
          stdio: ['ignore', output, output, 'ipc'],
          env: around.env,
          detached: true,
        })
      } finally {
        log?.close()
      }
    } catch (error) {
      // No process (a limit of the system): as good as one that ended at once.
      setImmediate(() => onEnd(`not started: ${messageOf(error)}`))
      return
    }
    child = started
    started.on('error', (error) => {
      if (started.pid === undefined) onEnd(`not started: ${messageOf(error)}`)
    })
    started.on('exit', (code, signal) => {
      if (signal === 'SIGKILL' && killedFor !== undefined) return onEnd(killedFor)
      const oomKills = signal === 'SIGKILL' ? (around.oomKills?.() ?? 0) : 0
      onEnd(describeEnding({ code, signal, oomKills, lastWords: log ? lastWords(log.path, log.size) : '' }))
    })
    started.on('message', (message: FromChild) => {
      if (message.type === 'ready' && status.state === 'starting') {
        readySince = clock.monotonic()
        become({ state: 'ready' })
      }
      if (message.type === 'failed') said = message.message
    })
    if (started.pid !== undefined) become({ state: 'starting', pid: started.pid })
  }

  const finish = (lastEnd?: string) => {
    clearTimeout(killTimer)
    become({ state: 'ended', pid: undefined, retryAt: undefined, ...(lastEnd ? { lastEnd } : {}) })
    ended.resolve()
  }

  const stopStarting = () => {
    stopping = true
    clearTimeout(retry)
    if (!child && status.state !== 'ended') finish()
  }

  const killChild = (why: string | undefined) => {
    if (child?.kill('SIGKILL')) killedFor ??= why
  }

  start()

  return {
    get status() {
      return status
    },
    drain(timeoutMs) {
      if (stopping) return ended.promise
      stopStarting()
      if (child) {
        become({ state: 'draining' })
        const message: ToChild = { type: 'drain', timeoutMs }
        // A channel that is closed already means that the process is leaving; the kill below bounds that too.
        if (child.connected) child.send(message, () => undefined)
        killTimer = setTimeout(() => child?.kill('SIGKILL'), timeoutMs + KILL_GRACE_MS)
      }
      return ended.promise
    },
    kill(why) {
      stopStarting()
      killChild(why)
      return ended.promise
    },
    restart(why) {
      if (!stopping) killChild(why)
    },
  }
}

/** Undefined where the disk takes no file: the process has work to do that is worth more than its log. */
function logFileOf(folder: string, name: string) {
  try {
    return openLogFile(folder, name)
  } catch (error) {
    if (diskProblem(error, folder)) return undefined
    throw error
  }
}
