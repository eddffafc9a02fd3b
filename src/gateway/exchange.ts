/** One request and its answer: identity, times, and the ways to answer that every endpoint shares. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sortableId } from '../kernel/ids.ts'
import { type GatewayError, toOpenAI } from './errors.ts'

/** Names and values in turns, as Node writes them without looking each up: `['retry-after', '1', …]`. */
export type HeaderList = readonly string[]

export interface Exchange {
  readonly id: string
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Path without query, undecoded. */
  readonly path: string
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** The client's own `x-request-id`, where it is sane. */
  readonly clientRequestId: string | undefined
  /** Headers that every answer of this exchange carries (CORS). */
  readonly extraHeaders: HeaderList
  /** The client went away before its answer was whole. */
  gone: boolean
  /** Called when it goes; belongs to whoever works for it now. */
  onGone: (() => void) | undefined
  /** The answer is an event stream, and its head is out. */
  streams: boolean
}

const SANE_ID = /^[\x21-\x7e]{1,128}$/

export function openExchange(req: IncomingMessage, res: ServerResponse, startedAt: number, extraHeaders: HeaderList): Exchange {
  const target = req.url ?? '/'
  const query = target.indexOf('?')
  const given = req.headers['x-request-id']
  return {
    id: `req_${sortableId(Date.now())}`,
    req,
    res,
    path: query === -1 ? target : target.slice(0, query),
    startedAt,
    clientRequestId: typeof given === 'string' && SANE_ID.test(given) ? given : undefined,
    extraHeaders,
    gone: false,
    onGone: undefined,
    streams: false,
  }
}

/** The id that the client sees: its own where it brought a sane one. */
export function visibleId(exchange: Exchange): string {
  return exchange.clientRequestId ?? exchange.id
}

/** The head of an answer whose length is not known yet. */
export function answerHead(exchange: Exchange, status: number, contentType: string, headers: HeaderList): void {
  exchange.res.writeHead(status, [
    'content-type',
    contentType,
    'x-request-id',
    visibleId(exchange),
    ...headers,
    ...exchange.extraHeaders,
  ] as string[])
}

/** Up to this size head and body go out as one string, in one write. */
const ONE_STRING_BYTES = 16 * 1024

/** A whole answer. */
export function answerBytes(exchange: Exchange, status: number, body: Buffer, contentType: string, headers: HeaderList): void {
  const { res } = exchange
  if (res.headersSent || res.destroyed) return
  answerHead(exchange, status, contentType, ['content-length', String(body.length), ...headers])
  if (body.length <= ONE_STRING_BYTES) res.end(body.toString('latin1'), 'latin1')
  else res.end(body)
}

export function answerJson(exchange: Exchange, status: number, body: unknown, headers: HeaderList = []): void {
  answerText(exchange, status, JSON.stringify(body), 'application/json', headers)
}

/** A whole answer, perhaps given before the request was all there. */
export function answerText(exchange: Exchange, status: number, text: string, contentType: string, headers: HeaderList = []): void {
  const { req, res } = exchange
  if (res.headersSent || res.destroyed) return
  const unread = !req.complete && bringsMuch(req)
  const length = ['content-length', String(Buffer.byteLength(text))]
  answerHead(exchange, status, contentType, [...length, ...headers, ...(unread ? ['connection', 'close'] : [])])
  res.end(req.method === 'HEAD' ? undefined : text)
  if (unread) linger(req)
}

export function answerError(exchange: Exchange, error: GatewayError, headers: HeaderList = []): void {
  const retry =
    error.retryAfterMs === undefined
      ? []
      : [
          'retry-after',
          String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))),
          'retry-after-ms',
          String(Math.max(1, Math.ceil(error.retryAfterMs))),
        ]
  answerJson(exchange, error.status, toOpenAI(error, visibleId(exchange)), [...retry, ...headers])
}

const SMALL_BODY_BYTES = 64 * 1024

/** Is more to come than Node may swallow quietly while the connection stays open? */
function bringsMuch(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > SMALL_BODY_BYTES
}

const LINGER_MS = 1_000
const LINGER_BYTES = 1024 * 1024

/**
 * The answer is out before the body was in. Closing at once would reset the connection under the answer, so what still comes is thrown
 * away for a moment, then the connection is cut.
 */
function linger(req: IncomingMessage): void {
  let bytes = 0
  const cut = () => req.socket.destroy()
  const timer = setTimeout(cut, LINGER_MS)
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES) cut()
  })
  req.on('close', () => clearTimeout(timer))
  req.on('end', () => clearTimeout(timer))
  req.resume()
}
