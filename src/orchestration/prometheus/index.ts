/**
 * What is asked of servers of the owner's: a query of a Prometheus, or of what speaks its HTTP API, and how such an answer is read: within bounds, and
 * with the secret that its reference names. Nothing here decides anything.
 */
import { messageOf } from '../../kernel/errors.ts'
import { readSecret, type SecretPlace } from '../../kernel/secrets.ts'

export interface Query {
  /** Base address: `/api/v1/query` is put behind it. */
  readonly address: string
  readonly query: string
  readonly bearer?: SecretPlace
}

export type QueryAnswer = { readonly values: readonly number[] } | { readonly problem: string }

/** Nobody waits longer for an answer, milliseconds. */
export const ANSWER_MS = 10_000
const MOST_BYTES = 1024 * 1024

/** The numbers of an instant query, or what is wrong with the answer. Throws what keeps it from one. */
export async function askPrometheus({ address, query, bearer }: Query, signal: AbortSignal): Promise<QueryAnswer> {
  const response = await fetch(`${address.replace(/\/$/, '')}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query }),
    headers: authorization(bearer),
    signal,
    redirect: 'error',
  })
  const text = await readBounded(response)
  if (!response.ok) return { problem: `HTTP ${response.status} ${errorIn(text)}`.trim() }
  const values = samplesOf(JSON.parse(text))
  if (values === undefined) return { problem: 'what it answers is no result of a query' }
  if (values.length === 0 || values.some(Number.isNaN)) return { problem: 'the query finds no number' }
  return { values }
}

/** The numbers of an instant query: of a vector or a scalar (prometheus.io/docs/prometheus/latest/querying/api). */
export function samplesOf(answer: unknown): number[] | undefined {
  const { status, data } = (answer ?? {}) as { status?: unknown; data?: { resultType?: unknown; result?: unknown } }
  if (status !== 'success' || !Array.isArray(data?.result)) return undefined
  if (data.resultType === 'scalar') return [sampleOf(data.result[1])]
  if (data.resultType !== 'vector') return undefined
  return data.result.map((sample: { value?: unknown[] } | null) => sampleOf(sample?.value?.[1]))
}

function sampleOf(value: unknown): number {
  if (value === '+Inf' || value === '-Inf') return value === '+Inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  return typeof value === 'string' && value !== '' ? Number(value) : Number.NaN
}

/** Throws, in words, where the secret is not to be had. */
export const authorization = (bearer: SecretPlace | undefined): Record<string, string> =>
  bearer === undefined ? {} : { authorization: `Bearer ${readSecret(bearer)}` }

/** @throws Error for more than 1 MiB. */
export async function readBounded(response: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MOST_BYTES) throw new Error('more than 1 MiB')
  }
  return text
}

/** What kept an answer from coming. What `fetch` throws says little; its cause says why. */
export function whyNoAnswer(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `none within ${ANSWER_MS / 1000} s`
  const cause = (error as { cause?: unknown }).cause
  return messageOf(cause ?? error)
}

function errorIn(text: string): string {
  try {
    return String((JSON.parse(text) as { error?: unknown }).error ?? '').slice(0, 300)
  } catch {
    return '' // not every error is JSON
  }
}
