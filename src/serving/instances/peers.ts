/** The two peers that instances are run and watched through: the supervisor's socket and the engines' own. */
import { Client } from 'undici'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'
import type { ProcessStatus, WantedEngine } from '../../kernel/supervision.ts'
import type { EngineHealth, EngineLoad } from '../engines/config.ts'

export interface SupervisorClient {
  /** Undefined when there is no supervisor. */
  processes(): Promise<ProcessStatus[] | undefined>
  setEngines(wanted: readonly WantedEngine[]): Promise<ProcessStatus[]>
  close(): Promise<void>
}

const SUPERVISOR_TIMEOUT_MS = 5_000
const ENGINE_TIMEOUT_MS = 1_500

export function connectSupervisor(socketPath: string): SupervisorClient {
  const client = new Client('http://supervisor', { socketPath, headersTimeout: SUPERVISOR_TIMEOUT_MS, bodyTimeout: SUPERVISOR_TIMEOUT_MS })
  return {
    async processes() {
      try {
        return await askJson<ProcessStatus[]>(client, 'GET', '/processes')
      } catch (error) {
        if (['ENOENT', 'ECONNREFUSED'].includes(systemCode(error) ?? '')) return undefined
        throw error
      }
    },
    setEngines: (wanted) => askJson<ProcessStatus[]>(client, 'PUT', '/engines', wanted),
    close: () => client.destroy(),
  }
}

export interface EngineClient {
  /** Undefined when it does not answer. */
  health(): Promise<EngineHealth | undefined>
  load(): Promise<EngineLoad | undefined>
  close(): Promise<void>
}

export function connectEngine(socketPath: string): EngineClient {
  const client = new Client('http://engine', {
    socketPath,
    headersTimeout: ENGINE_TIMEOUT_MS,
    bodyTimeout: ENGINE_TIMEOUT_MS,
    connectTimeout: ENGINE_TIMEOUT_MS,
  })
  const ask = async <T>(path: string): Promise<T | undefined> => {
    try {
      const { body } = await client.request({ method: 'GET', path })
      return (await body.json()) as T
    } catch {
      return undefined // not up yet, gone, or too busy to answer in time: the caller counts
    }
  }
  return { health: () => ask('/health'), load: () => ask('/load'), close: () => client.destroy() }
}

async function askJson<T>(client: Client, method: 'GET' | 'PUT', path: string, body?: unknown): Promise<T> {
  const { statusCode, body: answer } = await client.request({
    method,
    path,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (statusCode === 200) return JSON.parse(text) as T
  throw new StrataError(
    'supervisor_refused',
    `The supervisor answered ${statusCode} to ${method} ${path}: ${messageOf(text).slice(0, 500)}`,
  )
}
