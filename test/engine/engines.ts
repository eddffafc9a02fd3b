/** Engines for tests: their configs, and a server that answers on a port of its own. */
import { createLog } from '../../src/kernel/log.ts'
import { llamaParameters, simulatedParameters } from '../../src/resources/model-version.ts'
import { type EngineConfig, engineConfig } from '../../src/serving/engines/config.ts'
import { loadEngine } from '../../src/serving/engines/main.ts'
import { EngineServer } from '../../src/serving/engines/server.ts'
import type { TestWeights } from '../fixtures/weights.ts'

export const silent = createLog('test', () => undefined)

type More = { task?: 'chat' | 'embedding'; system?: string; sampling?: EngineConfig['sampling'] }

function config(engine: unknown, more: More): EngineConfig {
  return engineConfig.parse({
    id: 'test-v1-0',
    listen: { host: '127.0.0.1', port: 0 },
    version: { name: 'test-v1', model: 'test', version: 'v1' },
    task: more.task ?? 'chat',
    engine,
    prompt: more.system === undefined ? {} : { system: more.system },
    sampling: more.sampling ?? {},
  })
}

export function llamaConfig(weights: TestWeights, parameters: Record<string, unknown> = {}, more: More = {}) {
  const engine = {
    kind: 'llama',
    weightsPath: weights.path,
    weightsSha256: weights.sha256,
    parameters: llamaParameters.parse({ contextSize: 256, sequences: 2, threads: 1, ...parameters }),
  }
  return config(engine, more) as EngineConfig & { engine: { kind: 'llama' } }
}

export function simulatedConfig(parameters: Record<string, unknown> = {}, more: More = {}) {
  const engine = {
    kind: 'simulated',
    parameters: simulatedParameters.parse({ timeToFirstToken: '5ms', tokensPerSecond: 500, sequences: 2, ...parameters }),
  }
  return config(engine, more) as EngineConfig & { engine: { kind: 'simulated' } }
}

export interface RunningServer {
  readonly url: string
  readonly server: EngineServer
  close(): Promise<void>
}

export async function startServer(config: EngineConfig, options: { stallTimeoutMs?: number } = {}): Promise<RunningServer> {
  const server = new EngineServer(config, silent, options)
  const listening = await server.listen()
  server.serve(await loadEngine(config, silent))
  const url = 'port' in listening ? `http://${listening.host}:${listening.port}` : ''
  return { url, server, close: () => server.close() }
}

export function post(url: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: tests read answers of many shapes
export async function postJson(url: string, path: string, body: unknown): Promise<any> {
  const response = await post(url, path, body)
  return response.json()
}

export async function load(url: string): Promise<{ running: number; waiting: number; kvUsedTokens: number }> {
  return (await (await fetch(`${url}/load`)).json()) as { running: number; waiting: number; kvUsedTokens: number }
}

/** Milliseconds until `done` holds. Throws after `timeoutMs`. */
export async function until(done: () => Promise<boolean> | boolean, timeoutMs = 10_000): Promise<number> {
  const start = performance.now()
  while (!(await done())) {
    if (performance.now() - start > timeoutMs) throw new Error(`Still not so after ${timeoutMs} ms.`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return performance.now() - start
}
