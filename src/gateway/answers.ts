/** The ways to answer that every endpoint shares, in the dialect of its clients. */
import type { Exchange, HeaderList } from './downstream/exchange.ts'
import { type GatewayError, toOpenAI } from './errors.ts'

/** The id that the client sees: its own where it brought a sane one. */
export function visibleId(exchange: Exchange): string {
  return exchange.clientRequestId ?? exchange.id
}

/** The headers that every answer begins with; others may be added. */
export function headersFor(exchange: Exchange, contentType: string): string[] {
  return ['content-type', contentType, 'x-request-id', visibleId(exchange), ...exchange.extraHeaders]
}

/** A whole answer. */
export function answerBytes(exchange: Exchange, status: number, body: Buffer, contentType: string, headers: HeaderList): void {
  exchange.answer(status, [...headersFor(exchange, contentType), ...headers], body)
}

export function answerText(exchange: Exchange, status: number, text: string, contentType: string, headers: HeaderList = []): void {
  answerBytes(exchange, status, Buffer.from(text), contentType, headers)
}

export function answerJson(exchange: Exchange, status: number, body: unknown, headers: HeaderList = []): void {
  answerText(exchange, status, JSON.stringify(body), 'application/json', headers)
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
