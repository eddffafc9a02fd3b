/**
 * The listening side: HTTP limits, the table of endpoints, CORS, and what is said to those who do not speak HTTP. One server a gateway;
 * the request path behind it is `inference.ts`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { systemCode } from '../kernel/errors.ts'
import type { Metrics } from '../monitoring/metrics/index.ts'
import { openAIError } from '../wire/openai/errors.ts'
import { authenticate } from './authenticate.ts'
import type { GatewayContext } from './context.ts'
import { invalidRequest, notFound } from './errors.ts'
import { answerError, answerJson, answerText, type Exchange, type HeaderList, openExchange } from './exchange.ts'
import { serveInference } from './inference.ts'
import { serveModels } from './models.ts'
import type { Operation } from './protocols/openai-to-openai.ts'

export interface ServerOptions {
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** Origins that browsers may call from; "*" for any. Empty: CORS is off. */
  readonly corsOrigins: readonly string[]
  readonly registry: Metrics
}

const MOST_HEADERS = 200
const INFERENCE: Record<string, Operation> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'completion',
  '/v1/embeddings': 'embedding',
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

export interface GatewayServer {
  readonly server: Server
  /** From now on answers close their connections; `idle` settles when no request is left. */
  drain(): { idle: Promise<void>; cut(): void }
}

export function createGatewayServer(context: GatewayContext, options: ServerOptions): GatewayServer {
  const limits = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: 15_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 2_000,
    // Looked at in `malformed`, which answers in our shape.
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  }
  const running = new Set<Exchange>()
  let draining = false
  let whenIdle: (() => void) | undefined

  const onRequest = (req: IncomingMessage, res: ServerResponse) => {
    const exchange = openExchange(req, res, context.clock.monotonic(), corsHeaders(req, options.corsOrigins))
    running.add(exchange)
    if (draining) res.shouldKeepAlive = false
    res.on('close', () => {
      running.delete(exchange)
      if (!res.writableFinished) {
        exchange.gone = true
        exchange.onGone?.()
      }
      if (running.size === 0) whenIdle?.()
    })
    req.on('error', brokenOff)
    res.on('error', brokenOff)
    dispatch(context, options, exchange)
  }

  const server = (options.tls ? createTlsServer({ ...limits, ...options.tls }, onRequest) : createServer(limits, onRequest)) as Server
  server.maxRequestsPerSocket = 0
  server.on('clientError', (error, socket) => onClientError(context, error, socket))
  // Who asks before sending a body gets the answer that the body would get, and is spared the rest.
  server.on('checkContinue', (req, res) => {
    if (Number(req.headers['content-length'] ?? 0) <= context.snapshots.tables().settings.maxBodyBytes) res.writeContinue()
    onRequest(req, res)
  })
  server.on('checkExpectation', onRequest)
  // Without a listener Node hands an upgrade to the request handler on some versions and hangs on others: say no.
  server.on('upgrade', (_req, socket: Duplex) => void refuseRaw(socket, 400, 'Upgrades are not served here.'))
  server.on('connect', (_req, socket: Duplex) => void refuseRaw(socket, 405, 'This is not a proxy.'))

  return {
    server,
    drain() {
      draining = true
      server.close()
      server.closeIdleConnections()
      for (const { res } of running) if (!res.headersSent) res.shouldKeepAlive = false
      const idle = running.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => (whenIdle = resolve))
      return {
        idle,
        cut() {
          for (const exchange of running) cutStream(exchange)
        },
      }
    },
  }
}

/** A client that breaks off; `close` on the response tells it. */
const brokenOff = () => undefined

/** The last word to a stream that outlived the drain. */
function cutStream({ res, streams }: Exchange): void {
  if (streams) {
    res.write(
      `data: ${JSON.stringify(openAIError('server_error', 'The gateway is shutting down; the answer is not whole.', 'shutting_down'))}\n\n`,
    )
    res.end()
  } else res.destroy()
}

function dispatch(context: GatewayContext, options: ServerOptions, exchange: Exchange): void {
  const { req, path } = exchange
  const bad = malformed(req)
  if (bad) {
    context.metrics.malformed.with(bad.code).inc()
    return answerError(exchange, bad)
  }
  const { method } = req
  if (method === 'OPTIONS' && exchange.extraHeaders.length > 0) return preflight(exchange)

  const operation = INFERENCE[path]
  if (operation) return method === 'POST' ? void serveInference(context, exchange, operation) : wrongMethod(exchange, 'POST')

  const isRead = method === 'GET' || method === 'HEAD'
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
        : `There is nothing at ${path.slice(0, 100)}. The API starts at /v1 (models, chat/completions, completions, embeddings).`,
      'unknown_url',
    ),
  )
}

function malformed(req: IncomingMessage) {
  const { rawHeaders, url } = req
  if (rawHeaders.length > MOST_HEADERS * 2)
    return invalidRequest(`More than ${MOST_HEADERS} header lines.`, 'too_many_headers', undefined, 431)
  if (!url?.startsWith('/')) return invalidRequest('The request target must be a path.', 'invalid_target')
  const { expect } = req.headers
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    return invalidRequest(`The expectation "${expect.slice(0, 40)}" cannot be met.`, 'expectation_failed', undefined, 417)
  let authorizations = 0
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 13 && name.toLowerCase() === 'authorization') authorizations += 1
    else if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1'))
    return invalidRequest('There must be one Host header.', hosts > 1 ? 'duplicate_header' : 'missing_host')
  return authorizations > 1
    ? invalidRequest('There is more than one Authorization header; which one counts is not for the gateway to guess.', 'duplicate_header')
    : undefined
}

function wrongMethod(exchange: Exchange, allowed: string): void {
  answerError(
    exchange,
    invalidRequest(`${exchange.path} takes ${allowed}, not ${exchange.req.method}.`, 'method_not_allowed', undefined, 405),
    ['allow', allowed],
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
  const from = exchange.req.socket.remoteAddress ?? ''
  const local = from === '' || from === '::1' || from.startsWith('127.') || from.startsWith('::ffff:127.')
  if (!local) {
    const caller = authenticate(context.snapshots.tables(), exchange.req.headers.authorization, context.clock.latest())
    if ('status' in caller) return answerError(exchange, caller)
  }
  answerText(exchange, 200, registry.text(), 'text/plain; version=0.0.4; charset=utf-8')
}

const NO_HEADERS: HeaderList = []

function corsHeaders(req: IncomingMessage, origins: readonly string[]): HeaderList {
  const { origin } = req.headers
  if (origins.length === 0 || origin === undefined) return NO_HEADERS
  if (!origins.includes('*') && !origins.includes(origin)) return NO_HEADERS
  return [
    'access-control-allow-origin',
    origin,
    'vary',
    'origin',
    'access-control-expose-headers',
    'x-request-id, x-strata-model-version, x-strata-route, retry-after, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens',
  ]
}

function preflight(exchange: Exchange): void {
  const { req, res } = exchange
  res.writeHead(204, [
    ...exchange.extraHeaders,
    'access-control-allow-methods',
    'GET, POST, OPTIONS',
    'access-control-allow-headers',
    req.headers['access-control-request-headers'] ?? 'authorization, content-type',
    'access-control-max-age',
    '600',
  ])
  res.end()
}

const CLIENT_ERRORS: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The head of the request is larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
}

function onClientError(context: GatewayContext, error: Error, socket: Duplex): void {
  const code = systemCode(error) ?? 'unknown'
  context.metrics.malformed.with(code).inc()
  // The error object may carry an answer that is already under way; writing a second head into it would be a lie.
  const busy = (socket as { _httpMessage?: ServerResponse })._httpMessage?.headersSent
  if (code === 'ECONNRESET' || code === 'EPIPE' || !socket.writable || busy) return void socket.destroy()
  const [status, message] = CLIENT_ERRORS[code] ?? [400, 'This is not a proper HTTP/1.1 request.']
  refuseRaw(socket, status, message)
}

const REASONS: Record<number, string> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

function refuseRaw(socket: Duplex, status: number, message: string): void {
  const body = JSON.stringify(openAIError('invalid_request_error', message, 'malformed_request'))
  socket.on('error', () => undefined) // the peer is already leaving
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
