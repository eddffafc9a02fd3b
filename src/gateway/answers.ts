/** The ways to answer that every endpoint shares, in the dialect of its clients. */
import { onceForEach } from '../kernel/once-for-each.ts'
import type { CompiledRoute, CompiledVersion } from '../resources/snapshot.ts'
import type { Dialect } from './dialect.ts'
import { type HeaderLines, header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { GatewayError } from './errors.ts'
import { OPENAI } from './protocols/openai.ts'

/** The id that the client sees: its own where it brought a sane one. */
export function visibleId(exchange: Exchange): string {
  return exchange.clientRequestId ?? exchange.id
}

/** The headers that every answer begins with; others may be added. Where the client sees its own id, ours stands beside it: feedback goes by that. */
export function headersFor(exchange: Pick<Exchange, 'id' | 'clientRequestId' | 'extraHeaders'>, contentType: string): HeaderLines {
  const { id, clientRequestId, extraHeaders } = exchange
  if (clientRequestId === undefined) return header('content-type', contentType) + header('x-request-id', id) + extraHeaders
  return header('content-type', contentType) + header('x-request-id', clientRequestId) + header('x-strata-request-id', id) + extraHeaders
}

/** What the head of an event stream says beside its type. */
export const STREAM_LINES = header('cache-control', 'no-cache') + header('x-accel-buffering', 'no')

/** A whole answer. A string is latin1: one character is one byte. */
export function answerBytes(exchange: Exchange, status: number, body: Buffer | string, contentType: string, headers: HeaderLines): void {
  exchange.answer(status, headersFor(exchange, contentType) + headers, body)
}

export function answerText(exchange: Exchange, status: number, text: string, contentType: string, headers: HeaderLines = ''): void {
  answerBytes(exchange, status, Buffer.from(text), contentType, headers)
}

export function answerJson(exchange: Exchange, status: number, body: unknown, headers: HeaderLines = ''): void {
  answerText(exchange, status, JSON.stringify(body), 'application/json', headers)
}

/** Where the head of a stream is out already, the error is its last event. */
export function answerError(exchange: Exchange, error: GatewayError, headers: HeaderLines = ''): void {
  if (exchange.streams) {
    const { message, code, type } = error
    return endStream(exchange, dialectOf(exchange).lastWord(`${message} (request id: ${visibleId(exchange)})`, code, type))
  }
  const { retryAfterMs } = error
  const retry =
    retryAfterMs === undefined
      ? ''
      : header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))) +
        header('retry-after-ms', String(Math.max(1, Math.ceil(retryAfterMs))))
  const text = dialectOf(exchange).error(error, visibleId(exchange))
  answerText(exchange, error.status, text, 'application/json', retry + headers)
}

/** Ends a stream that is not whole. */
export function endStream(exchange: Exchange, lastWord: string): void {
  if (lastWord === '') return exchange.destroy()
  exchange.write(Buffer.from(lastWord))
  exchange.end()
}

/** The status that the client got: that of a stream whose head is out does not change any more. */
export const statusTold = (exchange: Exchange, status: number) => (exchange.streams ? 200 : status)

/** Whoever asked nothing that is known is answered as an OpenAI client. */
export const dialectOf = (exchange: Exchange): Dialect => exchange.dialect ?? OPENAI

const routeLine = onceForEach(({ name }: CompiledRoute) => header('x-strata-route', name))
const versionLine = onceForEach(({ model, version }: CompiledVersion) => header('x-strata-model-version', `${model}@${version}`))

/** Which route led to which version. */
export function linesAbout(route: CompiledRoute, version: CompiledVersion): HeaderLines {
  return versionLine(version) + routeLine(route)
}
