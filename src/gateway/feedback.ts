/**
 * `POST /v1/feedback`: what a user thought of an answer, said by the id of its request. It becomes one record (`feedback`), and that is all.
 *
 * A gateway remembers no request, and there may be several gateways: whether there was a request of that id, and whose it was, is not known here.
 * Readers of the records find out: feedback counts only from the consumer whose request it was, the last of several for one request once. What
 * can be held to here is the form, the key, and the key's limits on requests; tokens and places are for what a model works on.
 */
import { timeOfRequestId } from '../kernel/ids.ts'
import { answerJson } from './answers.ts'
import { authenticate } from './authenticate.ts'
import type { GatewayContext } from './context.ts'
import type { Exchange } from './downstream/exchange.ts'
import { type GatewayError, invalidRequest, unavailable } from './errors.ts'
import { rateLimitHeaders } from './limits/headers.ts'
import { recordedComment } from './recorded-prompt.ts'
import { answerFailure, answerOverLimit, answerRefusal } from './refusals.ts'
import { parseJsonObject, tooLarge, whyUnreadable } from './request-body.ts'
import { limitsOf } from './snapshot/tables.ts'

export interface Feedback {
  readonly request: string
  /** From 0, bad, to 1, good. */
  readonly score: number
  readonly rated?: 'up' | 'down'
  readonly comment?: string
}

const MOST_BODY_BYTES = 16 * 1024
const MOST_COMMENT_BYTES = 4 * 1024
/** Limits for each model or route have one bucket for it. No resource can be called so. */
const OF_NO_MODEL = '(feedback)'

export async function serveFeedback(context: GatewayContext, exchange: Exchange): Promise<void> {
  try {
    const refusal = await take(context, exchange)
    if (refusal) answerRefusal(context, exchange, refusal)
  } catch (error) {
    answerFailure(context, exchange, error)
  }
}

async function take(context: GatewayContext, exchange: Exchange): Promise<GatewayError | undefined> {
  const tables = context.snapshots.tables()
  const caller = authenticate(tables, exchange, context.clock.latest())
  if ('status' in caller) return caller

  const mostBytes = Math.min(MOST_BODY_BYTES, tables.settings.maxBodyBytes)
  const unreadable = whyUnreadable(exchange.headers, mostBytes)
  if (unreadable) return unreadable
  const body = await exchange.readBody(mostBytes)
  if (body === undefined) return undefined // the client has gone away
  if (body === 'too_large') return tooLarge(mostBytes)

  const feedback = parseFeedback(body)
  if ('status' in feedback) return feedback
  // Unlike a request, it is nothing but its record.
  if (context.records.trouble() !== undefined)
    return unavailable('Feedback cannot be written down at the moment. Try again in a moment.', 'not_recorded')

  const { name: key, namespace } = caller.key
  const { name: consumer } = caller.consumer
  const subject = { namespace, key, consumer, model: OF_NO_MODEL, route: OF_NO_MODEL }
  const admission = context.limiter.admit(limitsOf(tables, caller.consumer), subject, undefined)
  if (!admission.admitted) {
    answerOverLimit(context, exchange, admission)
    return undefined
  }
  const { request, score, rated, comment } = feedback
  context.records.feedback({
    type: 'feedback',
    id: exchange.id,
    namespace,
    consumer,
    key,
    request,
    score,
    rated,
    comment: comment === undefined ? undefined : recordedComment(comment, tables.settings.recordPrompts?.maxBytes),
  })
  context.metrics.feedback.with(rated ?? 'score').inc()
  answerJson(exchange, 202, { object: 'feedback', request, score }, rateLimitHeaders(admission.reservation.requests, undefined))
  return undefined
}

const FIELDS = ['request', 'rating', 'score', 'comment']

/** A field that is null counts as one that is not there, as everywhere in OpenAI's API. Of a field that comes twice the last one counts. */
export function parseFeedback(body: Buffer): Feedback | GatewayError {
  const parsed = parseJsonObject(body)
  if ('status' in parsed) return parsed
  const { json } = parsed
  const unknown = Object.keys(json).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined)
    return invalidRequest(
      `There is no field ${JSON.stringify(unknown.slice(0, 100))}. There are: ${FIELDS.join(', ')}.`,
      'unknown_parameter',
      unknown.slice(0, 100),
    )
  const { request, rating, score, comment } = json
  if (request === undefined || request === null)
    return invalidRequest(`"request" is missing: ${WHICH_ID}`, 'missing_required_parameter', 'request')
  if (typeof request !== 'string' || timeOfRequestId(request) === undefined)
    return invalidRequest(`"request" must be ${WHICH_ID}`, 'invalid_value', 'request')
  const given = (value: unknown) => value !== undefined && value !== null
  if (given(rating) && rating !== 'up' && rating !== 'down')
    return invalidRequest('"rating" must be "up" or "down". For anything between them there is "score".', 'invalid_value', 'rating')
  if (given(score) && !(typeof score === 'number' && score >= 0 && score <= 1))
    return invalidRequest('"score" must be a number from 0 (bad) to 1 (good).', 'invalid_value', 'score')
  if (!given(rating) && !given(score))
    return invalidRequest(
      'There is neither a "rating" ("up" or "down") nor a "score" (from 0 to 1).',
      'missing_required_parameter',
      'rating',
    )
  if (given(comment) && typeof comment !== 'string') return invalidRequest('"comment" must be a string.', 'invalid_type', 'comment')
  const text = (comment as string | null | undefined) || undefined
  const length = text === undefined ? 0 : Buffer.byteLength(text)
  if (length > MOST_COMMENT_BYTES)
    return invalidRequest(
      `"comment" has ${length} bytes in UTF-8; at most ${MOST_COMMENT_BYTES} are taken.`,
      'string_above_max_length',
      'comment',
    )
  const rated = (rating as Feedback['rated'] | null) ?? undefined
  const value = (score as number | null | undefined) ?? (rated === 'up' ? 1 : 0)
  return { request, score: value === 0 ? 0 : value, rated, comment: text } // no -0
}

const WHICH_ID =
  'the id that Strata gave the request, "req_" and 26 letters and digits. The answer has it in its header x-request-id; where the client sent an x-request-id of its own, in x-strata-request-id.'
