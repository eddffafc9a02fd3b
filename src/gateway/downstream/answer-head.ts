/** The head of an answer, as text. */
import { STATUS_CODES } from 'node:http'
import { digits } from '../../kernel/digits.ts'

/** Lines of a head, each with its line break. Only `header` makes them, so that no value writes lines of its own. */
export type HeaderLines = string

/** An idle connection is kept this long; clients are told, and give up before. */
export const KEEP_ALIVE_SECONDS = 65

const KEEP = `connection: keep-alive\r\nkeep-alive: timeout=${KEEP_ALIVE_SECONDS}\r\n\r\n`
const CLOSE = 'connection: close\r\n\r\n'

/** Throws on a value that would write lines of its own: a bug of whoever made it, never something that a client can bring about. */
export function header(name: string, value: string): HeaderLines {
  if (value.includes('\n') || value.includes('\r')) throw new Error(`the header "${name}" of an answer holds a line break`)
  return `${name}: ${value}\r\n`
}

/** `length`: bytes of the body, undefined when that is not known. */
export function answerHead(
  status: number,
  headers: HeaderLines,
  length: number | undefined,
  { chunked, last }: { readonly chunked: boolean; readonly last: boolean },
): string {
  const bodyless = status === 204 || status === 304
  const framing = chunked
    ? 'transfer-encoding: chunked\r\n'
    : length === undefined || bodyless
      ? ''
      : `content-length: ${digits(length)}\r\n`
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${headers}${framing}${endOfHead(last)}`
}

let second = -1
let keeping = ''
let closing = ''

/** The date, and what becomes of the connection: the same for all answers of one second. */
function endOfHead(last: boolean): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    const date = `date: ${new Date(now * 1000).toUTCString()}\r\n`
    keeping = date + KEEP
    closing = date + CLOSE
  }
  return last ? closing : keeping
}
