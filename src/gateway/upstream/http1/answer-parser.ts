/**
 * Reads one HTTP/1.1 answer from the bytes of a connection (RFC 9112). It is fed whatever the socket gives, in any cuts.
 *
 * Invariant: an answer is whole only when its framing says so. What does not parse, or could be read in two ways (two lengths, a length beside
 * a coding), throws: the connection is then of no use, and nobody is shown a body that may belong to someone else.
 */
import type { IncomingHttpHeaders } from 'node:http'

export class MalformedAnswer extends Error {}

export interface AnswerEvents {
  /** Once; never for an interim (1xx) answer. */
  onHead(status: number, headers: IncomingHttpHeaders): void
  /** The body bytes of one `push`, without framing. A copy: the bytes that were pushed may be overwritten. */
  onData(chunk: Buffer): void
  /** The body is whole. */
  onEnd(): void
}

const MOST_HEAD_BYTES = 64 * 1024
const MOST_HEADERS = 200
/** A chunk's size line with its extensions, or the trailers. */
const MOST_LINE_BYTES = 4 * 1024

const HEAD_END = Buffer.from('\r\n\r\n')
const CR = 0x0d
const LF = 0x0a
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** Anything that Node would not write into a head of its own, and halves of line breaks. */
const BAD_HEAD = /[^\t\x20-\x7e\x80-\xff\r\n]|\r(?!\n)|(?<!\r)\n/
const LENGTH = /^\d{1,15}$/
const CHUNK_SIZE = /^([0-9a-fA-F]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/

type State = 'head' | 'fixed' | 'until-close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'done'

export class AnswerParser {
  state: State = 'head'
  /** May the connection carry another answer after this one? Settled by the head. */
  keepAlive = false
  /** Seconds that the server says it keeps an idle connection; undefined when it does not. */
  keepAliveSeconds: number | undefined
  readonly #events: AnswerEvents
  /** What is left of the fixed body or of the chunk. */
  #left = 0
  /** The beginning of a head or line that has not come to its end. */
  #partial: Buffer | undefined
  #trailerBytes = 0

  constructor(events: AnswerEvents) {
    this.#events = events
  }

  /** Throws MalformedAnswer. */
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
      if (bytes.length - from > MOST_HEAD_BYTES) throw new MalformedAnswer('its head is larger than 64 KiB')
      this.#partial = Buffer.from(bytes.subarray(from))
      return -1
    }
    const head = bytes.toString('latin1', from, end)
    const firstEnd = head.indexOf('\r\n')
    const first = firstEnd === -1 ? head : head.slice(0, firstEnd)
    const line = STATUS_LINE.exec(first)
    if (!line) throw new MalformedAnswer('it does not begin with an HTTP/1 status line')
    const status = Number(line[2])
    if (status === 101) throw new MalformedAnswer('it switches to another protocol')
    if (status >= 200) this.#begin(status, line[1] === '1', headersOf(head, first.length))
    return end + 4
  }

  #begin(status: number, http11: boolean, headers: IncomingHttpHeaders): void {
    const { connection, 'transfer-encoding': coding, 'content-length': length } = headers
    const options = connection?.toLowerCase()
    this.keepAlive = options === undefined ? http11 : http11 ? !options.includes('close') : options.includes('keep-alive')
    const hint = headers['keep-alive'] === undefined ? undefined : /timeout=(\d{1,9})/i.exec(String(headers['keep-alive']))
    if (hint) this.keepAliveSeconds = Number(hint[1])
    if (coding !== undefined) {
      if (length !== undefined) throw new MalformedAnswer('it has both a length and a transfer coding')
      if (coding.toLowerCase() !== 'chunked') throw new MalformedAnswer('its transfer coding is not "chunked"')
      this.state = 'chunk-size'
    } else if (length !== undefined) {
      if (!LENGTH.test(length)) throw new MalformedAnswer('its content-length is not a number')
      this.#left = Number(length)
      this.state = 'fixed'
    } else {
      this.state = 'until-close'
      this.keepAlive = false
    }
    if (status === 204 || status === 304) {
      this.#left = 0
      this.state = 'fixed'
    }
    this.#events.onHead(status, headers)
  }

  /** Everything of one read becomes one piece, whatever chunks it came in: one write to the client instead of many. */
  #body(bytes: Buffer, from: number): void {
    let at = from
    if (this.state === 'fixed' || this.state === 'until-close') {
      const take = this.state === 'fixed' ? Math.min(this.#left, bytes.length - at) : bytes.length - at
      if (this.state === 'fixed' && bytes.length - at > this.#left) throw new MalformedAnswer('more bytes came than it announced')
      this.#left -= take
      if (take > 0) this.#events.onData(copy(bytes, at, at + take))
      if (this.state === 'fixed' && this.#left === 0) this.#finish()
      return
    }

    let out: Buffer | undefined
    let filled = 0
    while (at < bytes.length && this.state !== 'done') {
      if (this.state === 'chunk-data') {
        const take = Math.min(this.#left, bytes.length - at)
        out ??= Buffer.allocUnsafe(bytes.length - at)
        bytes.copy(out, filled, at, at + take)
        filled += take
        at += take
        this.#left -= take
        if (this.#left === 0) this.state = 'chunk-end'
        continue
      }
      if (this.state === 'chunk-end') {
        if (bytes[at] !== CR || (at + 1 < bytes.length && bytes[at + 1] !== LF))
          throw new MalformedAnswer('a chunk is longer than its size')
        if (at + 1 === bytes.length) break
        at += 2
        this.state = 'chunk-size'
        continue
      }
      const end = bytes.indexOf(LF, at)
      if (end === -1) break
      if (end === at || bytes[end - 1] !== CR) throw new MalformedAnswer('a line of its body does not end in CR LF')
      if (this.state === 'chunk-size') this.#chunkSize(bytes, at, end - 1)
      else this.#trailer(end - 1 - at)
      at = end + 1
    }
    if (this.#done() && at < bytes.length) throw new MalformedAnswer('more bytes came than it announced')
    if (at < bytes.length) {
      if (bytes.length - at > MOST_LINE_BYTES) throw new MalformedAnswer('a line of its body is longer than 4 KiB')
      this.#partial = Buffer.from(bytes.subarray(at))
    }
    if (filled > 0) this.#events.onData(filled === out!.length ? out! : out!.subarray(0, filled))
    if (this.#done()) this.#events.onEnd()
  }

  #done(): boolean {
    return this.state === 'done'
  }

  #chunkSize(bytes: Buffer, from: number, to: number): void {
    if (to - from > MOST_LINE_BYTES) throw new MalformedAnswer('a line of its body is longer than 4 KiB')
    const size = to - from <= 12 ? plainHex(bytes, from, to) : -1
    if (size >= 0) this.#left = size
    else {
      const match = CHUNK_SIZE.exec(bytes.toString('latin1', from, to))
      if (!match) throw new MalformedAnswer('a chunk size is not a hexadecimal number')
      this.#left = Number.parseInt(match[1]!, 16)
    }
    this.state = this.#left === 0 ? 'trailers' : 'chunk-data'
  }

  /** Trailers are read and thrown away; an empty line ends the answer. */
  #trailer(length: number): void {
    if (length === 0) {
      this.state = 'done'
      return
    }
    this.#trailerBytes += length
    if (this.#trailerBytes > MOST_LINE_BYTES) throw new MalformedAnswer('its trailers are longer than 4 KiB')
  }
}

/** A size without extensions; −1 for anything else. */
function plainHex(bytes: Buffer, from: number, to: number): number {
  if (from === to) return -1
  let value = 0
  for (let i = from; i < to; i++) {
    const c = bytes[i]!
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66 ? (c | 0x20) - 0x57 : -1
    if (digit === -1) return -1
    value = value * 16 + digit
  }
  return value
}

function copy(bytes: Buffer, from: number, to: number): Buffer {
  const out = Buffer.allocUnsafe(to - from)
  bytes.copy(out, 0, from, to)
  return out
}

/** Names as servers write them, and what they are: an upstream sends the same few again and again. */
const names = new Map<string, string>()
const MOST_NAMES = 1_000

function nameOf(written: string): string {
  const known = names.get(written)
  if (known !== undefined) return known
  const name = written.toLowerCase()
  if (!NAME.test(name)) throw new MalformedAnswer('a line of its head is not a proper header')
  if (names.size < MOST_NAMES && written.length <= 64) names.set(written, name)
  return name
}

/** The headers of a head without its last line break, from the end of its first line. */
function headersOf(head: string, from: number): IncomingHttpHeaders {
  if (BAD_HEAD.test(head)) throw new MalformedAnswer('a line of its head is not a proper header')
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  let count = 0
  let at = from
  while (at < head.length) {
    const start = at + 2
    const next = head.indexOf('\r\n', start)
    const end = next === -1 ? head.length : next
    const colon = head.indexOf(':', start)
    if (colon === -1 || colon > end) throw new MalformedAnswer('a line of its head is not a proper header')
    if (++count > MOST_HEADERS) throw new MalformedAnswer(`it has more than ${MOST_HEADERS} header lines`)
    const name = nameOf(head.slice(start, colon))
    const value = trimmed(head, colon + 1, end)
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else if (name !== 'content-length') headers[name] = `${known}, ${value}`
    else if (known !== value) throw new MalformedAnswer('it has two lengths')
    at = end
  }
  return headers
}

function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number) => code === 0x20 || code === 0x09
