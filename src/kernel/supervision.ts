/**
 * What control says to the supervisor: HTTP with JSON over the Unix socket `run/supervisor.sock` (0700 folder: the socket is private).
 *
 * `PUT /engines` carries the whole set that shall run; the supervisor starts what is missing, drains what is no longer named, and leaves
 * the rest alone. A control that restarts therefore just says it again. An engine whose `config` text changed is replaced.
 * `GET /processes` tells what runs, `GET /engines` more of the engines. `POST /engines/{id}/restart` ends one hard, and it is started again as if it had
 * ended by itself; nothing happens to one that drains or waits for its next start, and 404 says that there is none.
 *
 * Types only: the supervisor knows no business words. Children talk back over Node's IPC channel: `{ type: 'ready' }`,
 * `{ type: 'failed', message }`; they get `{ type: 'drain', timeoutMs }`. The end of the channel means that the supervisor is gone: drain and exit.
 */
export interface WantedEngine {
  /** Instance id: DNS label characters. Also the name of its process, log file and config file. */
  readonly id: string
  /** Text of the config file that the engine reads. */
  readonly config: string
  /** How long it may go on when it is no longer wanted, milliseconds. */
  readonly drainTimeoutMs: number
  /** What takes more memory of its own is killed, and started again; on Linux alone. Another limit does not replace the engine. */
  readonly memoryLimitBytes?: number
}

/** Those that drain too. */
export interface EngineStatus {
  readonly id: string
  /** With which it runs. */
  readonly config: string
  readonly status: ProcessStatus
}

export interface ProcessStatus {
  /** "control", "gateway-0", "engine-assistant-v1-0". */
  readonly name: string
  readonly role: 'control' | 'gateway' | 'engine'
  readonly state: 'starting' | 'ready' | 'waiting' | 'draining' | 'ended'
  readonly pid?: number
  /** Starts after the first. */
  readonly restarts: number
  /** Milliseconds since the epoch: when it entered `state`. */
  readonly since: number
  /** How it last ended or what it said when it failed: "killed by SIGKILL", "exit code 1: …". */
  readonly lastEnd?: string
  /** State `waiting`: when it is started again. */
  readonly retryAt?: number
}

export type ToChild = { readonly type: 'drain'; readonly timeoutMs: number }
export type FromChild = { readonly type: 'ready' } | { readonly type: 'failed'; readonly message: string }
