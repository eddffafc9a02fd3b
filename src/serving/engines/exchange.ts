/**
 * One HTTP request and its answer. It knows when the client has gone, waits for a reader that is slow, and gives up on one that has
 * stopped; an engine is never ahead of it by more than a few events and what the socket holds.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hasTooManyValues, TOO_MANY_VALUES } from '../../wire/openai/body-cost.ts'
import { type OpenAIErrorBody, openAIErrorEvent } from '../../wire/openai/errors.ts'
import { RequestRefused } from '../../wire/openai/refusal.ts'
import { SIMULATED_HEADER, SSE_DONE, SSE_HEADERS, type TokenCounts, USAGE_HEADER, usageComment } from '../../wire/openai/sse.ts'

export class ClientGone extends Error {
  constructor(message = 'The client has gone away.') {
    super(message)
    this.name = 'ClientGone'
  }
}

export interface ExchangeOptions {
  readonly simulated: boolean
  /** Bodies longer than this are refused with 413. */
  readonly bodyLimit: number
  /** How long a reader may take nothing at all before it counts as gone. */
  readonly stallTimeoutMs: number
}

export class Exchange {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #options: ExchangeOptions
  readonly #gone = new AbortController()
  #drained: Promise<void> | undefined

  constructor(request: IncomingMessage, response: ServerResponse, options: ExchangeOptions) {
    this.#request = request
    this.#response = response
    this.#options = options
    response.once('close', () => {
      if (!response.writableFinished) this.#gone.abort(new ClientGone())
    })
    // A socket that breaks says so by `close` as well.
    response.on('error', () => undefined)
    request.on('error', () => undefined)
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** The answer is given up from this side: what has not been sent yet becomes this error. */
  abort(reason: unknown): void {
    this.#gone.abort(reason)
  }

  get started(): boolean {
    return this.#response.headersSent
  }

  async readBody(): Promise<string> {
    const tooLarge = () =>
      new RequestRefused(413, 'invalid_request_error', `The body is larger than ${this.#options.bodyLimit} bytes.`, {
        code: 'request_too_large',
      })
    if (Number(this.#request.headers['content-length'] ?? 0) > this.#options.bodyLimit) throw tooLarge()
    const chunks: Buffer[] = []
    let length = 0
    try {
      for await (const chunk of this.#request as AsyncIterable<Buffer>) {
        length += chunk.length
        if (length > this.#options.bodyLimit) throw tooLarge()
        chunks.push(chunk)
      }
    } catch (error) {
      if (error instanceof RequestRefused) throw error
      throw new ClientGone()
    }
    const body = Buffer.concat(chunks)
    if (hasTooManyValues(body)) throw new RequestRefused(400, 'invalid_request_error', TOO_MANY_VALUES, { code: 'too_many_values' })
    return body.toString('utf8')
  }

  sendText(status: number, type: string, text: string): void {
    this.#send(status, text, { 'content-type': type })
  }

  sendJson(status: number, value: unknown, counts?: TokenCounts): void {
    this.#send(status, JSON.stringify(value), {
      'content-type': 'application/json; charset=utf-8',
      ...(counts ? { [USAGE_HEADER]: JSON.stringify(counts) } : {}),
    })
  }

  sendRefusal(status: number, body: OpenAIErrorBody, headers: Record<string, string> = {}): void {
    if (this.#response.destroyed) return
    if (this.started) {
      this.#response.end(openAIErrorEvent(body))
      return
    }
    // What is left of a body that was not read would be taken for the next request.
    const unread: Record<string, string> = this.#request.complete ? {} : { connection: 'close' }
    this.#send(status, JSON.stringify(body), { 'content-type': 'application/json; charset=utf-8', ...unread, ...headers })
  }

  #send(status: number, text: string, headers: Record<string, string>): void {
    if (this.#response.destroyed) return
    this.#response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(text)), ...this.#own() })
    this.#response.end(this.#request.method === 'HEAD' ? undefined : text)
  }

  #own(): Record<string, string> {
    return this.#options.simulated ? { [SIMULATED_HEADER]: '1' } : {}
  }

  startStream(): void {
    if (this.started) return
    this.#response.writeHead(200, { ...SSE_HEADERS, ...this.#own() })
  }

  /** Resolves when there is room for more. */
  async write(text: string): Promise<void> {
    this.signal.throwIfAborted()
    if (this.#response.write(text)) return
    this.#drained ??= this.#drain()
    await this.#drained
  }

  endStream(counts: TokenCounts): void {
    this.#response.end(`${usageComment(counts)}${SSE_DONE}`)
  }

  #drain(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(stall)
        this.#response.off('drain', onDrain)
        this.signal.removeEventListener('abort', onGone)
        this.#drained = undefined
        act()
      }
      const onDrain = () => settle(resolve)
      const onGone = () => settle(() => reject(this.signal.reason))
      const stall = setTimeout(() => {
        this.#gone.abort(new ClientGone(`The client has read nothing for ${this.#options.stallTimeoutMs / 1000} s.`))
        this.#response.destroy()
      }, this.#options.stallTimeoutMs)
      this.#response.once('drain', onDrain)
      this.signal.addEventListener('abort', onGone, { once: true })
    })
  }
}
