/**
 * What clients find here: the table of endpoints, CORS, and what is said to those who do not speak HTTP properly. The request path behind
 * it is `inference.ts`, the connections are `downstream/`.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Metrics } from '../monitoring/metrics/index.ts'
import { openAIError, openAIErrorEvent } from '../wire/openai/errors.ts'
import { answerError, answerJson, answerText } from './answers.ts'
import { authenticate } from './authenticate.ts'
import type { GatewayContext } from './context.ts'
import { type HeaderLines, header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import { createListener, type Listener } from './downstream/listener.ts'
import { type GatewayError, invalidRequest, notFound } from './errors.ts'
import { serveFeedback } from './feedback.ts'
import { serveInference } from './inference.ts'
import { serveModels } from './models.ts'
import { oipAt } from './oip-endpoints.ts'
import { OPENAI_ENDPOINTS } from './protocols/openai.ts'
import { tensorFlowAt } from './tensorflow-endpoints.ts'

export interface ServerOptions {
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** Origins that browsers may call from; "*" for any. Empty: CORS is off. */
  readonly corsOrigins: readonly string[]
  readonly registry: Metrics
}

/** Paths that OpenAI's clients know and Strata does not serve (yet): what to use in their place. */
const NOT_HERE: Record<string, string> = {
  '/v1/responses': 'Use /v1/chat/completions.',
  '/v1/messages': "Use /v1/chat/completions with OpenAI's shapes.",
  '/v1/batches': 'Send the requests one by one to /v1/chat/completions.',
  '/v1/files': 'Put the text into the messages.',
  '/v1/assistants': 'Use /v1/chat/completions and keep the conversation yourself.',
  '/v1/threads': 'Use /v1/chat/completions and keep the conversation yourself.',
  '/v1/audio': 'Only text models are served.',
  '/v1/images': 'Only text models are served.',
  '/v1/moderations': 'Ask a chat model to judge the text.',
  '/v1/fine_tuning': 'Train elsewhere and add the result as a ModelVersion.',
}

export function createGatewayServer(context: GatewayContext, options: ServerOptions): Listener {
  return createListener({
    clock: context.clock,
    tls: options.tls,
    onRequest(exchange) {
      exchange.extraHeaders = corsHeaders(exchange.headers, options.corsOrigins)
      dispatch(context, options, exchange)
    },
    onMalformed: (reason) => context.metrics.malformed.with(reason).inc(),
    refusal: (message) => JSON.stringify(openAIError('invalid_request_error', sentence(message), 'malformed_request')),
    lastWord: Buffer.from(
      openAIErrorEvent(openAIError('server_error', 'The gateway is shutting down; the answer is not whole.', 'shutting_down')),
    ),
  })
}

/** What the parser finds wrong, as a sentence of its own. */
function sentence(message: string): string {
  return /^[A-Z].*\.$/.test(message) ? message : `This is not a proper HTTP/1.1 request: ${message}.`
}

function dispatch(context: GatewayContext, options: ServerOptions, exchange: Exchange): void {
  const { path } = exchange
  const bad = malformed(exchange)
  if (bad) {
    context.metrics.malformed.with(bad.code).inc()
    return answerError(exchange, bad)
  }
  const { method } = exchange
  if (method === 'OPTIONS' && exchange.extraHeaders.length > 0) return preflight(exchange)

  const endpoint = OPENAI_ENDPOINTS.get(path)
  if (endpoint) return method === 'POST' ? void serveInference(context, exchange, endpoint) : wrongMethod(exchange, 'POST')

  if (path === '/v1/feedback') return method === 'POST' ? void serveFeedback(context, exchange) : wrongMethod(exchange, 'POST')

  const isRead = method === 'GET' || method === 'HEAD'
  const found = oipAt(exchange) ?? tensorFlowAt(exchange)
  if (found && 'ask' in found) return method === 'POST' ? void serveInference(context, exchange, found.ask) : wrongMethod(exchange, 'POST')
  if (found) return isRead ? found.read(context, exchange) : wrongMethod(exchange, 'GET')
  if (path === '/v1/models' || (path.startsWith('/v1/models/') && path.length > '/v1/models/'.length)) {
    return isRead ? serveModels(context, exchange) : wrongMethod(exchange, 'GET')
  }
  if (path === '/health/live' || path === '/health/ready' || path === '/metrics') {
    if (!isRead) return wrongMethod(exchange, 'GET')
    if (path === '/metrics') return serveMetrics(context, options.registry, exchange)
    return path === '/health/live' ? answerJson(exchange, 200, { status: 'live' }) : serveReady(context, exchange)
  }
  const advice = Object.entries(NOT_HERE).find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1]
  answerError(
    exchange,
    notFound(
      advice
        ? `${path.slice(0, 100)} is not served here. ${advice}`
        : `There is nothing at ${path.slice(0, 100)}. The API starts at /v1 (models, chat/completions, completions, embeddings, feedback).`,
      'unknown_url',
    ),
  )
}

function malformed({ method, target, repeated }: Exchange): GatewayError | undefined {
  if (method === 'CONNECT') return invalidRequest('This is not a proxy.', 'method_not_allowed', undefined, 405)
  if (!target.startsWith('/')) return invalidRequest('The request target must be a path.', 'invalid_target')
  return repeated.includes('authorization')
    ? invalidRequest('There is more than one Authorization header; which one counts is not for the gateway to guess.', 'duplicate_header')
    : undefined
}

function wrongMethod(exchange: Exchange, allowed: string): void {
  answerError(
    exchange,
    invalidRequest(`${exchange.path} takes ${allowed}, not ${exchange.method}.`, 'method_not_allowed', undefined, 405),
    header('allow', allowed),
  )
}

function serveReady(context: GatewayContext, exchange: Exchange): void {
  const { version, source, connected, lastHeard } = context.snapshots.status()
  const ready = source !== 'none'
  answerJson(exchange, ready ? 200 : 503, {
    status: ready ? 'ready' : 'waiting for a snapshot from control',
    snapshot: { version, source, connected, silentMs: connected ? 0 : context.clock.monotonic() - lastHeard },
  })
}

/** Metrics name routes and versions: for this machine, or for whoever has a key. */
function serveMetrics(context: GatewayContext, registry: Metrics, exchange: Exchange): void {
  const from = exchange.remoteAddress
  const local = from === '' || from === '::1' || from.startsWith('127.') || from.startsWith('::ffff:127.')
  if (!local) {
    const caller = authenticate(context.snapshots.tables(), exchange, context.clock.latest())
    if ('status' in caller) return answerError(exchange, caller)
  }
  answerText(exchange, 200, registry.text(), 'text/plain; version=0.0.4; charset=utf-8')
}

const EXPOSED =
  'x-request-id, x-strata-request-id, x-strata-model-version, x-strata-route, retry-after, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens'

function corsHeaders({ origin }: IncomingHttpHeaders, origins: readonly string[]): HeaderLines {
  if (origins.length === 0 || origin === undefined) return ''
  if (!origins.includes('*') && !origins.includes(origin)) return ''
  return header('access-control-allow-origin', origin) + header('vary', 'origin') + header('access-control-expose-headers', EXPOSED)
}

function preflight(exchange: Exchange): void {
  const wanted = exchange.headers['access-control-request-headers'] ?? 'authorization, content-type'
  const allowed = header('access-control-allow-methods', 'GET, POST, OPTIONS') + header('access-control-allow-headers', wanted)
  exchange.answer(204, exchange.extraHeaders + allowed + header('access-control-max-age', '600'))
}
