/**
 * Reads one HTTP/1.1 answer from the bytes of a connection (RFC 9112). It is fed whatever the socket gives, in any cuts.
 *
 * Invariant: an answer is whole only when its framing says so. What does not parse, or could be read in two ways (two lengths, a length beside
 * a coding), throws: the connection is then of no use, and nobody is shown a body that may belong to someone else.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { ChunkedBody } from './chunked.ts'
import { framingOf, HEAD_END, hasOption, Malformed, parseHeaders } from './head.ts'

export interface AnswerEvents {
  /** Once; never for an interim (1xx) answer. */
  onHead(status: number, headers: IncomingHttpHeaders): void
  /** The body bytes of one `push`, without framing. A copy: the bytes that were pushed may be overwritten. */
  onData(chunk: Buffer): void
  /** In place of `onData`: a short body, all of it, as latin1 text (one character is one byte). */
  onWhole(text: string): void
  /** The body is whole. */
  onEnd(): void
}

const MOST_HEAD_BYTES = 64 * 1024
const MOST_HEADERS = 200
const SHORT_BODY = 16 * 1024
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/

type State = 'head' | 'fixed' | 'until-close' | 'chunked' | 'done'

export class AnswerParser {
  state: State = 'head'
  /** May the connection carry another answer after this one? Settled by the head. */
  keepAlive = false
  /** Seconds that the server says it keeps an idle connection; undefined when it does not. */
  keepAliveSeconds: number | undefined
  readonly #events: AnswerEvents
  /** What is left of a fixed body. */
  #left = 0
  #length = 0
  #chunks: ChunkedBody | undefined
  /** The beginning of a head that has not come to its end. */
  #partial: Buffer | undefined

  constructor(events: AnswerEvents) {
    this.#events = events
  }

  /** Throws Malformed. */
  push(chunk: Buffer): void {
    let bytes = chunk
    if (this.#partial) {
      bytes = Buffer.concat([this.#partial, chunk])
      this.#partial = undefined
    }
    let at = 0
    // An interim answer is followed by another head.
    while (this.state === 'head') {
      const next = this.#head(bytes, at)
      if (next === -1) return
      at = next
    }
    if (at < bytes.length) this.#body(bytes, at)
    else if (this.state === 'fixed' && this.#left === 0) this.#finish()
  }

  /** The connection has ended. Was that the end of the answer? */
  close(): boolean {
    if (this.state !== 'until-close') return this.state === 'done'
    this.#finish()
    return true
  }

  #finish(): void {
    this.state = 'done'
    this.#events.onEnd()
  }

  /** Index after the head that starts at `from`; −1 when it is not all there. */
  #head(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(HEAD_END, from)
    if (end === -1 || end - from > MOST_HEAD_BYTES) {
      if (bytes.length - from > MOST_HEAD_BYTES) throw new Malformed('the head is larger than 64 KiB')
      this.#partial = Buffer.from(bytes.subarray(from))
      return -1
    }
    const head = bytes.toString('latin1', from, end)
    const firstEnd = head.indexOf('\r\n')
    const first = firstEnd === -1 ? head : head.slice(0, firstEnd)
    const line = STATUS_LINE.exec(first)
    if (!line) throw new Malformed('it does not begin with an HTTP/1 status line')
    const status = Number(line[2])
    if (status === 101) throw new Malformed('it switches to another protocol')
    if (status >= 200) this.#begin(status, line[1] === '1', parseHeaders(head, first.length, MOST_HEADERS).headers)
    return end + 4
  }

  #begin(status: number, http11: boolean, headers: IncomingHttpHeaders): void {
    const { connection } = headers
    this.keepAlive = http11 ? !hasOption(connection, 'close') : hasOption(connection, 'keep-alive')
    const hint = headers['keep-alive'] === undefined ? undefined : /timeout=(\d{1,9})/i.exec(String(headers['keep-alive']))
    if (hint) this.keepAliveSeconds = Number(hint[1])
    const framing = framingOf(headers)
    if (status === 204 || status === 304) this.state = 'fixed'
    else if (framing === 'chunked') {
      this.#chunks = new ChunkedBody()
      this.state = 'chunked'
    } else if (framing === undefined) {
      this.state = 'until-close'
      this.keepAlive = false
    } else {
      this.#left = this.#length = framing
      this.state = 'fixed'
    }
    this.#events.onHead(status, headers)
  }

  #body(bytes: Buffer, from: number): void {
    if (this.state === 'chunked') {
      const data = this.#chunks!.push(bytes, from)
      if (this.#chunks!.left > 0) throw new Malformed('more bytes came than it announced')
      if (data) this.#events.onData(data)
      if (this.#chunks!.done) this.#finish()
      return
    }
    const there = bytes.length - from
    if (this.state !== 'until-close') {
      if (there > this.#left) throw new Malformed('more bytes came than it announced')
      const first = this.#left === this.#length
      this.#left -= there
      if (first && this.#left === 0 && there <= SHORT_BODY) {
        this.#events.onWhole(bytes.toString('latin1', from))
        return this.#finish()
      }
    }
    const copy = Buffer.allocUnsafe(there)
    bytes.copy(copy, 0, from)
    this.#events.onData(copy)
    if (this.state === 'fixed' && this.#left === 0) this.#finish()
  }
}
