/** One request and its answer: identity, times, and the ways to answer that every endpoint shares. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { sortableId } from '../kernel/ids.ts'
import { type GatewayError, toOpenAI } from './errors.ts'

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
  readonly extraHeaders: OutgoingHttpHeaders
}

const SANE_ID = /^[\x21-\x7e]{1,128}$/

export function openExchange(req: IncomingMessage, res: ServerResponse, startedAt: number, extraHeaders: OutgoingHttpHeaders): Exchange {
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
  }
}

/** The id that the client sees: its own where it brought a sane one. */
export function visibleId(exchange: Exchange): string {
  return exchange.clientRequestId ?? exchange.id
}

export function answerJson(exchange: Exchange, status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void {
  answerText(exchange, status, JSON.stringify(body), 'application/json', headers)
}

export function answerText(exchange: Exchange, status: number, text: string, contentType: string, headers: OutgoingHttpHeaders = {}): void {
  const { req, res } = exchange
  if (res.headersSent || res.destroyed) return
  const unread = !req.complete && bringsMuch(req)
  res.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'x-request-id': visibleId(exchange),
    ...exchange.extraHeaders,
    ...headers,
    ...(unread ? { connection: 'close' } : {}),
  })
  res.end(req.method === 'HEAD' ? undefined : text)
  if (unread) linger(req)
}

export function answerError(exchange: Exchange, error: GatewayError, headers: OutgoingHttpHeaders = {}): void {
  const retry =
    error.retryAfterMs === undefined
      ? {}
      : {
          'retry-after': String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))),
          'retry-after-ms': String(Math.max(1, Math.ceil(error.retryAfterMs))),
        }
  answerJson(exchange, error.status, toOpenAI(error, visibleId(exchange)), { ...retry, ...headers })
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
