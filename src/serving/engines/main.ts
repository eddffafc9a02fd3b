/** An engine as a process: reads its config, listens, loads, says that it is ready, and drains when it is told to. */
import { setTimeout as sleep } from 'node:timers/promises'
import { runAsChild } from '../../kernel/child.ts'
import { messageOf } from '../../kernel/errors.ts'
import { createLog, type Log } from '../../kernel/log.ts'
import type { EngineConfig } from './config.ts'
import type { Engine } from './engine.ts'
import { keepToOneWorker } from './llama/worker-thread.ts'
import { readEngineConfig } from './read-config.ts'
import { EngineServer } from './server.ts'
import { loadSimulated } from './simulated/index.ts'

/** Those who ask whether it is ready do so several times in that, on a busy machine too. */
const HEARD_MS = 2_000

/**
 * Resolves when the engine is ready. The process then runs until it is drained; it exits with 1 where loading fails. Without a path the config
 * stands in `STRATA_ENGINE_CONFIG`.
 */
export async function runEngine(configPath?: string): Promise<void> {
  const log = createLog('engine')
  let config: EngineConfig | undefined
  let server: EngineServer | undefined
  const drain = async (timeoutMs: number, why: 'told' | 'orphaned') => {
    log.info('draining', { timeoutMs, why })
    await server?.drain(timeoutMs)
    await server?.close()
  }
  const child = runAsChild(drain, () => config?.drainTimeoutMs)
  try {
    config = readEngineConfig(configPath, process.env)
    server = new EngineServer(config, log)
    const listening = await server.listen()
    const started = performance.now()
    const engine = await loadEngine(config, log)
    server.serve(engine)
    log.info('ready', { id: config.id, listening, loadMs: Math.round(performance.now() - started), fingerprint: engine.fingerprint })
    child.ready()
  } catch (error) {
    const message = messageOf(error)
    log.error('the engine cannot start', { error: message })
    server?.failed(message)
    child.failed(message)
    // The message travels over IPC: exiting at once would cut it off. Where there is none (a container) whoever asks whether it is ready hears it.
    await sleep(process.connected || !server ? 100 : HEARD_MS)
    process.exit(1)
  }
}

export async function loadEngine(config: EngineConfig, log: Log): Promise<Engine> {
  const { engine } = config
  if (engine.kind === 'simulated') return loadSimulated({ ...config, engine })
  // Beside a GPU the choice of tokens takes long enough to be worth several threads. Asked before the import, which uses some already.
  const inOrder = engine.parameters.gpu === 'off' && (await keepToOneWorker())
  // Only where it is needed: llama.cpp costs half a second and tens of megabytes.
  const { loadLlama } = await import('./llama/index.ts')
  return loadLlama({ ...config, engine }, log, inOrder)
}
