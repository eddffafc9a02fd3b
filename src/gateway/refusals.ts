/** How a request ends that no model answers: refused here, over a limit, or given up after every attempt. */
import { messageOf } from '../kernel/errors.ts'
import type { Outcome } from '../monitoring/request-records.ts'
import { answerBytes, answerError, dialectOf, endStream, linesAbout, statusTold, visibleId } from './answers.ts'
import type { GaveUp } from './attempts.ts'
import type { GatewayContext } from './context.ts'
import type { Course, End } from './course.ts'
import { type HeaderLines, header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { GatewayError } from './errors.ts'
import { rateLimitHeaders } from './limits/headers.ts'
import type { Admission } from './limits/index.ts'
import { errorEvent, plainBody } from './plain-answer.ts'
import { relayPlain } from './relay.ts'

type Refused = Extract<Admission, { admitted: false }>

/** Nobody answered: says so in the dialect, or passes the last upstream's own refusal on. */
export function giveUp(context: GatewayContext, course: Course, result: GaveUp, limitHeaders: HeaderLines): End | Promise<End> {
  const { exchange } = course
  const { failure, message } = result
  if (failure === 'aborted') return { outcome: 'aborted', status: 499 }
  const version = course.choice!.assigned
  const about = linesAbout(course.choice!.route, version) + limitHeaders
  if (result.response) return passRefusalOn(context, course, result, about)
  if (result.error) {
    const { code, status } = result.error
    course.error = code
    answerError(exchange, result.error, about)
    const outcome = status === 429 ? 'overloaded' : status < 500 ? 'client_error' : 'upstream_error'
    return { outcome, status: statusTold(exchange, status) }
  }
  if (failure === 'overloaded') {
    course.error = 'overloaded'
    answerError(
      exchange,
      {
        status: 429,
        type: 'requests',
        code: 'overloaded',
        message: `${message} Try again in a moment.`,
        retryAfterMs: result.retryAfterMs,
      },
      about,
    )
    return { outcome: 'overloaded', status: statusTold(exchange, 429) }
  }
  const timedOut = failure === 'timeout'
  const { timeouts } = course.choice!.route
  course.error = timedOut ? 'timeout' : failure === 'no_instance' ? 'no_instance' : 'upstream_unavailable'
  answerError(
    exchange,
    timedOut
      ? {
          status: 504,
          type: 'server_error',
          code: 'timeout',
          message: `${message} Try a shorter request, or raise the route's timeouts.${timeouts.total < timeouts.firstByte ? 'total' : 'firstByte'}.`,
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
  return { outcome: timedOut ? 'timeout' : 'upstream_error', status: statusTold(exchange, timedOut ? 504 : 503) }
}

/** The last upstream's own refusal, as it is, marked as such. */
async function passRefusalOn(context: GatewayContext, course: Course, { response, failure }: GaveUp, about: HeaderLines): Promise<End> {
  const { exchange } = course
  const route = course.choice!.route
  const plain = await relayPlain(exchange, response!, undefined, {
    clock: context.clock,
    deadlines: context.deadlines,
    dialect: dialectOf(exchange),
    requestId: visibleId(exchange),
    idleTimeoutMs: route.timeouts.idle,
    deadline: context.clock.monotonic() + 5_000,
  })
  const held = plainBody(response!, 'held' in plain ? plain.held : Buffer.alloc(0))
  const { status, body, contentType } = course.translation?.rewrite?.(held) ?? held
  const retryAfter = response!.headers['retry-after']
  course.error = failure === 'overloaded' ? 'overloaded' : 'upstream_error'
  const wait = retryAfter ?? (response!.status === 429 || response!.status === 503 ? '1' : undefined)
  const marked = about + header('x-strata-error-source', 'upstream') + (wait === undefined ? '' : header('retry-after', wait))
  if (exchange.streams) endStream(exchange, errorEvent(exchange, status, body))
  else answerBytes(exchange, status, body, contentType, marked)
  return { outcome: failure === 'overloaded' ? 'overloaded' : 'upstream_error', status: statusTold(exchange, status) }
}

/** The gateway's own no, before any model was asked. */
export function refuse(context: GatewayContext, course: Course, error: GatewayError): End {
  course.error = error.code
  answerRefusal(context, course.exchange, error)
  const outcome: Outcome =
    error.status === 401 || error.status === 403 ? 'refused' : error.status >= 500 ? 'upstream_error' : 'client_error'
  return { outcome, status: error.status }
}

export function refuseOverLimit(context: GatewayContext, course: Course, admission: Refused): End {
  course.limit = admission.limit
  course.error = 'rate_limit_exceeded'
  answerOverLimit(context, course.exchange, admission)
  return { outcome: 'limited', status: 429 }
}

export function answerRefusal({ metrics }: GatewayContext, exchange: Exchange, error: GatewayError): void {
  metrics.refused.with(error.code).inc()
  answerError(exchange, error, error.status === 401 ? header('www-authenticate', 'Bearer realm="strata"') : '')
}

export function answerOverLimit({ metrics }: GatewayContext, exchange: Exchange, admission: Refused): void {
  metrics.limited.with(admission.limit, admission.sort).inc()
  const seconds = Math.max(1, Math.ceil(admission.retryAfterMs / 1000))
  const what = { requests: 'requests', tokens: 'tokens', concurrent: 'requests at the same time' }[admission.sort]
  answerError(
    exchange,
    {
      status: 429,
      type: admission.sort === 'tokens' ? 'tokens' : 'requests',
      code: 'rate_limit_exceeded',
      message: `The limit "${admission.limit}" allows no more ${what} now. Try again in ${seconds} s.`,
      retryAfterMs: admission.retryAfterMs,
    },
    rateLimitHeaders(admission.requests, admission.tokens),
  )
}

/** A bug, not a state of the world: the client gets a plain word, the log gets the stack. */
export function answerFailure({ log }: GatewayContext, exchange: Exchange, error: unknown): void {
  log.error('a request failed inside of the gateway', {
    request: exchange.id,
    error: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  })
  if (exchange.answered) exchange.destroy()
  else
    answerError(exchange, {
      status: 500,
      type: 'server_error',
      code: 'internal_error',
      message: 'The gateway failed; its log has the cause.',
    })
}
