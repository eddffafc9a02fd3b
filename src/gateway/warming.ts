/**
 * What the client of a request hears while it waits for its version to start, and when it has waited in vain. Who asked for a stream gets its head
 * after a second and a comment every few seconds, so that nothing on the way takes the silence for death; a comment and no event, since clients
 * take every event for a part of the answer. Who did not ask for a stream hears nothing before there is an answer.
 */
import type { Deadlines } from '../kernel/deadlines.ts'
import type { CompiledRoute, CompiledVersion } from '../resources/snapshot.ts'
import { headersFor, STREAM_LINES } from './answers.ts'
import type { HeaderLines } from './downstream/answer-head.ts'
import type { Exchange } from './downstream/exchange.ts'
import { type GatewayError, notFound, unavailable } from './errors.ts'
import type { HoldEnd, Outlook } from './hold.ts'

const FIRST_WORD_MS = 1_000
const NEXT_WORD_MS = 5_000

type Version = Pick<CompiledVersion, 'model' | 'version'>

/** A comment of server-sent events, which every client skips. */
export function warmingComment({ model, version }: Version, { state, leftMs, measured, late }: Outlook): string {
  const which = `${model}@${version}`
  if (state === 'busy') return `: ${which} is ready, waiting for a place\n\n`
  if (late) return `: warming ${which}, longer than usual\n\n`
  return measured ? `: warming ${which}, about ${seconds(leftMs)} s more\n\n` : `: warming ${which}\n\n`
}

/** Why a request that was to wait ends without an answer. */
export function holdRefusal(
  { model, version, hold }: Pick<CompiledVersion, 'model' | 'version' | 'hold'>,
  route: Pick<CompiledRoute, 'name'>,
  end: Exclude<HoldEnd, 'open' | 'left'>,
  { state, leftMs }: Outlook,
): GatewayError {
  if (end === 'no_route') return notFound(`The route "${route.name}" is not there any more.`, 'model_not_found', 'model')
  if (end === 'no_version') return unavailable(`The version ${model}@${version} is not there any more.`, 'no_version')
  const others = end === 'full' && hold!.most > 0 ? `${hold!.most} wait for it already` : ''
  if (state === 'busy')
    return {
      status: 429,
      type: 'requests',
      code: 'overloaded',
      message: `The version ${model}@${version} has as many requests as it takes${others && `, and ${others}`}. Try again in a moment.`,
      retryAfterMs: 1_000,
    }
  const why = state === 'starting' ? 'is starting' : 'has no instance yet; it is started when it is asked for'
  return {
    status: 429,
    type: 'requests',
    code: 'model_warming',
    message: `The version ${model}@${version} ${why}${others && `, and ${others}`}. Try again in ${seconds(leftMs)} s.`,
    retryAfterMs: leftMs,
  }
}

const seconds = (ms: number) => Math.ceil(ms / 1000)

/** Tells the client of a stream again and again, until `stop`. */
export function tellWhileHeld(
  exchange: Pick<Exchange, 'id' | 'clientRequestId' | 'extraHeaders' | 'answered' | 'streams' | 'writeHead' | 'write'>,
  deadlines: Deadlines,
  head: HeaderLines,
  comment: () => string,
): { stop(): void } {
  const tell = () => {
    if (!exchange.answered) {
      exchange.writeHead(200, headersFor(exchange, 'text/event-stream; charset=utf-8') + head + STREAM_LINES)
      exchange.streams = true
    }
    exchange.write(comment())
    next = deadlines.start(NEXT_WORD_MS, tell)
  }
  let next = deadlines.start(exchange.answered ? NEXT_WORD_MS : FIRST_WORD_MS, tell)
  return { stop: () => next.clear() }
}
