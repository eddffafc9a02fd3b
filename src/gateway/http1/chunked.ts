/** Reads a body in the chunked coding (RFC 9112, 7.1) from whatever pieces it comes in. */
import { CR, LF, Malformed } from './head.ts'
import { ownCopy } from './own-copy.ts'

/** A chunk's size line with its extensions, or all trailers. */
const MOST_LINE_BYTES = 4 * 1024
const CHUNK_SIZE = /^([0-9a-fA-F]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/

export class ChunkedBody {
  /** The last chunk and the trailers have come. */
  done = false
  /** Bytes of the last `push` that come after the body. */
  left = 0
  #state: 'size' | 'data' | 'data-end' | 'trailers' = 'size'
  /** What is still to come of the chunk. */
  #chunk = 0
  /** The beginning of a line that has not come to its end. */
  #partial: Buffer | undefined
  #trailerBytes = 0

  /**
   * The body's bytes among these, from `from` on, in one piece whatever chunks they came in: one write further on instead of many. A copy:
   * what was pushed may be overwritten. Throws Malformed.
   */
  push(pushed: Buffer, from: number): Buffer | undefined {
    let bytes = pushed
    let at = from
    if (this.#partial) {
      bytes = Buffer.concat([this.#partial, from === 0 ? pushed : pushed.subarray(from)])
      at = 0
      this.#partial = undefined
    }
    let out: Buffer | undefined
    let filled = 0
    while (at < bytes.length && !this.done) {
      if (this.#state === 'data') {
        const take = Math.min(this.#chunk, bytes.length - at)
        out ??= Buffer.allocUnsafe(bytes.length - at)
        bytes.copy(out, filled, at, at + take)
        filled += take
        at += take
        this.#chunk -= take
        if (this.#chunk === 0) this.#state = 'data-end'
        continue
      }
      if (this.#state === 'data-end') {
        if (bytes[at] !== CR || (at + 1 < bytes.length && bytes[at + 1] !== LF)) throw new Malformed('a chunk is longer than its size')
        if (at + 1 === bytes.length) break
        at += 2
        this.#state = 'size'
        continue
      }
      const end = bytes.indexOf(LF, at)
      if (end === -1) break
      if (end === at || bytes[end - 1] !== CR) throw new Malformed('a line of the body does not end in CR LF')
      if (this.#state === 'size') this.#size(bytes, at, end - 1)
      else this.#trailer(end - 1 - at)
      at = end + 1
    }
    this.left = this.done ? bytes.length - at : 0
    if (!this.done && at < bytes.length) {
      if (bytes.length - at > MOST_LINE_BYTES) throw new Malformed('a line of the body is longer than 4 KiB')
      this.#partial = ownCopy(bytes.subarray(at))
    }
    return filled === 0 ? undefined : filled === out!.length ? out : out!.subarray(0, filled)
  }

  #size(bytes: Buffer, from: number, to: number): void {
    if (to - from > MOST_LINE_BYTES) throw new Malformed('a line of the body is longer than 4 KiB')
    const size = to - from <= 12 ? plainHex(bytes, from, to) : -1
    if (size >= 0) this.#chunk = size
    else {
      const match = CHUNK_SIZE.exec(bytes.toString('latin1', from, to))
      if (!match) throw new Malformed('a chunk size is not a hexadecimal number')
      this.#chunk = Number.parseInt(match[1]!, 16)
    }
    this.#state = this.#chunk === 0 ? 'trailers' : 'data'
  }

  /** Trailers are read and thrown away; an empty line ends the body. */
  #trailer(length: number): void {
    if (length === 0) {
      this.done = true
      return
    }
    this.#trailerBytes += length
    if (this.#trailerBytes > MOST_LINE_BYTES) throw new Malformed('the trailers are longer than 4 KiB')
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
