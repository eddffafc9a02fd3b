/**
 * The port of what runs instances: child processes on a laptop, Docker on a machine, Kubernetes in a cluster. It knows nothing of models: it is
 * told the whole set that shall run, and says what does. Whether an instance is *ready* is asked of the instance itself, the same way for all.
 *
 * All runtimes pass one suite, `runtime.contract.ts`.
 */
export interface WantedInstance {
  /** DNS label characters; unique in this home. */
  readonly id: string
  /** Different text, different instance: what runs with another one is replaced. Told again word for word by `observe`. */
  readonly config: string
  /** What runs. Absent for a runtime of processes, which runs our own engine: `config` is the text of its config file. */
  readonly container?: Container
  readonly limits?: {
    /** Cores; fractions are shares of time. A runtime of processes does not enforce it. */
    readonly cpu?: number
    /** What takes more is killed, and started again. */
    readonly memoryBytes?: number
    /** Whole GPUs. A runtime of processes does not keep them apart. */
    readonly gpus?: number
  }
  /** How long it may go on when it is no longer wanted, milliseconds. */
  readonly drainTimeoutMs: number
}

export interface Container {
  readonly image: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /**
   * On which it listens, in the container. It is told so as PORT, and `$(PORT)` in its arguments and environment stands for it: a runtime in which
   * instances share ports gives each another one, unless `env` sets PORT itself.
   */
  readonly port: number
  /** Host folders or named volumes, as Docker mounts them. */
  readonly volumes?: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[]
}

export type InstanceAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string }

/** `pulling`: its image is fetched. `starting`: it is about to run. `waiting`: it ended and is started again later. `ending`: it was told to end. */
export type RunState = 'pulling' | 'starting' | 'running' | 'waiting' | 'ending' | 'failed'

export interface RunningInstance {
  readonly id: string
  readonly config: string
  readonly state: RunState
  /** Where it listens, while it runs. */
  readonly address?: InstanceAddress
  /** Milliseconds since the epoch: since when it is in this state. */
  readonly since: number
  /** Starts after the first. May begin anew where the runtime itself was restarted. */
  readonly restarts: number
  /** Which run of its program this is: another text, another run. Absent where that is not known; then `restarts` tells. */
  readonly incarnation?: string
  /** How it last ended: "exit code 1", "killed: out of memory (limit 64 MiB)". */
  readonly lastEnd?: string
  /** What it is doing or why it failed, for a person: "pulling 12.5 of 80.0 MB", "no such image: …". */
  readonly message?: string
}

export interface Runtime {
  /** All that is ours, wanted or not. Throws where the runtime itself is away; what runs goes on. */
  observe(): Promise<readonly RunningInstance[]>
  /**
   * The whole set that shall run. Starts what is missing, replaces what has another config, tells the rest to end (SIGTERM, and SIGKILL after its
   * drainTimeoutMs). Never two of one id: a successor starts when its predecessor has ended, and one that was told to end is not taken back. Returns
   * when that has begun, not when it is done; may be called again at any time with the same or another set. Rejects where the runtime itself is
   * away, and what was wanted is done when it is back. Before the first call nothing is ended.
   */
  want(instances: readonly WantedInstance[]): Promise<void>
  /**
   * Ends it hard and has it started again, as if it had ended by itself: for one that does not answer any more. Resolves when that has begun; nothing
   * happens to one that is not there or was told to end.
   */
  restart(id: string): Promise<void>
  /** The last lines that an instance printed, oldest first; those of its earlier runs too, where they are kept. */
  logs(id: string, lines: number): Promise<readonly string[]>
  /** Called when something has changed: a reason to observe. */
  onChange(listener: () => void): () => void
  /** Lets go of it; what runs goes on. */
  close(): Promise<void>
}
