/**
 * A client's connection: bytes to requests, one at a time, and answers to bytes (RFC 9112). Written for this gateway because half of what a
 * general server does for a request is not needed here, and is what a request costs.
 *
 * A request is handed on with its head, and what has come of its body by then; the next one when its answer is out. After anything malformed the
 * connection carries nothing more. Time: the listener calls `sweep` about once a second.
 */
import type { Socket } from 'node:net'
import { Malformed } from '../http1/head.ts'
import { Outlet } from '../http1/outlet.ts'
import type { RequestHead } from '../http1/request-head.ts'
import { RequestParser } from '../http1/request-parser.ts'
import { answerHead, type HeaderLines, header, KEEP_ALIVE_SECONDS } from './answer-head.ts'
import { type Carrier, Exchange } from './exchange.ts'
import { readInPlace } from './read-in-place.ts'

export interface ConnectionOwner {
  /** A request's head is here; its body may follow. */
  onRequest(exchange: Exchange): void
  /** The JSON body of an answer to what is no proper request. */
  refusal(message: string): string
  onMalformed(reason: string): void
  /** An exchange has ended. */
  onIdle(): void
  /** Answers close their connections from now on. */
  readonly draining: boolean
  /** Monotonic milliseconds. */
  now(): number
}

/** What a client may send ahead of its answers before it has to wait. Who waits is not heard any more, not even that it has gone. */
const MOST_HELD_BYTES = 64 * 1024
/** A body up to this size that nobody wants is read and thrown away; with a larger one the connection ends. */
const SMALL_BODY_BYTES = 64 * 1024
/** Up to this size a piece goes out as a string: the cheapest write that Node has. */
const ONE_STRING_BYTES = 16 * 1024

const HEAD_MS = 15_000
const REQUEST_MS = 60_000
const SLOWEST_READER_MS = 60_000
const LINGER_MS = 1_000
const LINGER_BYTES = 1024 * 1024

const LAST_CHUNK = '0\r\n\r\n'

export class DownstreamConnection implements Carrier {
  readonly socket: Socket
  readonly #owner: ConnectionOwner
  readonly #outlet: Outlet
  readonly #parser: RequestParser
  #exchange: Exchange | undefined
  #head: RequestHead | undefined
  /** The exchange is its handler's. */
  #handedOn = false
  /** Requests are being handed on: whoever ends an exchange meanwhile leaves the next one to that. */
  #handing = false
  /** The answer under way is the last one. */
  #last = false
  #chunkedAnswer = false
  /** Nothing is read any more but thrown away, so that the last answer reaches the client before the reset. */
  #lingering = false
  #lingered = 0
  /** Since when it is what it is: idle, in the middle of a head, lingering. */
  #since: number
  #unsent = 0
  #unsentSince = 0

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket
    this.#owner = owner
    this.#outlet = new Outlet(socket)
    this.#since = owner.now()
    this.#parser = new RequestParser({
      onRequest: (head) => this.#open(head),
      onBody: (chunk) => this.#exchange?.receive(chunk),
      onBodyEnd: () => this.#onBodyEnd(),
    })
    readInPlace(socket, (bytes) => this.#onData(bytes))
    socket.on('drain', () => this.#exchange?.onDrain?.())
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => socket.destroy()) // `close` follows and tells the rest
    socket.on('close', () => this.#onClose())
  }

  get exchange(): Exchange | undefined {
    return this.#exchange
  }

  /** Since when nothing is going on; undefined while something is. */
  get idleSince(): number | undefined {
    return this.#exchange === undefined && !this.#lingering ? this.#since : undefined
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? ''
  }

  sweep(now: number): void {
    if (this.#isStalled(now)) return void this.socket.destroy()
    const since = now - this.#since
    if (this.#lingering) {
      if (since > LINGER_MS && this.socket.writableLength === 0) this.socket.destroy()
    } else if (this.#exchange) {
      if (this.#exchange.bodyComplete || now - this.#exchange.startedAt <= REQUEST_MS) return
      if (this.#exchange.answered) this.destroy()
      else this.#refuse(new Malformed('The request did not arrive in time.', 408), 'request_timeout')
    } else if (this.#parser.held > 0) {
      if (since > HEAD_MS) this.#refuse(new Malformed('The request did not arrive in time.', 408), 'request_timeout')
    } else if (since > KEEP_ALIVE_SECONDS * 1000) this.socket.destroy()
  }

  /** No request of this connection will be looked at any more; one that runs may end. */
  retire(): void {
    if (this.#exchange === undefined && !this.#lingering) this.destroy()
  }

  // — what comes in —

  /** The bytes will be overwritten. */
  #onData(chunk: Buffer): void {
    if (this.#lingering) {
      this.#lingered += chunk.length
      // Who goes on sending is left waiting and not cut off: a reset overtakes the answer that lies unread at a client whose writing fails.
      if (this.#lingered > LINGER_BYTES) this.socket.pause()
      return
    }
    const begun = this.#parser.held > 0
    if (!this.#parse(() => this.#parser.push(chunk))) return
    if (this.#exchange) {
      this.#handOn()
      if (this.#parser.state === 'whole' && this.#parser.held > MOST_HELD_BYTES) this.socket.pause()
    } else if (!begun) this.#since = this.#owner.now() // a head has the time of one head, from its first byte on
  }

  /** False when that was no proper request. */
  #parse(step: () => void): boolean {
    try {
      step()
      return true
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#refuse(error, error.status === 431 ? 'head_too_large' : 'malformed')
      return false
    }
  }

  #open(head: RequestHead): void {
    this.#exchange = new Exchange(head, this, this.#owner.now())
    this.#head = head
    this.#handedOn = false
    this.#last = !head.keepAlive
  }

  #onBodyEnd(): void {
    const exchange = this.#exchange!
    exchange.receiveEnd()
    // It was answered before it was all there.
    if (exchange.over) this.#done()
  }

  /** Gives requests to their handlers: this one, and those that came with it if answers are out at once. */
  #handOn(): void {
    if (this.#handing) return
    this.#handing = true
    while (this.#exchange && !this.#handedOn) {
      const exchange = this.#exchange
      this.#handedOn = true
      this.#owner.onRequest(exchange)
      // Nobody has asked for what is to come of it: that waits in the network, not in memory.
      if (!exchange.bodyComplete && !exchange.reads && !exchange.answered) this.socket.pause()
      if (this.#exchange === undefined && !this.#lingering && !this.socket.destroyed) this.#parse(() => this.#parser.next())
    }
    this.#handing = false
  }

  wantBody(): void {
    if (this.#head!.expectsContinue && !this.#exchange!.bodyComplete) this.#outlet.write('HTTP/1.1 100 Continue\r\n\r\n')
    this.socket.resume()
  }

  // — what goes out —

  sendHead(status: number, headers: HeaderLines, length: number | undefined): void {
    this.#outlet.write(this.#headText(status, headers, length))
  }

  sendBody(chunk: Buffer | string): boolean {
    if (this.socket.destroyed || this.#head!.method === 'HEAD') return true
    if (!this.#chunkedAnswer) return this.#send('', chunk, '')
    return this.#send(`${chunk.length.toString(16)}\r\n`, chunk, '\r\n')
  }

  sendWhole(status: number, headers: HeaderLines, body: Buffer | string): void {
    const head = this.#headText(status, headers, body.length)
    if (body.length === 0 || this.#head!.method === 'HEAD') this.#outlet.write(head)
    else this.#send(head, body, '')
    this.#ended()
  }

  end(): void {
    if (this.#chunkedAnswer && this.#head!.method !== 'HEAD') this.#outlet.write(LAST_CHUNK)
    this.#ended()
  }

  destroy(): void {
    this.#outlet.flush()
    this.socket.destroy()
  }

  /** A piece between what frames it. */
  #send(before: string, piece: Buffer | string, after: string): boolean {
    if (typeof piece === 'string') return this.#outlet.write(before + piece + after)
    if (piece.length <= ONE_STRING_BYTES) return this.#outlet.write(before + piece.toString('latin1') + after)
    const { socket } = this
    this.#outlet.flush()
    socket.cork()
    if (before !== '') socket.write(before, 'latin1')
    let room = socket.write(piece)
    if (after !== '') room = socket.write(after, 'latin1')
    socket.uncork()
    return room
  }

  #headText(status: number, headers: HeaderLines, length: number | undefined): string {
    const { framing, http11 } = this.#head!
    const unread = !this.#exchange!.bodyComplete && (framing === 'chunked' || framing > SMALL_BODY_BYTES)
    if (unread || this.#owner.draining) this.#last = true
    this.#chunkedAnswer = length === undefined && http11
    // Without a length and without chunks only the end of the connection says where the answer ends.
    if (length === undefined && !http11) this.#last = true
    return answerHead(status, headers, length, { chunked: this.#chunkedAnswer, last: this.#last })
  }

  /** The answer is out. */
  #ended(): void {
    if (this.#exchange!.bodyComplete) this.#done()
    else if (this.#last) this.#linger()
    else this.socket.resume() // the rest of a small body is thrown away as it comes
  }

  #done(): void {
    this.#exchange = undefined
    this.#head = undefined
    this.#owner.onIdle()
    if (this.#last || this.#owner.draining) {
      this.#lingering = true // whatever still comes is nobody's
      this.#since = this.#owner.now()
      this.#outlet.flush()
      return this.socket.destroySoon()
    }
    this.#since = this.#owner.now()
    if (this.socket.isPaused()) this.socket.resume()
    if (!this.#handing && this.#parse(() => this.#parser.next())) this.#handOn()
  }

  /** Says what is wrong, in plain HTTP, and ends the connection. */
  #refuse(error: Malformed, reason: string): void {
    this.#owner.onMalformed(reason)
    const exchange = this.#exchange
    // An answer that is under way cannot be taken back.
    if (exchange?.answered) this.destroy()
    else {
      const body = this.#owner.refusal(error.message)
      const headers = header('content-type', 'application/json')
      this.#outlet.flush()
      this.socket.write(answerHead(error.status, headers, Buffer.byteLength(body), { chunked: false, last: true }) + body, 'utf8')
      this.#linger()
    }
    exchange?.lose()
  }

  #linger(): void {
    this.#lingering = true
    this.#since = this.#owner.now()
    if (this.#exchange) {
      this.#exchange = undefined
      this.#owner.onIdle()
    }
    this.#outlet.flush()
    this.socket.end()
    this.socket.resume()
  }

  /** A client that takes nothing for a while is gone, whatever its socket says. */
  #isStalled(now: number): boolean {
    const unsent = this.socket.writableLength
    if (unsent === 0 || unsent !== this.#unsent) {
      this.#unsent = unsent
      this.#unsentSince = now
      return false
    }
    return now - this.#unsentSince > SLOWEST_READER_MS
  }

  /** The client has closed its side: it waits for nothing any more. */
  #onEnd(): void {
    this.#outlet.flush()
    if (this.#exchange) this.socket.destroy()
    else this.socket.destroySoon()
  }

  #onClose(): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.lose()
    if (exchange) this.#owner.onIdle()
  }
}
