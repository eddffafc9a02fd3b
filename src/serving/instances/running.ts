/** One instance that runs, or shall: its health as seen from here, and how the snapshot and the status show it. */
import type { ProcessStatus } from '../../kernel/supervision.ts'
import type { CompiledInstance } from '../../resources/snapshot.ts'
import type { EngineHealth, EngineLoad } from '../engines/config.ts'
import type { Instance } from './identity.ts'
import { connectEngine, type EngineClient } from './peers.ts'

export interface Running {
  instance: Instance
  /** No new requests; it leaves when its streams have ended. */
  retiring: boolean
  ready: boolean
  /** Starts of its process, as the supervisor counts them. */
  run: number
  /** Health checks in a row without an answer. */
  misses: number
  health?: EngineHealth
  load?: EngineLoad
  readonly client: EngineClient
}

export interface InstanceReport {
  readonly instance: Instance
  readonly state: 'starting' | 'ready' | 'draining' | 'waiting' | 'failed'
  readonly process?: ProcessStatus
  readonly message?: string
  readonly load?: EngineLoad
}

/** An engine may be too busy to answer once; that alone must not take it out of the snapshot. */
const MOST_MISSES = 3

export function watchInstance(instance: Instance, retiring: boolean): Running {
  return { instance, retiring, ready: false, run: 0, misses: 0, client: connectEngine(instance.socketPath) }
}

/** Asks the engine how it is. One whose process is not up is not ready, without a question. */
export async function probe(each: Running, process: ProcessStatus | undefined): Promise<void> {
  if (process) each.run = process.restarts
  if (process?.state !== 'ready' && process?.state !== 'draining') {
    each.ready = false
    each.load = undefined
    return
  }
  const [health, load] = await Promise.all([each.client.health(), each.client.load()])
  each.load = load
  if (health) {
    each.misses = 0
    each.health = health
    each.ready = health.status === 'ready'
  } else {
    each.misses += 1
    if (each.misses >= MOST_MISSES) each.ready = false
  }
}

export function compileInstance({ instance, ready, retiring, run }: Running): CompiledInstance {
  return {
    kind: 'instance',
    id: instance.id,
    version: instance.version,
    namespace: instance.namespace,
    address: { socketPath: instance.socketPath },
    state: retiring ? 'draining' : ready ? 'ready' : 'starting',
    run,
    sequences: instance.sequences,
    maxWaiting: instance.maxWaiting,
    simulated: instance.standIn,
  }
}

export function reportOf({ instance, ready, retiring, health, load }: Running, process: ProcessStatus | undefined): InstanceReport {
  const failed = health?.status === 'failed'
  const state = retiring ? 'draining' : ready ? 'ready' : failed ? 'failed' : process?.state === 'waiting' ? 'waiting' : 'starting'
  return { instance, state, process, message: failed ? health.message : ready ? undefined : process?.lastEnd, load }
}
