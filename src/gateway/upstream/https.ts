/** Upstreams behind TLS, through undici: hosted providers are few requests and far away, so its cost does not matter there. */
import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { messageOf, systemCode } from '../../kernel/errors.ts'
import type { Call, Carrier } from './call.ts'
import type { UpstreamFailure, UpstreamRequest } from './index.ts'

export function tlsPool(origin: string, connectTimeoutMs: number): Pool {
  return new Pool(origin, {
    connect: { timeout: connectTimeoutMs },
    connections: null,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
  })
}

export function sendThrough(pool: Pool, request: UpstreamRequest, call: Call): void {
  const handler = new Handler(call)
  try {
    pool.dispatch({ method: request.method, path: request.path, headers: request.headers, body: request.body ?? null }, handler)
  } catch (error) {
    handler.onResponseError(undefined, error as Error)
  }
}

class Handler implements Dispatcher.DispatchHandler, Carrier {
  readonly #call: Call
  #controller: Dispatcher.DispatchController | undefined
  #cancelled = false

  constructor(call: Call) {
    this.#call = call
    call.carriedBy(this)
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  /** Before the request has a connection there is nothing to close yet; `onRequestStart` comes back to it. */
  cancel(): void {
    this.#cancelled = true
    if (this.#controller && !this.#controller.aborted) this.#controller.abort(new Error('aborted'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#cancelled) this.cancel()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status >= 200) this.#call.onHead(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#call.onData(chunk)
  }

  onResponseEnd(): void {
    this.#call.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#call.fail({ kind: failureKind(error), message: messageOf(error) })
  }
}

const CONNECT_CODES = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNABORTED',
])

function failureKind(error: Error): UpstreamFailure['kind'] {
  const code = systemCode(error) ?? systemCode((error as { cause?: unknown }).cause)
  return code !== undefined && CONNECT_CODES.has(code) ? 'connect' : 'reset'
}
