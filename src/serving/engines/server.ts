/**
 * An engine's HTTP server: OpenAI's paths, and `/health`, `/load`, `/metrics` for whoever runs it. It listens before the model is loaded,
 * so that one can ask how that goes; until then, and while it drains, requests get 503.
 */
import { chmodSync, renameSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../kernel/clock.ts'
import { limitConnections } from '../../kernel/connection-limit.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { openAIError } from '../../wire/openai/errors.ts'
import { RequestRefused } from '../../wire/openai/refusal.ts'
import { type Fields, parseJsonBody } from '../../wire/openai/request.ts'
import { Admission } from './admission.ts'
import type { EngineConfig, EngineHealth, EngineLoad } from './config.ts'
import { answerChat } from './endpoints/chat.ts'
import { answerCompletion } from './endpoints/completions.ts'
import { answerEmbeddings } from './endpoints/embeddings.ts'
import type { Service } from './endpoints/service.ts'
import type { Engine } from './engine.ts'
import { type EngineMetrics, engineMetrics, type Outcome } from './engine-metrics.ts'
import { ClientGone, Exchange } from './exchange.ts'

const BODY_LIMIT = 32 * 1024 * 1024
const STALL_TIMEOUT_MS = 60_000
const FLUSH_TIMEOUT_MS = 1_000
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const ENDPOINTS: Record<string, (service: Service, body: Fields, exchange: Exchange) => Promise<void>> = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletion,
  '/v1/embeddings': answerEmbeddings,
}

type Phase = { readonly name: EngineHealth['status']; readonly message?: string }

export class EngineServer {
  readonly #config: EngineConfig
  readonly #log: Log
  readonly #server: Server
  readonly #admission: Admission
  readonly #stallTimeoutMs: number
  readonly #open = new Set<Exchange>()
  readonly #metrics: EngineMetrics
  #phase: Phase = { name: 'loading' }
  #engine: Engine | undefined
  #socketInode: number | undefined
  #meanServedMs = 1_000
  #idle: (() => void) | undefined

  constructor(config: EngineConfig, log: Log, options: { stallTimeoutMs?: number } = {}) {
    this.#config = config
    this.#log = log
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS
    const { parameters } = config.engine
    // An embedding context has one sequence.
    const slots = config.engine.kind === 'llama' && config.task === 'embedding' ? 1 : parameters.sequences
    this.#admission = new Admission(slots, parameters.maxWaiting)
    this.#server = createServer((request, response) => void this.#handle(request, response))
    this.#metrics = engineMetrics(config, {
      ready: () => this.#phase.name === 'ready',
      load: () => this.#load(),
      counters: () => this.#engine?.counters(),
    })
    // The gateway keeps its connections; who closes an idle one while a request is on its way loses that request.
    this.#server.keepAliveTimeout = 0
    // Several gateways may bring more of them than one process may have open.
    limitConnections(this.#server, {
      ...{ log, clock: systemClock, filesEach: 1 },
      refusal: (message) => openAIError('service_unavailable_error', message, 'too_many_connections'),
    })
    this.#server.on('clientError', (_, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'))
  }

  /** Resolves with the address it listens on: the port that was found where 0 was asked for. */
  async listen(): Promise<EngineConfig['listen']> {
    const { listen } = this.#config
    if ('socketPath' in listen) {
      // Made aside and moved into place: that replaces what a killed process has left, and when a predecessor that is still draining
      // closes its own socket, it does not take this one's name along.
      const aside = join(dirname(listen.socketPath), `.${process.pid}`)
      rmSync(aside, { force: true })
      await this.#listen({ path: aside })
      chmodSync(aside, 0o600)
      renameSync(aside, listen.socketPath)
      this.#socketInode = statSync(listen.socketPath).ino
      return listen
    }
    await this.#listen(listen)
    const address = this.#server.address()
    return typeof address === 'object' && address ? { host: listen.host, port: address.port } : listen
  }

  #listen(where: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(where, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  /** From now on requests are answered by `engine`. */
  serve(engine: Engine): void {
    this.#engine = engine
    this.#phase = { name: 'ready' }
  }

  failed(message: string): void {
    this.#phase = { name: 'failed', message }
  }

  /** Takes no more requests, lets the running ones end for at most `timeoutMs`, and ends the rest with an error. */
  async drain(timeoutMs: number): Promise<void> {
    this.#phase = { name: 'draining' }
    const closed = this.#stopListening()
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    const late = setTimeout(() => {
      for (const exchange of this.#open) exchange.abort(stopping())
    }, timeoutMs)
    if (this.#open.size > 0) await idle
    clearTimeout(late)
    // What was written last is still on its way; a connection is idle when it has arrived.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), 10)
    await Promise.race([closed, sleep(FLUSH_TIMEOUT_MS)])
    clearInterval(sweep)
    this.#server.closeAllConnections()
  }

  /** At once: connections are cut. */
  async close(): Promise<void> {
    void this.#stopListening()
    this.#server.closeAllConnections()
    await this.#engine?.close()
  }

  #stopListening(): Promise<void> {
    const { listen } = this.#config
    if ('socketPath' in listen && this.#socketInode !== undefined) {
      const inode = statSync(listen.socketPath, { throwIfNoEntry: false })?.ino
      if (inode === this.#socketInode) rmSync(listen.socketPath, { force: true })
      this.#socketInode = undefined
    }
    this.#server.closeIdleConnections()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, {
      simulated: this.#engine?.simulated ?? false,
      bodyLimit: BODY_LIMIT,
      stallTimeoutMs: this.#stallTimeoutMs,
    })
    const path = (request.url ?? '/').split('?', 1)[0]!
    const endpoint = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined
    if (!endpoint) return this.#inform(path, request.method ?? 'GET', exchange)
    this.#open.add(exchange)
    const started = performance.now()
    let outcome: Outcome = 'ok'
    try {
      if (request.method !== 'POST') throw methodNotAllowed('POST')
      const service = this.#service()
      await endpoint(service, parseJsonBody(await exchange.readBody()), exchange)
    } catch (error) {
      outcome = this.#refuse(path, exchange, error)
    } finally {
      this.#metrics.finished(path, outcome, performance.now() - started)
      this.#open.delete(exchange)
      if (this.#open.size === 0) this.#idle?.()
    }
  }

  #service(): Service {
    if (this.#phase.name === 'draining') throw stopping()
    if (!this.#engine)
      throw new RequestRefused(503, 'service_unavailable_error', 'The model is still being loaded. Try again in a moment.', {
        code: 'engine_loading',
        retryAfter: 1,
      })
    return {
      config: this.#config,
      engine: this.#engine,
      admission: this.#admission,
      retryAfter: () =>
        Math.min(60, Math.max(1, Math.ceil((this.#meanServedMs / 1000) * ((this.#admission.waiting + 1) / this.#admission.slots)))),
      served: (ms) => {
        this.#meanServedMs += (ms - this.#meanServedMs) / 16
      },
      firstToken: (ms) => this.#metrics.firstToken(ms),
    }
  }

  #refuse(path: string, exchange: Exchange, error: unknown): Outcome {
    if (error instanceof ClientGone) return 'aborted'
    if (error instanceof RequestRefused) {
      exchange.sendRefusal(error.status, error.body, error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) })
      return error.status < 500 ? 'refused' : 'failed'
    }
    this.#log.error('a request failed', { path, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    exchange.sendRefusal(500, openAIError('server_error', `The engine failed: ${messageOf(error)}`, 'engine_error'))
    return 'failed'
  }

  /** Everything that is answered at once, whatever the engine does. */
  #inform(path: string, method: string, exchange: Exchange): void {
    const model = { id: this.#config.version.model, object: 'model', created: 0, owned_by: 'strata' }
    if (method !== 'GET' && method !== 'HEAD') {
      const refusal =
        path in { '/health': 1, '/load': 1, '/metrics': 1, '/v1/models': 1 } ? methodNotAllowed('GET') : notFound(method, path)
      return exchange.sendRefusal(refusal.status, refusal.body, refusal.status === 405 ? { allow: 'GET' } : {})
    }
    switch (path) {
      case '/health': {
        const { name, message } = this.#phase
        const health: EngineHealth = { status: name, ...(message === undefined ? {} : { message }) }
        return exchange.sendJson(name === 'ready' ? 200 : 503, health)
      }
      case '/load':
        return exchange.sendJson(200, this.#load())
      case '/metrics':
        return exchange.sendText(200, METRICS_TYPE, this.#metrics.text())
      case '/v1/models':
        return exchange.sendJson(200, { object: 'list', data: [model] })
      case `/v1/models/${model.id}`:
        return exchange.sendJson(200, model)
      default: {
        const refusal = notFound(method, path)
        return exchange.sendRefusal(404, refusal.body)
      }
    }
  }

  #load(): EngineLoad {
    const counters = this.#engine?.counters()
    return {
      running: this.#admission.running,
      waiting: this.#admission.waiting,
      sequences: this.#admission.slots,
      maxWaiting: this.#admission.maxWaiting,
      tokensPerSecond: counters?.tokensPerSecond ?? 0,
      kvUsedTokens: counters?.kvUsedTokens ?? 0,
      kvTotalTokens: counters?.kvTotalTokens ?? 0,
      residentBytes: process.memoryUsage.rss(),
    }
  }
}

function stopping(): RequestRefused {
  return new RequestRefused(503, 'service_unavailable_error', 'This engine is stopping. Send the request again.', {
    code: 'engine_stopping',
    retryAfter: 1,
  })
}

function methodNotAllowed(allowed: string): RequestRefused {
  return new RequestRefused(405, 'invalid_request_error', `Only ${allowed} is allowed here.`, { code: 'method_not_allowed' })
}

function notFound(method: string, path: string): RequestRefused {
  return new RequestRefused(
    404,
    'not_found_error',
    `Unknown request: ${method} ${path}. Try /v1/chat/completions, /v1/completions, /v1/embeddings or /v1/models.`,
    {
      code: 'unknown_url',
    },
  )
}
