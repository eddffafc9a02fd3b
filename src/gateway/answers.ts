/** The ways to answer that every endpoint shares, in the dialect of its clients. */
import type { Exchange, HeaderList } from './downstream/exchange.ts'
import { type GatewayError, toOpenAI } from './errors.ts'

/** The id that the client sees: its own where it brought a sane one. */
export function visibleId(exchange: Exchange): string {
  return exchange.clientRequestId ?? exchange.id
}

/** The head of an answer whose length is not known yet. */
export function answerHead(exchange: Exchange, status: number, contentType: string, headers: HeaderList): void {
  exchange.writeHead(status, headersOf(exchange, contentType, headers))
}

/** A whole answer. */
export function answerBytes(exchange: Exchange, status: number, body: Buffer, contentType: string, headers: HeaderList): void {
  exchange.answer(status, headersOf(exchange, contentType, headers), body)
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

function headersOf(exchange: Exchange, contentType: string, headers: HeaderList): HeaderList {
  const all = ['content-type', contentType, 'x-request-id', visibleId(exchange), ...headers]
  return exchange.extraHeaders.length === 0 ? all : [...all, ...exchange.extraHeaders]
}
