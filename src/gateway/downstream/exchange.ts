/** One request of a client and its answer, on one connection: what handlers see of HTTP. */
import type { IncomingHttpHeaders } from 'node:http'
import { sortableId } from '../../kernel/ids.ts'
import type { Dialect } from '../dialect.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { HeaderLines } from './answer-head.ts'

/** The connection as its exchange uses it. */
export interface Carrier {
  readonly remoteAddress: string
  sendHead(status: number, headers: HeaderLines, length: number | undefined): void
  /** False when the client does not keep up: `onDrain` tells when it does again. A string is latin1. */
  sendBody(chunk: Buffer | string): boolean
  /** Head and body of a whole answer at once. A string is latin1: one character is one byte. */
  sendWhole(status: number, headers: HeaderLines, body: Buffer | string): void
  end(): void
  wantBody(): void
  destroy(): void
}

const SANE_ID = /^[\x21-\x7e]{1,128}$/
const NOTHING: Buffer = Buffer.alloc(0)

const SMALL_PIECE_BYTES = 1024
const MOST_SMALL_PIECES = 256

export class Exchange {
  readonly id: string
  readonly method: string
  readonly target: string
  /** Path without query, undecoded. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Names of headers that came more than once. */
  readonly repeated: readonly string[]
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** The client's own `x-request-id`, where it is sane. */
  readonly clientRequestId: string | undefined
  /** Headers that every answer of this exchange carries (CORS). */
  extraHeaders: HeaderLines = ''
  /** How errors are written, once it is known what the client speaks. */
  dialect: Dialect | undefined
  /** The head of the answer is out. */
  answered = false
  /** The answer is out, or nobody waits for it any more. */
  over = false
  /** The client went away before its answer was whole. */
  gone = false
  /** Called when it goes; belongs to whoever works for it now. */
  onGone: (() => void) | undefined
  /** Called when a client that did not keep up does again. */
  onDrain: (() => void) | undefined
  /** The answer is an event stream, and its head is out. */
  streams = false
  /** The request's body has come to its end. */
  bodyComplete = false
  readonly #carrier: Carrier
  #first: Buffer | undefined
  #more: Buffer[] | undefined
  #bytes = 0
  /** Small pieces since the last large one. */
  #small = 0
  #most = 0
  #settle: ((body: Buffer | 'too_large' | undefined) => void) | undefined

  constructor(head: RequestHead, carrier: Carrier, startedAt: number) {
    const { target } = head
    const query = target.indexOf('?')
    const given = head.headers['x-request-id']
    this.id = `req_${sortableId(Date.now())}`
    this.method = head.method
    this.target = target
    this.path = query === -1 ? target : target.slice(0, query)
    this.headers = head.headers
    this.repeated = head.repeated
    this.startedAt = startedAt
    this.clientRequestId = typeof given === 'string' && SANE_ID.test(given) ? given : undefined
    this.#carrier = carrier
  }

  /** The connection that it came on: the same object for all of them. */
  get connection(): object {
    return this.#carrier
  }

  get remoteAddress(): string {
    return this.#carrier.remoteAddress
  }

  /** Once. The body; "too_large" as soon as it is more than `most` bytes; undefined when the client went away before its end. */
  readBody(most: number): Buffer | 'too_large' | Promise<Buffer | 'too_large' | undefined> {
    if (this.#bytes > most) return 'too_large'
    if (this.bodyComplete) return this.#take()
    this.#most = most
    const body = new Promise<Buffer | 'too_large' | undefined>((resolve) => {
      this.#settle = resolve
    })
    this.#carrier.wantBody()
    return body
  }

  /** Is anybody interested in the body? */
  get reads(): boolean {
    return this.#settle !== undefined
  }

  /** The connection brings a piece of the body. */
  receive(chunk: Buffer): void {
    if (this.answered) return
    this.#bytes += chunk.length
    if (this.#settle && this.#bytes > this.#most) {
      this.#first = this.#more = undefined
      this.#settle('too_large')
    } else if (this.#first === undefined) this.#first = chunk
    else if (this.#more) this.#keep(this.#more, chunk)
    else this.#more = [this.#first, chunk]
  }

  /** A piece of a few bytes weighs some hundred times as much as its bytes: such are put together as they come. */
  #keep(pieces: Buffer[], chunk: Buffer): void {
    pieces.push(chunk)
    this.#small = chunk.length < SMALL_PIECE_BYTES ? this.#small + 1 : 0
    if (this.#small < MOST_SMALL_PIECES) return
    this.#small = 0
    pieces.push(Buffer.concat(pieces.splice(-MOST_SMALL_PIECES)))
  }

  /** The connection has brought all of it. */
  receiveEnd(): void {
    this.bodyComplete = true
    this.#settle?.(this.#take())
  }

  /** The connection is gone. */
  lose(): void {
    if (this.over) return
    const { onGone } = this
    this.#isOver()
    this.gone = true
    this.#settle?.(undefined)
    onGone?.()
  }

  /** Sends the head; the body follows by `write` and `end`. */
  writeHead(status: number, headers: HeaderLines): void {
    if (this.answered || this.over) return
    this.#carrier.sendHead(status, headers, undefined)
    this.answered = true
  }

  /** False when the client does not keep up. A string is latin1: one character is one byte. */
  write(chunk: Buffer | string): boolean {
    return this.over || chunk.length === 0 || this.#carrier.sendBody(chunk)
  }

  end(): void {
    if (this.over) return
    this.#isOver()
    this.#carrier.end()
  }

  /** The whole answer. A string is latin1: one character is one byte. */
  answer(status: number, headers: HeaderLines, body: Buffer | string = NOTHING): void {
    if (this.answered || this.over) return
    this.answered = true
    this.#isOver()
    this.#carrier.sendWhole(status, headers, body)
  }

  /** Breaks the answer off: the client sees a connection that closes before its time. One that has ended stays whole. */
  destroy(): void {
    if (!this.over) this.#carrier.destroy()
  }

  /** It lets go of whoever worked for it: what is garbage already must not keep alive what is about to be. */
  #isOver(): void {
    this.over = true
    this.onGone = this.onDrain = undefined
  }

  #take(): Buffer {
    const body = this.#more ? Buffer.concat(this.#more) : (this.#first ?? NOTHING)
    this.#first = this.#more = undefined
    return body
  }
}
