/**
 * Reads HTTP/1.1 requests from the bytes of a connection, one after the other. It is fed whatever the socket gives, in any cuts.
 *
 * Invariant: a request is told when its head is whole and can be read in one way only; what follows its body is not looked at before `next`.
 * What is malformed throws, and after that the connection is of no use.
 */
import { ChunkedBody } from './chunked.ts'
import { CR, HEAD_END, LF, Malformed } from './head.ts'
import { ownCopy } from './own-copy.ts'
import { checkRequestBeginning, parseRequestHead, type RequestHead } from './request-head.ts'

export interface RequestEvents {
  onRequest(head: RequestHead): void
  /** Bytes of the body, without framing. A copy: the bytes that were pushed may be overwritten. */
  onBody(chunk: Buffer): void
  /** The body is whole; a request without one has this at once. */
  onBodyEnd(): void
}

const MOST_HEAD_BYTES = 16 * 1024
const MOST_HEADERS = 200

export class RequestParser {
  /** `whole`: a request has come, body and all, and what follows waits for `next`. */
  state: 'head' | 'fixed' | 'chunked' | 'whole' = 'head'
  readonly #events: RequestEvents
  /** What is left of a body of known length. */
  #left = 0
  #chunks: ChunkedBody | undefined
  /** Bytes that have not become a request: the beginning of a head, or what came ahead. */
  #held: Buffer | undefined

  constructor(events: RequestEvents) {
    this.#events = events
  }

  /** Bytes that wait: of a head that has not ended, or after a request that is `whole`. */
  get held(): number {
    return this.#held?.length ?? 0
  }

  /** Throws Malformed. */
  push(chunk: Buffer): void {
    const bytes = this.#held ? Buffer.concat([this.#held, chunk]) : chunk
    this.#held = undefined
    this.#read(bytes)
  }

  /** The request has been answered: goes on with what came after it. Throws Malformed. */
  next(): void {
    this.state = 'head'
    const bytes = this.#held
    this.#held = undefined
    if (bytes) this.#read(bytes)
  }

  #read(bytes: Buffer): void {
    let at = 0
    if (this.state === 'head') {
      at = this.#head(bytes)
      if (at === -1) return
    }
    const ends = this.state !== 'whole'
    if (this.state === 'fixed') at = this.#fixed(bytes, at)
    else if (this.state === 'chunked') at = this.#chunked(bytes, at)
    if (at < bytes.length) this.#held = ownCopy(bytes.subarray(at))
    // The last thing: whoever hears of it may ask for the next.
    if (ends && this.state === 'whole') this.#events.onBodyEnd()
  }

  /** Index after the head; −1 when it is not all there. */
  #head(bytes: Buffer): number {
    let from = 0
    // Line breaks before a request are the end of a body that counted badly (RFC 9112, 2.2).
    while (bytes[from] === CR && bytes[from + 1] === LF) from += 2
    const end = bytes.indexOf(HEAD_END, from)
    if (end === -1 || end - from > MOST_HEAD_BYTES) {
      if (bytes.length - from > MOST_HEAD_BYTES) throw new Malformed('The head of the request is larger than 16 KiB.', 431)
      const rest = bytes.subarray(from)
      if (rest.length > 0 && !(rest.length === 1 && rest[0] === CR)) checkRequestBeginning(rest)
      this.#held = rest.length === 0 ? undefined : ownCopy(rest)
      return -1
    }
    const head = parseRequestHead(bytes.toString('latin1', from, end), MOST_HEADERS)
    if (head.framing === 'chunked') {
      this.#chunks = new ChunkedBody()
      this.state = 'chunked'
    } else {
      this.#left = head.framing
      this.state = 'fixed'
    }
    this.#events.onRequest(head)
    return end + HEAD_END.length
  }

  #fixed(bytes: Buffer, from: number): number {
    const take = Math.min(this.#left, bytes.length - from)
    this.#left -= take
    if (take > 0) this.#events.onBody(ownCopy(bytes.subarray(from, from + take)))
    if (this.#left === 0) this.state = 'whole'
    return from + take
  }

  #chunked(bytes: Buffer, from: number): number {
    const chunks = this.#chunks!
    const data = chunks.push(bytes, from)
    if (data) this.#events.onBody(ownCopy(data))
    if (!chunks.done) return bytes.length
    this.#chunks = undefined
    this.state = 'whole'
    return bytes.length - chunks.left
  }
}
