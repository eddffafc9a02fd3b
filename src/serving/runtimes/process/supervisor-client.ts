/**
 * What is asked of the supervisor: kernel/supervision.ts is the protocol.
 *
 * Errors are StrataErrors: `supervisor_away` where it cannot be asked, `supervisor_refused` with its own words otherwise.
 */
import { Client } from 'undici'
import { messageOf, StrataError, systemCode } from '../../../kernel/errors.ts'
import type { EngineStatus, ProcessStatus, WantedEngine } from '../../../kernel/supervision.ts'

export interface SupervisorClient {
  /** Undefined where there is no supervisor. */
  processes(): Promise<readonly ProcessStatus[] | undefined>
  engines(): Promise<readonly EngineStatus[]>
  /** The whole set that shall run. */
  setEngines(wanted: readonly WantedEngine[]): Promise<void>
  /** Nothing where there is none of this id. */
  restart(id: string): Promise<void>
  /** What is being asked ends with `reason`. */
  close(reason?: Error): Promise<void>
}

const TIMEOUT_MS = 5_000
const TIMEOUTS = { connectTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS }
const SHOWN = 500

type Method = 'GET' | 'PUT' | 'POST'

interface Answer {
  readonly status: number
  readonly text: string
}

/** Connects when it is first asked. */
export function connectSupervisor(socketPath: string): SupervisorClient {
  // A connection a question (`pipelining: 0`): one that is kept may be a dead supervisor's, when the next one is there already.
  const client = new Client('http://supervisor', { socketPath, pipelining: 0, ...TIMEOUTS })
  let closedFor: Error | undefined

  const ask = async (method: Method, path: string, body?: unknown): Promise<Answer> => {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    try {
      const answer = await client.request({ method, path, headers, body: body === undefined ? undefined : JSON.stringify(body) })
      return { status: answer.statusCode, text: await answer.body.text() }
    } catch (error) {
      throw closedFor ?? away(socketPath, error)
    }
  }
  const askJson = async <T>(method: Method, path: string, body?: unknown): Promise<T> => {
    const answer = await ask(method, path, body)
    if (answer.status !== 200) throw refused(method, path, answer)
    return JSON.parse(answer.text) as T
  }

  return {
    async processes() {
      try {
        return await askJson<ProcessStatus[]>('GET', '/processes')
      } catch (error) {
        if (error instanceof StrataError && isNobody(systemCode(error.cause))) return undefined
        throw error
      }
    },
    engines: () => askJson('GET', '/engines'),
    async setEngines(wanted) {
      await askJson('PUT', '/engines', wanted)
    },
    async restart(id) {
      const path = `/engines/${encodeURIComponent(id)}/restart`
      const answer = await ask('POST', path)
      if (answer.status !== 200 && answer.status !== 404) throw refused('POST', path, answer)
    },
    async close(reason = new StrataError('supervisor_closed', 'The connection to the supervisor is closed.')) {
      closedFor ??= reason
      await client.destroy()
    },
  }
}

const isNobody = (code: string | undefined) => code === 'ENOENT' || code === 'ECONNREFUSED'

function away(socketPath: string, error: unknown): StrataError {
  const code = systemCode(error)
  const timedOut = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT'
  const reason =
    code === 'ENOENT'
      ? 'no such socket'
      : code === 'ECONNREFUSED'
        ? 'nobody listens there'
        : timedOut
          ? `it has not answered within ${TIMEOUT_MS / 1000} s`
          : messageOf(error)
  return new StrataError('supervisor_away', `The supervisor does not answer at ${socketPath}: ${reason}.`, {
    advice: isNobody(code) ? 'Start Strata with `strata up`: engines run under it.' : 'Restart Strata if it hangs.',
    cause: error,
  })
}

function refused(method: Method, path: string, { status, text }: Answer): StrataError {
  return new StrataError('supervisor_refused', `The supervisor answered ${status} to ${method} ${path}: ${wordsOf(text).slice(0, SHOWN)}`)
}

/** Its errors are `{"error": {"message": "…"}}`. */
function wordsOf(text: string): string {
  try {
    return String((JSON.parse(text) as { error?: { message?: unknown } }).error?.message ?? text)
  } catch {
    return text // not of ours
  }
}
