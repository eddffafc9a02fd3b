/** The head of an answer, as text. */
import { STATUS_CODES } from 'node:http'
import type { HeaderList } from './exchange.ts'

/** An idle connection is kept this long; clients are told, and give up before. */
export const KEEP_ALIVE_SECONDS = 65

const KEEP = `connection: keep-alive\r\nkeep-alive: timeout=${KEEP_ALIVE_SECONDS}\r\n\r\n`
const CLOSE = 'connection: close\r\n\r\n'

/**
 * `length`: bytes of the body, undefined when that is not known. Throws on a header that would write lines of its own: a bug of whoever made
 * it, never something that a client can bring about.
 */
export function answerHead(
  status: number,
  headers: HeaderList,
  length: number | undefined,
  { chunked, last }: { readonly chunked: boolean; readonly last: boolean },
): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]!
    if (value.includes('\n') || value.includes('\r')) throw new Error(`the header "${headers[i]}" of an answer holds a line break`)
    head += `${headers[i]}: ${value}\r\n`
  }
  if (length !== undefined && status !== 204 && status !== 304) head += `content-length: ${length}\r\n`
  if (chunked) head += 'transfer-encoding: chunked\r\n'
  return head + dateLine() + (last ? CLOSE : KEEP)
}

let second = -1
let line = ''

function dateLine(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    line = `date: ${new Date(now * 1000).toUTCString()}\r\n`
  }
  return line
}
