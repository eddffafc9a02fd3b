/**
 * One request to one upstream, behind an interface narrow enough to be written again without undici if its cost asks for that.
 *
 * `send` settles when the head of the answer is there, or with the reason why it is not. The body then goes to the attached sink, chunk by
 * chunk; `pause` and `resume` carry the client's back-pressure to the upstream. `abort` closes the connection: that is how an engine
 * learns that nobody listens any more.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import type { Address } from '../../kernel/address.ts'
import { messageOf, systemCode } from '../../kernel/errors.ts'

export interface UpstreamTarget {
  /** A Unix socket or host and port; or a URL's origin for servers elsewhere. */
  readonly address: Address | { readonly origin: string }
}

export interface UpstreamRequest {
  readonly method: 'POST' | 'GET'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
  readonly connectTimeoutMs: number
  readonly firstByteTimeoutMs: number
}

export interface UpstreamFailure {
  /** `connect`: nobody could be reached, nothing was sent. `reset`: the connection broke. `timeout`: no head in time. */
  readonly kind: 'connect' | 'reset' | 'timeout' | 'aborted'
  readonly message: string
}

export interface BodySink {
  data(chunk: Buffer): void
  end(): void
  error(failure: UpstreamFailure): void
}

export interface UpstreamResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Once. Chunks that came before are delivered at once. */
  attach(sink: BodySink): void
  pause(): void
  resume(): void
  abort(): void
}

export interface UpstreamCall {
  readonly head: Promise<UpstreamResponse | UpstreamFailure>
  abort(): void
}

export interface Upstreams {
  send(target: UpstreamTarget, request: UpstreamRequest): UpstreamCall
  /** Closes pools of addresses that have not been used for a while. */
  close(): Promise<void>
}

const IDLE_POOL_MS = 10 * 60_000

export function createUpstreams(): Upstreams {
  const pools = new Map<string, { pool: Pool; usedAt: number }>()

  const poolFor = (target: UpstreamTarget, connectTimeoutMs: number): Pool => {
    const { address } = target
    const key = `${'origin' in address ? address.origin : 'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`}|${connectTimeoutMs}`
    const known = pools.get(key)
    if (known) {
      known.usedAt = Date.now()
      return known.pool
    }
    const origin =
      'origin' in address ? address.origin : 'socketPath' in address ? 'http://engine' : `http://${address.host}:${address.port}`
    const pool = new Pool(origin, {
      connect: { timeout: connectTimeoutMs, ...('socketPath' in address ? { socketPath: address.socketPath } : {}) },
      // How many run at once is the engine's business (its queue answers 429); a bound here would queue where nobody counts.
      connections: null,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
    })
    pools.set(key, { pool, usedAt: Date.now() })
    return pool
  }

  const sweep = setInterval(() => {
    const old = Date.now() - IDLE_POOL_MS
    for (const [key, { pool, usedAt }] of pools) {
      if (usedAt > old) continue
      pools.delete(key)
      void pool.close()
    }
  }, IDLE_POOL_MS / 2)
  sweep.unref()

  return {
    send(target, request) {
      const call = new Call(request.firstByteTimeoutMs)
      const pool = poolFor(target, request.connectTimeoutMs)
      try {
        pool.dispatch({ method: request.method, path: request.path, headers: request.headers, body: request.body ?? null }, call)
      } catch (error) {
        call.onResponseError(undefined, error as Error)
      }
      return call
    },
    async close() {
      clearInterval(sweep)
      await Promise.all([...pools.values()].map(({ pool }) => pool.destroy()))
    },
  }
}

class Call implements UpstreamCall, UpstreamResponse, Dispatcher.DispatchHandler {
  readonly head: Promise<UpstreamResponse | UpstreamFailure>
  status = 0
  headers: IncomingHttpHeaders = {}
  #settle!: (result: UpstreamResponse | UpstreamFailure) => void
  #settled = false
  #controller: Dispatcher.DispatchController | undefined
  #aborted = false
  #sink: BodySink | undefined
  /** What came before a sink was attached. */
  #early: Buffer[] = []
  #ended = false
  #failure: UpstreamFailure | undefined
  readonly #timer: NodeJS.Timeout

  constructor(firstByteTimeoutMs: number) {
    this.head = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#timer = setTimeout(() => {
      this.#fail({ kind: 'timeout', message: `no answer within ${firstByteTimeoutMs} ms` })
      this.#close()
    }, firstByteTimeoutMs)
  }

  abort(): void {
    this.#fail({ kind: 'aborted', message: 'the client went away' })
    this.#close()
  }

  attach(sink: BodySink): void {
    this.#sink = sink
    for (const chunk of this.#early) sink.data(chunk)
    this.#early = []
    if (this.#failure) sink.error(this.#failure)
    else if (this.#ended) sink.end()
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted) this.#close()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    clearTimeout(this.#timer)
    this.status = status
    this.headers = headers
    this.#settled = true
    this.#settle(this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink) this.#sink.data(chunk)
    else this.#early.push(chunk)
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer)
    this.#ended = true
    this.#sink?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail({ kind: failureKind(error), message: messageOf(error) })
  }

  #fail(failure: UpstreamFailure): void {
    clearTimeout(this.#timer)
    if (this.#failure || this.#ended) return
    this.#failure = failure
    if (this.#settled) this.#sink?.error(failure)
    else {
      this.#settled = true
      this.#settle(failure)
    }
  }

  /** Before the request has a connection there is nothing to close yet; `onRequestStart` comes back to it. */
  #close(): void {
    this.#aborted = true
    if (this.#controller && !this.#controller.aborted) this.#controller.abort(new Error('aborted'))
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
