/**
 * The request path: authenticate → read body → choose route and version → admit → attempt → relay → settle → record.
 * Each step is a file of its own; this one is their order, and the promise that whatever happens, the reservation is settled, the instance
 * is released, and a `finished` record says how it ended.
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { messageOf } from '../kernel/errors.ts'
import type { Outcome } from '../monitoring/request-records.ts'
import { type CompiledLimit, type CompiledVersion, entryKey } from '../resources/snapshot.ts'
import { type Answered, attempt, type GaveUp } from './attempts.ts'
import { authenticate, type Caller } from './authenticate.ts'
import { readBody } from './body.ts'
import type { GatewayContext } from './context.ts'
import { type Course, type End, recordStart, round, settle } from './course.ts'
import { type GatewayError, invalidRequest } from './errors.ts'
import { answerError, answerText, type Exchange, visibleId } from './exchange.ts'
import { rateLimitHeaders } from './limits/headers.ts'
import type { Admission, Subject } from './limits/index.ts'
import { bodyFor, type InferenceRequest, type Operation, parseInference } from './protocols/openai-to-openai.ts'
import { BackendStream, EngineStream } from './protocols/sse.ts'
import { type RelayResult, relayPlain, relayStream } from './relay.ts'
import { type Choice, choose } from './routing.ts'
import { readSecret } from './secrets.ts'
import type { Tables } from './snapshot/tables.ts'

const UPSTREAM_PATHS: Record<Operation, string> = {
  chat: '/chat/completions',
  completion: '/completions',
  embedding: '/embeddings',
}

export async function serveInference(context: GatewayContext, exchange: Exchange, operation: Operation): Promise<void> {
  const course: Course = { exchange, operation, attempts: [], times: {} }
  const gone = new AbortController()
  exchange.res.on('close', () => {
    if (!exchange.res.writableFinished) gone.abort()
  })
  context.metrics.inFlight.with().add(1)
  let end: End = { outcome: 'aborted', status: 499 }
  try {
    end = await answer(context, course, gone.signal)
  } catch (error) {
    // A bug, not a state of the world: the client gets a plain word, the log gets the stack.
    context.log.error('a request failed inside of the gateway', {
      request: exchange.id,
      error: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    })
    end = { outcome: 'upstream_error', status: 500 }
    course.error = 'internal_error'
    if (exchange.res.headersSent) exchange.res.destroy()
    else
      answerError(exchange, {
        status: 500,
        type: 'server_error',
        code: 'internal_error',
        message: 'The gateway failed; its log has the cause.',
      })
  } finally {
    context.metrics.inFlight.with().add(-1)
    settle(context, course, end)
  }
}

async function answer(context: GatewayContext, course: Course, gone: AbortSignal): Promise<End> {
  const { exchange, operation } = course
  const since = () => round(context.clock.monotonic() - exchange.startedAt)
  const tables = context.snapshots.tables()

  const caller = authenticate(tables, exchange.req.headers.authorization, context.clock.latest())
  if ('status' in caller) return refuse(context, course, caller)
  course.caller = caller

  const body = await readBody(exchange.req, tables.settings.maxBodyBytes)
  if (body === undefined) return { outcome: 'aborted', status: 499 }
  if ('status' in body) return refuse(context, course, body)
  course.times.auth = since()

  const request = parseInference(body, operation)
  if ('status' in request) return refuse(context, course, request)
  course.request = request

  const choice = choose(tables, caller, { model: request.model, user: request.user, headers: exchange.req.headers }, Math.random())
  if ('status' in choice) return refuse(context, course, choice)
  course.choice = choice
  const wrongTask = taskMismatch(choice.assigned, operation)
  if (wrongTask) return refuse(context, course, wrongTask)
  recordStart(context, course, choice, caller)

  const admission = admit(context, tables, caller, choice, request)
  course.times.limits = since()
  if (!admission.admitted) return refuseOverLimit(context, course, admission)
  course.reservation = admission.reservation
  const limitHeaders = rateLimitHeaders(admission.reservation.requests, admission.reservation.tokens)

  const bodies = new Map<CompiledVersion, Buffer>()
  let unserialisable: GatewayError | undefined
  const bodyOf = (version: CompiledVersion): Buffer => {
    const known = bodies.get(version)
    if (known) return known
    const made = bodyFor(version, request, body, operation)
    bodies.set(version, made)
    return made
  }
  try {
    bodyOf(choice.assigned)
  } catch (error) {
    unserialisable = invalidRequest(`The body cannot be passed on: ${messageOf(error)}. Is it nested very deeply?`, 'invalid_json')
  }
  if (unserialisable) return refuse(context, course, unserialisable)

  const result = await attempt(
    {
      clock: context.clock,
      log: context.log,
      tracker: context.tracker,
      upstreams: context.upstreams,
      tables: () => context.snapshots.tables(),
      route: choice.route,
      assigned: choice.assigned,
      pinned: choice.pinned,
      startedAt: exchange.startedAt,
      signal: gone,
      coldWaitMs: context.coldWaitMs,
      request: (version) => upstreamRequest(context, version, bodyOf(version), exchange, operation),
    },
    course.attempts,
  )
  course.times.queue = since()
  if ('failure' in result) return giveUp(context, course, result, limitHeaders)
  course.answered = result
  return relay(context, course, result, limitHeaders)
}

function taskMismatch(version: CompiledVersion, operation: Operation): GatewayError | undefined {
  const embeds = version.task === 'embedding'
  if (embeds === (operation === 'embedding') || version.source.type === 'backend') return undefined
  const right = embeds ? '/v1/embeddings' : '/v1/chat/completions'
  return invalidRequest(`The model "${version.model}" is not made for this; call it at ${right}.`, 'unsupported_operation', 'model')
}

function admit(context: GatewayContext, tables: Tables, caller: Caller, choice: Choice, request: InferenceRequest): Admission {
  const names = [...caller.consumer.limits, ...choice.route.limits]
  const limits: CompiledLimit[] = []
  for (const name of names) {
    const limit = tables.limit.get(entryKey.limit(choice.route.namespace, name))
    if (limit && !limits.includes(limit)) limits.push(limit)
  }
  const subject: Subject = {
    namespace: choice.route.namespace,
    key: caller.key.name,
    consumer: caller.consumer.name,
    model: choice.assigned.model,
    route: choice.route.name,
  }
  return context.limiter.admit(limits, subject, request.estimatedTokens)
}

function upstreamRequest(context: GatewayContext, version: CompiledVersion, body: Buffer, exchange: Exchange, operation: Operation) {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: exchange.req.headers.accept ?? '*/*',
    'x-request-id': exchange.id,
  }
  let prefix = '/v1'
  if (version.source.type === 'backend') {
    prefix = new URL(version.source.address).pathname.replace(/\/$/, '')
    if (version.source.bearer) headers.authorization = `Bearer ${readSecret(version.source.bearer, context.clock.monotonic())}`
  }
  return { method: 'POST' as const, path: `${prefix}${UPSTREAM_PATHS[operation]}`, headers, body }
}

async function relay(context: GatewayContext, course: Course, answered: Answered, limitHeaders: OutgoingHttpHeaders): Promise<End> {
  const { exchange } = course
  const { response, version } = answered
  const route = course.choice!.route
  const contentType = response.headers['content-type'] ?? 'application/json'
  const headers: OutgoingHttpHeaders = {
    'content-type': contentType,
    'x-request-id': visibleId(exchange),
    'x-strata-model-version': `${version.model}@${version.version}`,
    'x-strata-route': route.name,
    ...(answered.simulated ? { 'x-strata-simulated': '1' } : {}),
    ...(response.status >= 400 ? { 'x-strata-error-source': 'upstream' } : {}),
    ...(response.headers['retry-after'] ? { 'retry-after': response.headers['retry-after'] } : {}),
    ...limitHeaders,
    ...exchange.extraHeaders,
  }
  const options = {
    clock: context.clock,
    requestId: visibleId(exchange),
    idleTimeoutMs: route.timeouts.idle,
    deadline: exchange.startedAt + route.timeouts.total,
  }

  if (contentType.startsWith('text/event-stream')) {
    exchange.res.writeHead(response.status, { ...headers, 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
    exchange.res.flushHeaders()
    const reader = version.source.type === 'engine' ? new EngineStream() : new BackendStream(course.request!.includeUsage)
    return endOf(await relayStream(exchange.res, response, reader, options), response.status)
  }

  const plain = await relayPlain(exchange.res, response, () => void exchange.res.writeHead(response.status, headers), options)
  if ('relayed' in plain) return endOf(plain.relayed, response.status)
  if ('held' in plain) {
    answerText(exchange, response.status, plain.held.toString('utf8'), contentType, headers)
    return { outcome: response.status >= 400 ? 'client_error' : 'ok', status: response.status, usage: plain.usage }
  }
  if (plain.failure.kind === 'aborted') return { outcome: 'aborted', status: 499 }
  const timedOut = plain.failure.kind === 'timeout'
  course.error = timedOut ? 'timeout' : 'upstream_cut'
  const status = timedOut ? 504 : 502
  answerError(exchange, {
    status,
    type: 'server_error',
    code: course.error,
    message: timedOut
      ? 'The answer took longer than the time allowed for it.'
      : 'The model stopped in the middle of its answer. Nothing of it was passed on; ask again.',
  })
  return { outcome: timedOut ? 'timeout' : 'cut', status }
}

function endOf(relayed: RelayResult, status: number): End {
  const { outcome, usage, firstTokenAt, lastChunkAt } = relayed
  return { outcome, status: outcome === 'aborted' ? 499 : status, usage, firstTokenAt, lastChunkAt }
}

function giveUp(context: GatewayContext, course: Course, result: GaveUp, limitHeaders: OutgoingHttpHeaders): End | Promise<End> {
  const { exchange } = course
  const { failure, message } = result
  if (failure === 'aborted') return { outcome: 'aborted', status: 499 }
  const version = course.choice!.assigned
  const about = {
    'x-strata-model-version': `${version.model}@${version.version}`,
    'x-strata-route': course.choice!.route.name,
    ...limitHeaders,
  }
  if (result.response) return passRefusalOn(context, course, result, about)
  const timedOut = failure === 'timeout'
  course.error = timedOut ? 'timeout' : failure === 'no_instance' ? 'no_instance' : 'upstream_unavailable'
  answerError(
    exchange,
    timedOut
      ? {
          status: 504,
          type: 'server_error',
          code: 'timeout',
          message: `${message} Try a shorter request, or raise the route's timeouts.firstByte.`,
        }
      : {
          status: 503,
          type: 'service_unavailable_error',
          code: course.error,
          message: `${message} Try again in a moment.`,
          retryAfterMs: result.retryAfterMs,
        },
    about,
  )
  return { outcome: timedOut ? 'timeout' : 'upstream_error', status: timedOut ? 504 : 503 }
}

/** The last upstream's own refusal, as it is, marked as such. */
async function passRefusalOn(
  context: GatewayContext,
  course: Course,
  { response, failure }: GaveUp,
  about: OutgoingHttpHeaders,
): Promise<End> {
  const { exchange } = course
  const route = course.choice!.route
  const plain = await relayPlain(exchange.res, response!, () => undefined, {
    clock: context.clock,
    requestId: visibleId(exchange),
    idleTimeoutMs: route.timeouts.idle,
    deadline: context.clock.monotonic() + 5_000,
  })
  const body = 'held' in plain ? plain.held.toString('utf8') : ''
  const retryAfter = response!.headers['retry-after']
  course.error = failure === 'overloaded' ? 'overloaded' : 'upstream_error'
  answerText(exchange, response!.status, body, response!.headers['content-type'] ?? 'application/json', {
    ...about,
    'x-strata-error-source': 'upstream',
    ...(retryAfter ? { 'retry-after': retryAfter } : response!.status === 429 || response!.status === 503 ? { 'retry-after': '1' } : {}),
  })
  return { outcome: failure === 'overloaded' ? 'overloaded' : 'upstream_error', status: response!.status }
}

function refuse(context: GatewayContext, course: Course, error: GatewayError): End {
  context.metrics.refused.with(error.code).inc()
  course.error = error.code
  answerError(course.exchange, error, error.status === 401 ? { 'www-authenticate': 'Bearer realm="strata"' } : {})
  const outcome: Outcome =
    error.status === 401 || error.status === 403 ? 'refused' : error.status >= 500 ? 'upstream_error' : 'client_error'
  return { outcome, status: error.status }
}

function refuseOverLimit(context: GatewayContext, course: Course, admission: Extract<Admission, { admitted: false }>): End {
  context.metrics.limited.with(admission.limit, admission.sort).inc()
  course.limit = admission.limit
  course.error = 'rate_limit_exceeded'
  const seconds = Math.max(1, Math.ceil(admission.retryAfterMs / 1000))
  const what = { requests: 'requests', tokens: 'tokens', concurrent: 'requests at the same time' }[admission.sort]
  answerError(
    course.exchange,
    {
      status: 429,
      type: admission.sort === 'tokens' ? 'tokens' : 'requests',
      code: 'rate_limit_exceeded',
      message: `The limit "${admission.limit}" allows no more ${what} now. Try again in ${seconds} s.`,
      retryAfterMs: admission.retryAfterMs,
    },
    rateLimitHeaders(admission.requests, admission.tokens),
  )
  return { outcome: 'limited', status: 429 }
}
