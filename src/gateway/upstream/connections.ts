/**
 * Connections to one plain-HTTP upstream: one request at a time on each, kept for the next. How many run at once is the engine's business
 * (its queue answers 429); a bound here would queue where nobody counts.
 *
 * A kept connection may be closed by the server in the very moment in which it is used again. A request that met that and got no single
 * byte of an answer is sent once more on a fresh connection: inference has no side effects, and the alternative is an error that nobody can act on.
 */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import type { Address } from '../../kernel/address.ts'
import { digits } from '../../kernel/digits.ts'
import { messageOf } from '../../kernel/errors.ts'
import { AnswerParser } from '../http1/answer-parser.ts'
import { Outlet } from '../http1/outlet.ts'
import type { Call } from './call.ts'
import type { UpstreamFailure, UpstreamRequest } from './index.ts'

/** Kept for at most this long when the server says nothing of its own. */
const KEPT_MS = 30_000
/** Given up this long before the server would close it. */
const KEEP_ALIVE_MARGIN_MS = 1_000
const MOST_KEPT = 4_096
/** Up to this size head and body go out as one string: the cheapest write that Node has. */
const ONE_STRING_BYTES = 16 * 1024

/** Reads of all connections land here and are parsed before the next one: what is kept of them is copied. */
const READ = Buffer.allocUnsafeSlow(64 * 1024)

export interface Connections {
  send(request: UpstreamRequest, call: Call): void
  /** Closes kept connections that are too old. */
  sweep(now: number): void
  /** Connections that carry a request or are kept. */
  readonly size: number
  /** Closes everything. */
  destroy(): void
}

export function connectionsTo(address: Address, host: string, now: () => number): Connections {
  const idle: Connection[] = []
  const all = new Set<Connection>()

  const owner: Owner = {
    idle(one, keepMs) {
      if (idle.length >= MOST_KEPT) return one.close()
      one.keptUntil = now() + keepMs
      idle.push(one)
    },
    gone(one) {
      all.delete(one)
      const place = idle.lastIndexOf(one)
      if (place !== -1) idle.splice(place, 1)
    },
    again: (request, call) => send(request, call, true),
  }

  const send = (request: UpstreamRequest, call: Call, fresh: boolean): void => {
    if (call.over) return
    const head = headOf(request, host)
    const at = now()
    let connection = fresh ? undefined : idle.pop()
    while (connection && connection.keptUntil <= at) {
      connection.close()
      connection = idle.pop()
    }
    if (!connection) {
      connection = new Connection(address, request.connectTimeoutMs, owner)
      all.add(connection)
    }
    connection.carry(request, head, call)
  }

  return {
    send: (request, call) => send(request, call, false),
    sweep(at) {
      for (const connection of [...idle]) if (connection.keptUntil <= at) connection.close()
    },
    get size() {
      return all.size
    },
    destroy() {
      for (const connection of all) connection.close()
    },
  }
}

interface Owner {
  idle(connection: Connection, keepMs: number): void
  gone(connection: Connection): void
  again(request: UpstreamRequest, call: Call): void
}

class Connection {
  keptUntil = 0
  readonly #owner: Owner
  readonly #socket: Socket
  readonly #outlet: Outlet
  #connectTimer: NodeJS.Timeout | undefined
  #connected = false
  /** How many requests it has carried to their end. */
  #carried = 0
  /** `unheard`: the request, as long as no byte of its answer has come. Afterwards nothing sends it again, and its body need not be kept. */
  #job: { unheard: UpstreamRequest | undefined; readonly call: Call; readonly parser: AnswerParser } | undefined
  #closed = false

  constructor(address: Address, connectTimeoutMs: number, owner: Owner) {
    this.#owner = owner
    const where = 'socketPath' in address ? { path: address.socketPath } : { host: address.host, port: address.port }
    this.#socket = connect({
      ...where,
      noDelay: true,
      onread: { buffer: READ, callback: (bytes: number) => this.#onRead(bytes) },
    } as unknown as TcpNetConnectOpts)
    this.#outlet = new Outlet(this.#socket)
    this.#connectTimer = setTimeout(() => {
      this.#lose({ kind: 'connect', message: `no connection within ${connectTimeoutMs} ms` })
    }, connectTimeoutMs)
    this.#socket.on('connect', () => {
      this.#connected = true
      this.#clearConnectTimer()
    })
    this.#socket.on('error', (error) => this.#lose({ kind: this.#connected ? 'reset' : 'connect', message: messageOf(error) }))
    this.#socket.on('end', () => this.#onEnd())
    this.#socket.on('close', () => this.#onEnd())
  }

  carry(request: UpstreamRequest, head: string, call: Call): void {
    this.#job = { unheard: request, call, parser: new AnswerParser(call) }
    call.carriedBy(this)
    const { body } = request
    if (body === undefined) this.#outlet.write(head)
    else if (typeof body === 'string') this.#outlet.write(head + body)
    else if (body.length <= ONE_STRING_BYTES) this.#outlet.write(head + body.toString('latin1'))
    else {
      this.#outlet.flush()
      this.#socket.cork()
      this.#socket.write(head, 'latin1')
      this.#socket.write(body)
      this.#socket.uncork()
    }
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  cancel(): void {
    this.#job = undefined
    this.close()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#clearConnectTimer()
    this.#owner.gone(this)
    this.#socket.destroy()
  }

  #onRead(count: number): boolean {
    const job = this.#job
    if (!job) {
      // Bytes that nobody asked for: whose answer they are cannot be told.
      this.close()
      return false
    }
    if (this.#outlet.holds) {
      // What has not been sent cannot have been answered: these bytes were there before.
      this.#lose({ kind: 'reset', message: 'bytes came before the request was sent' })
      return false
    }
    job.unheard = undefined
    try {
      job.parser.push(READ.subarray(0, count))
    } catch (error) {
      this.#lose({ kind: 'reset', message: `the answer is malformed: ${messageOf(error)}` })
      return false
    }
    if (job.parser.state === 'done') this.#release(job.parser)
    return !this.#closed
  }

  #release(parser: AnswerParser): void {
    this.#job = undefined
    this.#carried += 1
    const hint = parser.keepAliveSeconds
    const keepMs = hint === undefined ? KEPT_MS : Math.min(KEPT_MS, hint * 1000 - KEEP_ALIVE_MARGIN_MS)
    if (!parser.keepAlive || keepMs <= 0 || this.#closed) return this.close()
    this.#socket.resume()
    this.#owner.idle(this, keepMs)
  }

  #onEnd(): void {
    const job = this.#job
    if (job?.parser.close()) this.#job = undefined
    this.#lose(
      this.#connected
        ? { kind: 'reset', message: 'the other side closed the connection' }
        : { kind: 'connect', message: 'the connection was closed' },
    )
  }

  #lose(failure: UpstreamFailure): void {
    const job = this.#job
    this.#job = undefined
    this.close()
    if (!job || job.call.over) return
    if (this.#carried > 0 && job.unheard && failure.kind === 'reset') this.#owner.again(job.unheard, job.call)
    else job.call.fail(failure)
  }

  #clearConnectTimer(): void {
    if (this.#connectTimer) clearTimeout(this.#connectTimer)
    this.#connectTimer = undefined
  }
}

/** Throws on a header value that would write lines of its own. */
function headOf(request: UpstreamRequest, host: string): string {
  let head = `${request.method} ${request.path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`
  for (const name in request.headers) {
    const value = request.headers[name]!
    if (/[\r\n\0]/.test(value)) throw new Error(`the header "${name}" holds a line break`)
    head += `${name}: ${value}\r\n`
  }
  return request.body === undefined ? `${head}\r\n` : `${head}content-length: ${digits(request.body.length)}\r\n\r\n`
}
