/**
 * Relays an upstream's answer to the client: chunk by chunk with back-pressure when it streams, in one piece when it does not.
 *
 * Invariant: what the client gets is whole or visibly not. A stream that breaks ends with an error event of its dialect and no `[DONE]`;
 * a plain body that breaks is an error answer, or, once bytes have gone out, a connection closed before its time.
 */
import type { Clock } from '../kernel/clock.ts'
import type { Deadlines } from '../kernel/deadlines.ts'
import type { Dialect } from './dialect.ts'
import type { Exchange } from './downstream/exchange.ts'
import type { StreamReader } from './protocols/sse.ts'
import { type Usage, usageFrom } from './protocols/usage.ts'
import type { AnswerBody, UpstreamFailure, UpstreamResponse } from './upstream/index.ts'

export interface RelayResult {
  readonly outcome: 'ok' | 'cut' | 'timeout' | 'aborted' | 'upstream_error'
  readonly usage?: Usage
  /** Monotonic milliseconds. */
  readonly firstTokenAt?: number
  readonly lastChunkAt?: number
  readonly message?: string
}

export interface RelayOptions {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly dialect: Dialect
  readonly requestId: string
  readonly idleTimeoutMs: number
  /** Monotonic time at which the request must be over. */
  readonly deadline: number
  /** Of a stream: monotonic milliseconds. */
  readonly onFirstToken?: (at: number) => void
}

/** A client that takes nothing for this long is gone, whatever its socket says. */
const SLOWEST_READER_MS = 60_000
/** A plain answer up to this size is held until it is whole; a larger one is passed on as it comes. */
const HELD_BYTES = 1024 * 1024
/** The most that is kept of an answer which must be seen whole, because it is written anew for its client. */
const REWRITTEN_BYTES = 64 * 1024 * 1024
/** What a model thinks before it answers (vLLM's and DeepSeek's names for it), and why it does not, are tokens too. */
const FIRST_TOKEN = /"(?:content|text|arguments|name|reasoning_content|reasoning|refusal)": ?"[^"]/

export function relayStream(
  exchange: Exchange,
  upstream: UpstreamResponse,
  reader: StreamReader,
  options: RelayOptions,
): Promise<RelayResult> {
  const { clock } = options
  const started = clock.monotonic()
  return new Promise((resolve) => {
    let firstTokenAt: number | undefined
    let lastChunkAt: number | undefined
    let over = false
    let stalledAt: number | undefined

    const finish = (outcome: RelayResult['outcome'], message?: string) => {
      if (over) return
      over = true
      idle.clear()
      exchange.onDrain = undefined
      if (outcome === 'ok') exchange.end()
      else if (outcome !== 'aborted') {
        const lastWord = message === undefined ? undefined : lastWordOf(message, outcome)
        // Without a word for it in the dialect, a connection that breaks is the only way to say that this is not all.
        if (lastWord === '') exchange.destroy()
        else {
          if (lastWord !== undefined) exchange.write(Buffer.from(lastWord))
          exchange.end()
        }
      } else exchange.destroy()
      resolve({ outcome, usage: reader.usage, firstTokenAt, lastChunkAt, message })
    }

    const lastWordOf = (message: string, outcome: RelayResult['outcome']) =>
      options.dialect.lastWord(`${message} (request id: ${options.requestId})`, outcome === 'timeout' ? 'timeout' : 'stream_cut')

    const overdue = () => {
      const now = clock.monotonic()
      if (stalledAt !== undefined && now - stalledAt >= SLOWEST_READER_MS) {
        finish('aborted')
        return upstream.abort()
      }
      if (now >= options.deadline) {
        finish('timeout', 'The answer took longer than the time allowed for it; what came before is not whole.')
        return upstream.abort()
      }
      const since = Math.max(lastChunkAt ?? started, stalledAt ?? 0)
      if (stalledAt === undefined && now - since >= options.idleTimeoutMs) {
        finish('timeout', `The model said nothing for ${Math.round(options.idleTimeoutMs / 1000)} s; the answer is not whole.`)
        return upstream.abort()
      }
      idle = options.deadlines.start(patience(), overdue)
    }
    /** How long nothing needs a look. */
    const patience = () => {
      const next = stalledAt !== undefined ? stalledAt + SLOWEST_READER_MS : (lastChunkAt ?? started) + options.idleTimeoutMs
      return Math.min(next, options.deadline) - clock.monotonic()
    }
    let idle = options.deadlines.start(patience(), overdue)

    const onDrain = () => {
      stalledAt = undefined
      lastChunkAt = clock.monotonic()
      idle.extend(patience())
      upstream.resume()
    }
    exchange.onDrain = onDrain

    upstream.attach({
      data(chunk) {
        if (over) return
        lastChunkAt = clock.monotonic()
        const piece = chunk.toString('latin1')
        if (firstTokenAt === undefined && (reader.raw || FIRST_TOKEN.test(piece))) {
          firstTokenAt = lastChunkAt
          options.onFirstToken?.(lastChunkAt)
        }
        const passed = reader.push(piece)
        if (passed.length > 0 && !exchange.write(passed) && stalledAt === undefined) {
          stalledAt = lastChunkAt
          upstream.pause()
          idle.extend(patience())
        }
      },
      end() {
        if (over) return
        const rest = reader.flush()
        if (rest.length > 0) exchange.write(rest)
        if (reader.done || reader.raw) finish('ok')
        else if (reader.failed) finish('upstream_error')
        else finish('cut', 'The model stopped in the middle of the answer; what came before is not whole.')
      },
      error(failure) {
        if (over) return
        const rest = reader.flush()
        if (failure.kind === 'aborted') return finish('aborted')
        if (reader.done) {
          // The answer was whole; only the connection ended badly afterwards.
          if (rest.length > 0) exchange.write(rest)
          return finish('ok')
        }
        finish('cut', 'The connection to the model broke in the middle of the answer; what came before is not whole.')
      },
    })
  })
}

export type PlainAnswer =
  | { readonly held: AnswerBody; readonly usage?: Usage }
  /** Head and body have already gone out. */
  | { readonly relayed: RelayResult }
  | { readonly failure: UpstreamFailure }

/**
 * A plain answer: held until it is whole, so that a broken one can still become an error; `sendHead` is called when it grows too large for that.
 * Without `sendHead` it is held however large, since it is to be rewritten, and one that is too large even for that has failed.
 */
export function relayPlain(
  exchange: Exchange,
  upstream: UpstreamResponse,
  sendHead: (() => void) | undefined,
  options: RelayOptions,
): PlainAnswer | Promise<PlainAnswer> {
  const { clock } = options
  const most = sendHead ? HELD_BYTES : REWRITTEN_BYTES
  const usage = usageFrom(upstream.headers['x-strata-usage'] as string | undefined)
  const whole = upstream.whole(most)
  if (whole !== undefined) return { held: whole, usage: usage ?? usageInBody(whole) }
  return new Promise((resolve) => {
    let chunks: Buffer[] = []
    let bytes = 0
    let flowing = false
    let over = false
    const settle = (answer: PlainAnswer) => {
      over = true
      deadline.clear()
      exchange.onDrain = undefined
      resolve(answer)
    }
    const fail = (failure: UpstreamFailure) => {
      if (over) return
      if (!flowing) return settle({ failure })
      exchange.destroy()
      settle({
        relayed: {
          outcome: failure.kind === 'aborted' ? 'aborted' : failure.kind === 'timeout' ? 'timeout' : 'cut',
          message: failure.message,
        },
      })
    }
    const deadline = options.deadlines.start(options.deadline - clock.monotonic(), () => {
      fail({ kind: 'timeout', message: 'the answer took longer than the time allowed for it' })
      upstream.abort()
    })
    const onDrain = () => upstream.resume()
    exchange.onDrain = onDrain

    upstream.attach({
      data(chunk) {
        if (over) return
        bytes += chunk.length
        if (flowing) {
          if (!exchange.write(chunk)) upstream.pause()
          return
        }
        chunks.push(chunk)
        if (bytes <= most) return
        if (!sendHead) {
          fail({ kind: 'reset', message: `the answer is larger than ${REWRITTEN_BYTES} bytes` })
          return upstream.abort()
        }
        flowing = true
        sendHead()
        if (!exchange.write(Buffer.concat(chunks))) upstream.pause()
        chunks = []
      },
      end() {
        if (over) return
        if (!flowing) {
          const held = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
          return settle({ held, usage: usage ?? usageInBody(held) })
        }
        exchange.end()
        settle({ relayed: { outcome: 'ok', usage } })
      },
      error: fail,
    })
  })
}

const USAGE_FIELD = '"usage"'
const MOST_USAGE_BYTES = 1_000

export function utf8Of(body: AnswerBody): string {
  return (typeof body === 'string' ? Buffer.from(body, 'latin1') : body).toString('utf8')
}

/** `usage` of a plain answer whose server says it nowhere else. Only that field is read: the answer may be long. */
export function usageInBody(body: AnswerBody): Usage | undefined {
  const at = body.lastIndexOf(USAGE_FIELD)
  if (at === -1) return undefined
  const from = at + USAGE_FIELD.length
  const to = at + MOST_USAGE_BYTES
  const text = typeof body === 'string' ? body.slice(from, to) : body.toString('latin1', from, to)
  const object = /^\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})/.exec(text)
  if (object) return usageFrom(object[1])
  try {
    const { usage } = JSON.parse(utf8Of(body)) as { usage?: unknown }
    return usageFrom(JSON.stringify(usage))
  } catch {
    return undefined // not JSON: then it has no usage either
  }
}
