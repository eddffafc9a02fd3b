/**
 * One request to one upstream, behind an interface narrow enough that what carries it can change: plain HTTP goes over connections of our own
 * (`connections.ts`; half of the cost of a general client), TLS through undici.
 *
 * `send` settles when the head of the answer is there, or with the reason why it is not. The body then goes to the attached sink, chunk by
 * chunk; `pause` and `resume` carry the client's back-pressure to the upstream. `abort` closes the connection: that is how an engine
 * learns that nobody listens any more.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Pool } from 'undici'
import type { Address } from '../../kernel/address.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { createDeadlines, type Deadlines } from '../../kernel/deadlines.ts'
import { messageOf } from '../../kernel/errors.ts'
import { Call } from './call.ts'
import { type Connections, connectionsTo } from './connections.ts'
import { sendThrough, tlsPool } from './https.ts'

export interface UpstreamTarget {
  /** A Unix socket or host and port; or a URL's origin for servers elsewhere. */
  readonly address: Address | { readonly origin: string }
}

/** Bytes; or, where it is short and nothing but ASCII, the text itself, which goes out without having been bytes. */
export type RequestBody = Buffer | string

const SHORT_BODY = 16 * 1024

export function requestBody(text: string): RequestBody {
  return text.length <= SHORT_BODY && Buffer.byteLength(text) === text.length ? text : Buffer.from(text)
}

export interface UpstreamRequest {
  readonly method: 'POST' | 'GET'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: RequestBody | undefined
  readonly connectTimeoutMs: number
  readonly firstByteTimeoutMs: number
}

export interface UpstreamFailure {
  /** `connect`: nobody could be reached, nothing was sent. `reset`: the connection broke. `timeout`: no head in time. */
  readonly kind: 'connect' | 'reset' | 'timeout' | 'aborted'
  readonly message: string
}

export interface BodySink {
  data(chunk: Buffer): void
  end(): void
  error(failure: UpstreamFailure): void
}

/** Bytes; or, of a short one that came at once, latin1 text: one character is one byte. */
export type AnswerBody = Buffer | string

export interface UpstreamResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The body, where all of it has come already and is no longer than `most`; then there is nothing to attach to. Undefined otherwise. */
  whole(most: number): AnswerBody | undefined
  /** Once. Chunks that came before are delivered at once. */
  attach(sink: BodySink): void
  pause(): void
  resume(): void
  abort(): void
}

export interface UpstreamCall {
  readonly head: Promise<UpstreamResponse | UpstreamFailure>
  abort(): void
}

export interface Upstreams {
  send(target: UpstreamTarget, request: UpstreamRequest): UpstreamCall
  /** Closes pools of addresses that have not been used for a while. */
  close(): Promise<void>
}

const UNUSED_MS = 10 * 60_000
const SWEEP_MS = 5_000

export function createUpstreams(clock: Pick<Clock, 'monotonic'> = systemClock, deadlines: Deadlines = createDeadlines()): Upstreams {
  const now = () => clock.monotonic()
  const plain = new Map<string, { connections: Connections; usedAt: number }>()
  const secure = new Map<string, { pool: Pool; usedAt: number }>()

  const connectionsFor = (key: string, address: Address, host: string): Connections => {
    let known = plain.get(key)
    if (!known) {
      known = { connections: connectionsTo(address, host, now), usedAt: 0 }
      plain.set(key, known)
    }
    known.usedAt = now()
    return known.connections
  }

  const poolFor = (origin: string, connectTimeoutMs: number): Pool => {
    const key = `${origin}|${connectTimeoutMs}`
    let known = secure.get(key)
    if (!known) {
      known = { pool: tlsPool(origin, connectTimeoutMs), usedAt: 0 }
      secure.set(key, known)
    }
    known.usedAt = now()
    return known.pool
  }

  const sweep = setInterval(() => {
    const at = now()
    for (const [key, { connections, usedAt }] of plain) {
      connections.sweep(at)
      if (usedAt < at - UNUSED_MS && connections.size === 0) plain.delete(key)
    }
    for (const [key, { pool, usedAt }] of secure) {
      if (usedAt > at - UNUSED_MS) continue
      secure.delete(key)
      void pool.close()
    }
  }, SWEEP_MS)
  sweep.unref()

  return {
    send({ address }, request) {
      const call = new Call(deadlines, request.firstByteTimeoutMs)
      try {
        if ('socketPath' in address) connectionsFor(address.socketPath, address, 'engine').send(request, call)
        else if ('host' in address) {
          const host = authority(address.host, address.port)
          connectionsFor(host, address, host).send(request, call)
        } else if (address.origin.startsWith('https:')) sendThrough(poolFor(address.origin, request.connectTimeoutMs), request, call)
        else {
          const known = plain.get(address.origin)
          const url = known ? undefined : new URL(address.origin)
          const where = url && { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) }
          connectionsFor(address.origin, where!, url?.host ?? '').send(request, call)
        }
      } catch (error) {
        call.fail({ kind: 'connect', message: messageOf(error) })
      }
      return call
    },
    async close() {
      clearInterval(sweep)
      for (const { connections } of plain.values()) connections.destroy()
      await Promise.all([...secure.values()].map(({ pool }) => pool.destroy()))
    },
  }
}

/** How a Host header and a URL write a place; IPv6 in brackets. */
function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
