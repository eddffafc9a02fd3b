/** How a request ends whose answer is no stream: as it came, rewritten for a client that speaks another protocol, or broken. */
import { messageOf } from '../kernel/errors.ts'
import { sseData } from '../wire/openai/sse.ts'
import { answerError, dialectOf, endStream, headersFor, statusTold, visibleId } from './answers.ts'
import type { Course, End } from './course.ts'
import { type HeaderLines, header } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { PlainBody, Translation } from './protocols/protocol.ts'
import { type PlainAnswer, type RelayOptions, type RelayResult, relayPlain, utf8Of } from './relay.ts'
import type { AnswerBody, UpstreamResponse } from './upstream/index.ts'

type Rewrite = NonNullable<Translation['rewrite']>

/** `about`: headers beside the content type. */
export function relayRewritten(
  course: Course,
  response: UpstreamResponse,
  rewrite: Rewrite,
  about: HeaderLines,
  options: RelayOptions,
): End | Promise<End> {
  const plain = relayPlain(course.exchange, response, undefined, options)
  const end = (answer: PlainAnswer) => endRewritten(course, response, rewrite, about, answer)
  return plain instanceof Promise ? plain.then(end) : end(plain)
}

function endRewritten(course: Course, response: UpstreamResponse, rewrite: Rewrite, about: HeaderLines, plain: PlainAnswer): End {
  if (!('held' in plain)) return endPlain(course, plain, response.status, '')
  const { exchange } = course
  let written: PlainBody
  try {
    written = rewrite(plainBody(response, plain.held))
  } catch (error) {
    course.error = 'upstream_not_understood'
    answerError(
      exchange,
      {
        status: 502,
        type: 'server_error',
        code: course.error,
        message: `The model's answer cannot be understood: ${messageOf(error)}`,
      },
      about,
    )
    return { outcome: 'upstream_error', status: 502 }
  }
  return endPlain(course, { held: written.body, usage: plain.usage }, written.status, headOf(course, written) + about)
}

export function plainBody({ status, headers }: UpstreamResponse, body: PlainBody['body']): PlainBody {
  return { status, headers, contentType: headers['content-type'] ?? 'application/json', body }
}

function headOf({ exchange }: Course, { contentType, extra }: PlainBody): HeaderLines {
  let lines = headersFor(exchange, contentType)
  if (extra) for (const [name, value] of Object.entries(extra)) lines += header(name, value)
  return lines
}

export function endPlain(course: Course, plain: PlainAnswer, status: number, headers: HeaderLines): End {
  const { exchange } = course
  if ('held' in plain) {
    exchange.answer(status, headers, plain.held)
    return { outcome: status >= 400 ? 'client_error' : 'ok', status, usage: plain.usage }
  }
  if ('relayed' in plain) return endOf(plain.relayed, status)
  if (plain.failure.kind === 'aborted') return { outcome: 'aborted', status: 499 }
  const timedOut = plain.failure.kind === 'timeout'
  course.error = timedOut ? 'timeout' : 'upstream_cut'
  const ours = timedOut ? 504 : 502
  answerError(exchange, {
    status: ours,
    type: 'server_error',
    code: course.error,
    message: timedOut
      ? 'The answer took longer than the time allowed for it.'
      : 'The model stopped in the middle of its answer. Nothing of it was passed on; ask again.',
  })
  return { outcome: timedOut ? 'timeout' : 'cut', status: ours }
}

/** A plain answer where the head of a stream is out, since the request was held: only an error can still be told, as the last event. */
export async function relayAsEvent(course: Course, response: UpstreamResponse, options: RelayOptions): Promise<End> {
  const { exchange } = course
  const { status } = response
  const plain = await relayPlain(exchange, response, undefined, options)
  if (!('held' in plain)) {
    const end = endPlain(course, plain, status, '')
    return end.outcome === 'aborted' ? end : { ...end, status: statusTold(exchange, end.status) }
  }
  if (status >= 400) {
    endStream(exchange, errorEvent(exchange, status, plain.held))
    return { outcome: 'client_error', status: statusTold(exchange, status), usage: plain.usage }
  }
  course.error = 'upstream_not_understood'
  answerError(exchange, {
    status: 502,
    type: 'server_error',
    code: course.error,
    message: 'A stream was asked for, and the model answered with something else.',
  })
  return { outcome: 'upstream_error', status: statusTold(exchange, 502) }
}

/** The error of an upstream as an event. Streams that are held speak the protocol of their upstreams, so its own words do; others get ours. */
export function errorEvent(exchange: Exchange, status: number, body: AnswerBody): string {
  try {
    const said = JSON.parse(utf8Of(body)) as { error?: unknown }
    if (said.error) return sseData(said)
  } catch {
    // No JSON: then it is nothing that a client of the protocol understands.
  }
  return dialectOf(exchange).lastWord(`The model answered ${status}. (request id: ${visibleId(exchange)})`, 'upstream_error')
}

export function endOf(relayed: RelayResult, status: number): End {
  const { outcome, usage, firstTokenAt, lastChunkAt } = relayed
  return { outcome, status: outcome === 'aborted' ? 499 : status, usage, firstTokenAt, lastChunkAt }
}
