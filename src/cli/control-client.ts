/** The control API as the command line calls it: address and token from `STRATA_HOME/credentials`, or from the environment for a system elsewhere. */
import { type Credentials, readCredentials } from '../kernel/credentials.ts'
import { messageOf, StrataError, systemCode } from '../kernel/errors.ts'
import { type Home, homeAt } from '../kernel/home.ts'
import type { Problem } from '../resources/problems.ts'
import { controlAway } from './control-away.ts'
import { fetchTrusting } from './fetch-trusting.ts'

export interface ControlClient {
  readonly url: string
  readonly credentials: Credentials | undefined
  /** Throws a StrataError with the answer's code, `not_running`, or `control_away` where the rest of the system runs. */
  call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T>
  /** The answer's body as a stream, for lines and events that go on. */
  stream(path: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

export const HOW_TO_START = 'Start it with `strata up` (in a clone: `npm start`).'

export function connectControl(home: Home = homeAt(), env: NodeJS.ProcessEnv = process.env): ControlClient {
  const credentials = readCredentials(home)
  const url = (env.STRATA_CONTROL_URL || credentials?.consoleUrl)?.replace(/\/+$/, '')
  const token = env.STRATA_TOKEN || credentials?.adminToken
  if (!url) throw new StrataError('not_running', `Strata has never run on ${home.root}.`, { advice: HOW_TO_START })

  const send = async (method: string, path: string, body: unknown, signal: AbortSignal | undefined, accept: string): Promise<Response> => {
    try {
      return await fetchTrusting(url === credentials?.consoleUrl ? credentials?.tlsCertFile : undefined, `${url}/api/v1alpha1${path}`, {
        method,
        headers: {
          accept,
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
      })
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      const cause = (error as { cause?: unknown }).cause
      const code = systemCode(cause)
      if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'UND_ERR_SOCKET')
        throw (
          (url === credentials?.consoleUrl && (await controlAway(home, url))) ||
          new StrataError('not_running', `Strata is not running at ${url}.`, { advice: HOW_TO_START })
        )
      throw new StrataError('unreachable', `${url} cannot be reached: ${messageOf(cause ?? error)}.`, { cause: error })
    }
  }
  const checked = async (response: Response): Promise<Response> => {
    if (response.ok) return response
    const error = errorOf(response.status, await response.text())
    if (response.status !== 401) throw error
    throw new StrataError(error.code, error.message, {
      advice: env.STRATA_TOKEN ? 'Is STRATA_TOKEN right?' : `The token in ${home.credentials} is of another system.`,
    })
  }
  return {
    url,
    credentials,
    async call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
      const response = await checked(await send(method, path, body, signal, 'application/json'))
      const text = await response.text()
      return (text ? JSON.parse(text) : undefined) as T
    },
    async stream(path, signal) {
      const response = await checked(await send('GET', path, undefined, signal, 'application/x-ndjson'))
      return response.body as unknown as AsyncIterable<Uint8Array>
    },
  }
}

interface ErrorBody {
  readonly error?: { readonly code?: string; readonly message?: string; readonly advice?: string }
  readonly problems?: readonly Problem[]
}

function errorOf(status: number, text: string): StrataError {
  let body: ErrorBody = {}
  try {
    body = JSON.parse(text) as ErrorBody
  } catch {
    // Not our JSON: something else listens there. The status is all there is to say.
  }
  const fallback: Record<number, string> = {
    401: 'unauthorized',
    403: 'forbidden',
    404: 'not_found',
    409: 'conflict',
    422: 'invalid_manifest',
  }
  return new StrataError(body.error?.code ?? fallback[status] ?? 'failed', body.error?.message ?? `Control answered HTTP ${status}.`, {
    advice: body.error?.advice,
    details: body.problems ?? body,
  })
}
