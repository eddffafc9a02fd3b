/**
 * The request path: authenticate → read body → choose route and version → admit → attempt → relay → settle → record.
 * Each step is a file of its own; this one is their order, and the promise that whatever happens, the reservation is settled, the instance
 * is released, and a `finished` record says how it ended.
 */
import { messageOf } from '../kernel/errors.ts'
import type { CompiledVersion } from '../resources/snapshot.ts'
import { dialectOf, headersFor, linesAbout, STREAM_LINES, visibleId } from './answers.ts'
import { type Answered, attempt } from './attempts.ts'
import { authenticate, type Caller } from './authenticate.ts'
import { backendOf } from './backends.ts'
import type { GatewayContext } from './context.ts'
import { type Course, type End, noteAsked, noteFirstToken, recordStart, round, settle } from './course.ts'
import { type HeaderLines, header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import { type GatewayError, invalidRequest } from './errors.ts'
import { rateLimitHeaders } from './limits/headers.ts'
import type { Admission } from './limits/index.ts'
import { endOf, endPlain, relayAsEvent, relayRewritten } from './plain-answer.ts'
import { askedByArm } from './protocols/defaults.ts'
import { translate } from './protocols/index.ts'
import { type Asking, CannotAsk, type Endpoint, type Operation, type Translation } from './protocols/protocol.ts'
import { answerFailure, giveUp, refuse, refuseOverLimit } from './refusals.ts'
import { relayPlain, relayStream } from './relay.ts'
import { tooLarge, whyUnreadable } from './request-body.ts'
import { type Choice, choose } from './routing.ts'
import { backendSecret } from './secrets.ts'
import { limitsOf, type Tables } from './snapshot/tables.ts'

export async function serveInference(context: GatewayContext, exchange: Exchange, endpoint: Endpoint): Promise<void> {
  const course: Course = { exchange, operation: endpoint.operation, attempts: [], times: {} }
  context.metrics.inFlight.add(1)
  let end: End = { outcome: 'aborted', status: 499 }
  try {
    end = await answer(context, course, endpoint)
  } catch (error) {
    end = { outcome: 'upstream_error', status: 500 }
    course.error = 'internal_error'
    answerFailure(context, exchange, error)
  } finally {
    context.metrics.inFlight.add(-1)
    settle(context, course, end)
  }
}

async function answer(context: GatewayContext, course: Course, endpoint: Endpoint): Promise<End> {
  const { exchange, operation } = course
  const since = () => round(context.clock.monotonic() - exchange.startedAt)
  const tables = context.snapshots.tables()

  const caller = authenticate(tables, exchange, context.clock.latest())
  if ('status' in caller) return refuse(context, course, caller)
  course.caller = caller

  const unreadable = whyUnreadable(exchange.headers, tables.settings.maxBodyBytes)
  if (unreadable) return refuse(context, course, unreadable)
  const coming = exchange.readBody(tables.settings.maxBodyBytes)
  const body = coming instanceof Promise ? await coming : coming
  if (body === undefined) return { outcome: 'aborted', status: 499 }
  if (body === 'too_large') return refuse(context, course, tooLarge(tables.settings.maxBodyBytes))
  course.times.auth = since()

  const parsed = endpoint.parse(body, exchange.headers)
  if ('status' in parsed) return refuse(context, course, parsed)
  noteAsked(context, course, parsed, body.length)

  const choice = choose(tables, caller, { model: parsed.model, user: parsed.user, headers: exchange.headers }, Math.random())
  if ('status' in choice) return refuse(context, course, choice)
  course.choice = choice
  const wrongTask = taskMismatch(choice.assigned, operation)
  if (wrongTask) return refuse(context, course, wrongTask)
  recordStart(context, course, choice, caller)
  const arm = choice.experiment?.arm
  const { request, sent } = arm ? askedByArm(arm, parsed, body) : { request: parsed, sent: body }

  const admission = admit(context, tables, caller, choice, request)
  course.times.limits = since()
  if (!admission.admitted) return refuseOverLimit(context, course, admission)
  course.reservation = admission.reservation
  const limitHeaders = rateLimitHeaders(admission.reservation.requests, admission.reservation.tokens)

  let assigned: Translation | undefined
  try {
    assigned = translate(request, choice.assigned, sent)
  } catch (error) {
    // What only that version cannot be asked now, a fallback may answer.
    const fallsBack =
      error instanceof CannotAsk && error.refusal.status === 503 && choice.why !== 'pin' && choice.route.fallbacks.length > 0
    if (!fallsBack)
      return refuse(
        context,
        course,
        error instanceof CannotAsk
          ? error.refusal
          : invalidRequest(`The body cannot be passed on: ${messageOf(error)}. Is it nested very deeply?`, 'invalid_json'),
      )
  }

  const result = await attempt(
    {
      clock: context.clock,
      deadlines: context.deadlines,
      log: context.log,
      tracker: context.tracker,
      holds: context.holds,
      upstreams: context.upstreams,
      tables: () => context.snapshots.tables(),
      route: choice.route,
      assigned: choice.assigned,
      pinned: choice.why === 'pin',
      bytes: sent.length,
      startedAt: exchange.startedAt,
      client: exchange,
      streams: request.stream && operation !== 'embedding',
      limitHeaders,
      coldWaitMs: context.coldWaitMs,
      request(version) {
        const translation = version === choice.assigned && assigned ? assigned : translate(request, version, sent)
        const asked = upstreamRequest(context, version, translation, exchange)
        // Of one that cannot be asked nothing stays: what was answered before it is still to be read as what it is.
        course.translation = translation
        return asked
      },
    },
    course.attempts,
  )
  course.times.queue = since()
  course.cold = result.cold
  if ('failure' in result) return giveUp(context, course, result, limitHeaders)
  course.answered = result
  // Not awaited: this function's variables, the body among them, would be kept for as long as the answer runs.
  return relay(context, course, result, limitHeaders)
}

function taskMismatch(version: CompiledVersion, operation: Operation): GatewayError | undefined {
  const embeds = version.task === 'embedding'
  if (embeds === (operation === 'embedding') || version.source.type !== 'engine') return undefined
  const right = embeds ? '/v1/embeddings' : '/v1/chat/completions'
  return invalidRequest(`The model "${version.model}" is not made for this; call it at ${right}.`, 'unsupported_operation', 'model')
}

function admit(context: GatewayContext, tables: Tables, caller: Caller, choice: Choice, request: Asking): Admission {
  const { route } = choice
  const ofConsumer = limitsOf(tables, caller.consumer)
  const ofRoute = limitsOf(tables, route)
  const limits = ofConsumer.length === 0 ? ofRoute : [...ofConsumer, ...ofRoute.filter((limit) => !ofConsumer.includes(limit))]
  const subject = {
    namespace: route.namespace,
    key: caller.key.name,
    consumer: caller.consumer.name,
    model: choice.assigned.model,
    route: route.name,
  }
  return context.limiter.admit(limits, subject, request.estimatedTokens)
}

function upstreamRequest(context: GatewayContext, version: CompiledVersion, translation: Translation, exchange: Exchange) {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: exchange.headers.accept ?? '*/*',
    'x-request-id': exchange.id,
  }
  const { source } = version
  let prefix = ''
  if (source.type !== 'engine') {
    prefix = source.type === 'image' ? source.path : backendOf(source).prefix
    if (source.bearer) headers.authorization = `Bearer ${backendSecret(source.bearer, context.clock.monotonic())}`
  }
  if (translation.headers) Object.assign(headers, translation.headers)
  return { method: 'POST' as const, path: prefix + translation.path, headers, body: translation.body, judge: translation.judge }
}

function relay(context: GatewayContext, course: Course, answered: Answered, limitHeaders: HeaderLines): End | Promise<End> {
  const { exchange } = course
  const { response, version } = answered
  const { status } = response
  const route = course.choice!.route
  const translation = course.translation!
  const contentType = response.headers['content-type'] ?? translation.contentType ?? 'application/json'
  let about = linesAbout(route, version) + limitHeaders
  if (answered.simulated) about += header('x-strata-simulated', '1')
  if (status >= 400) about += header('x-strata-error-source', 'upstream')
  const retryAfter = response.headers['retry-after']
  if (retryAfter) about += header('retry-after', retryAfter)
  const options = {
    clock: context.clock,
    deadlines: context.deadlines,
    dialect: dialectOf(exchange),
    requestId: visibleId(exchange),
    idleTimeoutMs: route.timeouts.idle,
    deadline: exchange.startedAt + route.timeouts.total,
    onFirstToken: (at: number) => {
      answered.work.read()
      if (route.division) noteFirstToken(context, course, at)
    },
  }

  const events = contentType.startsWith('text/event-stream')
  if (events || translation.flows?.(response.headers)) {
    exchange.writeHead(status, headersFor(exchange, contentType) + about + STREAM_LINES)
    exchange.streams = events
    return relayStream(exchange, response, translation.stream(), options).then((relayed) => endOf(relayed, status))
  }
  if (exchange.streams) return relayAsEvent(course, response, options)
  if (translation.rewrite) return relayRewritten(course, response, translation.rewrite, about, options)
  const headers = headersFor(exchange, contentType) + about
  const plain = relayPlain(exchange, response, () => exchange.writeHead(status, headers), options)
  return plain instanceof Promise
    ? plain.then((answer) => endPlain(course, answer, status, headers))
    : endPlain(course, plain, status, headers)
}
