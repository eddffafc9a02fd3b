/**
 * The head of an HTTP/1.1 message (RFC 9112), as requests and answers share it. Strict: what two readers could read in two ways is refused,
 * for a proxy that guesses is how requests are smuggled.
 */
import type { IncomingHttpHeaders } from 'node:http'

/** What was sent is not HTTP/1.1, or could be read in two ways. The message says what is wrong with it, and never quotes it. */
export class Malformed extends Error {
  /** For requests: what to answer. */
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

export const HEAD_END = Buffer.from('\r\n\r\n')
export const CR = 0x0d
export const LF = 0x0a

export interface Headers {
  /** By lower-case name; lines of the same name joined with ", ". */
  readonly headers: IncomingHttpHeaders
  /** Names that came more than once. */
  readonly repeated: readonly string[]
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** Control characters, and halves of line breaks. */
const BAD_HEAD = /[^\t\x20-\x7e\x80-\xff\r\n]|\r(?!\n)|(?<!\r)\n/
/** The same for a head that goes on: its last byte may be the first half of a line break. */
const BAD_BEGINNING = /[^\t\x20-\x7e\x80-\xff\r\n]|\r(?!\n|$)|(?<!\r)\n/
const NOT_A_HEADER = 'a line of the head is not a proper header'
const NO_NAMES: readonly string[] = []

/** Names as they are written, and what they are: the same few come again and again. */
const names = new Map<string, string>()
const MOST_NAMES = 1_000
const LONGEST_KNOWN_NAME = 64

function nameOf(written: string): string {
  const known = names.get(written)
  if (known !== undefined) return known
  const lower = written.toLowerCase()
  if (!NAME.test(lower)) throw new Malformed(NOT_A_HEADER)
  // As a property's name V8 holds a string once, and finds it by where it lies: this is that one.
  const name = Object.keys({ [lower]: true })[0]!
  if (names.size < MOST_NAMES && written.length <= LONGEST_KNOWN_NAME) names.set(written, name)
  return name
}

/** The bytes as text. Throws Malformed when they cannot be the beginning of a head, however it goes on. */
export function checkBeginning(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  if (BAD_BEGINNING.test(text)) throw new Malformed(NOT_A_HEADER)
  return text
}

/** An object without a prototype, so that no name means anything yet, and yet with a shape: the same client sends the same names each time. */
const HeaderTable = function HeaderTable() {} as unknown as new () => Record<string, string>
HeaderTable.prototype = Object.create(null)

/** The headers of a head (without its last two line breaks) whose first line ends at `from`. Throws Malformed. */
export function parseHeaders(head: string, from: number, most: number): Headers {
  if (BAD_HEAD.test(head)) throw new Malformed(NOT_A_HEADER)
  const headers = new HeaderTable()
  let repeated: string[] | undefined
  let count = 0
  let at = from
  while (at < head.length) {
    const start = at + 2
    const next = head.indexOf('\r\n', start)
    const end = next === -1 ? head.length : next
    const colon = head.indexOf(':', start)
    if (colon === -1 || colon > end) throw new Malformed(NOT_A_HEADER)
    if (++count > most) throw new Malformed(`there are more than ${most} header lines`, 431)
    const name = nameOf(head.slice(start, colon))
    const value = trimmed(head, colon + 1, end)
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else {
      headers[name] = `${known}, ${value}`
      repeated ??= []
      repeated.push(name)
    }
    at = end
  }
  return { headers, repeated: repeated ?? NO_NAMES }
}

function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number) => code === 0x20 || code === 0x09

const LENGTH = /^\d{1,15}$/

/** How the body is delimited: its length, "chunked", or not said. Throws Malformed for two answers to that. */
export function framingOf({ 'content-length': length, 'transfer-encoding': coding }: IncomingHttpHeaders): number | 'chunked' | undefined {
  if (coding !== undefined) {
    if (length !== undefined) throw new Malformed('there is both a length and a transfer coding')
    if (coding.toLowerCase() !== 'chunked') throw new Malformed('the transfer coding is not "chunked"')
    return 'chunked'
  }
  if (length === undefined) return undefined
  if (!LENGTH.test(length)) throw new Malformed('the content-length is not one number')
  return Number(length)
}

/** Does `Connection` name this option? */
export function hasOption(connection: string | undefined, option: string): boolean {
  if (connection === undefined) return false
  const lower = connection.toLowerCase()
  return lower === option || (lower.includes(option) && lower.split(',').some((part) => part.trim() === option))
}
