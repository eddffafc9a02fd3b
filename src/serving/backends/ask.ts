/** A question to a server that runs elsewhere: bounded in time and in bytes, its credentials read at the moment of asking. */
import { request } from 'undici'
import { messageOf, systemCode } from '../../kernel/errors.ts'
import { readSecret } from '../../kernel/secrets.ts'
import type { SecretReference } from '../../resources/scalars.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal: AbortSignal
  /** Milliseconds; 5,000 unless said. */
  readonly timeoutMs?: number
}

/** Asks; throws what keeps it from being answered, in words. The answer's status is the caller's to judge. */
export type Ask = (path: string, question: Question) => Promise<Answer>

const TIMEOUT_MS = 5_000
const MOST_BYTES = 8 * 1024 * 1024

/** `address`: base of all paths, e.g. "http://10.0.0.7:8000/v1". */
export function asker(address: string, bearer: SecretReference | undefined): Ask {
  const base = address.replace(/\/$/, '')
  return async (path, { method = 'GET', body, signal, timeoutMs = TIMEOUT_MS }) => {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (bearer) headers.authorization = `Bearer ${readSecret(bearer)}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    try {
      const answer = await request(`${base}${path}`, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > MOST_BYTES) throw new Error(`its answer to ${method} ${path} is longer than ${MOST_BYTES} bytes`)
        chunks.push(chunk)
      }
      return { status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString('utf8') }
    } catch (error) {
      throw new Error(reason(error, timeoutMs), { cause: error })
    }
  }
}

function reason(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `it has not answered within ${timeoutMs / 1000} s`
  switch (systemCode(error)) {
    case 'ECONNREFUSED':
      return 'nobody listens there (connection refused)'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its host name is not known'
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'it broke the connection'
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'no connection within the time allowed'
    default:
      return messageOf(error)
  }
}

/** What a status says that is the same in every protocol; undefined where the answer is worth reading. */
export function refusal({ status }: Answer, asked: string): string | undefined {
  if (status === 401 || status === 403) return `it refuses our credentials (HTTP ${status})`
  return status >= 500 ? `it answers HTTP ${status} to ${asked}` : undefined
}

/** The JSON of an answer, or undefined where it is none. */
export function jsonOf(answer: Answer): unknown {
  try {
    return JSON.parse(answer.text)
  } catch {
    return undefined // it answers, and says nothing that we could read
  }
}
