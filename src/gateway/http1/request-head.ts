/** The head of an HTTP/1.1 request (RFC 9112, 3 and 6). */
import { checkBeginning, framingOf, type Headers, hasOption, Malformed, parseHeaders } from './head.ts'

export interface RequestHead extends Headers {
  readonly method: string
  /** As it came, undecoded. */
  readonly target: string
  readonly http11: boolean
  /** The client means to use the connection again. */
  readonly keepAlive: boolean
  /** Bytes of the body, or the chunked coding. */
  readonly framing: number | 'chunked'
  /** It waits for a word before it sends the body. */
  readonly expectsContinue: boolean
}

const NOT_A_REQUEST = 'the request does not begin with a proper HTTP/1.1 request line'
/** As far as a line has come that may become one. */
const BEGINNING = /^[A-Z]{1,20}(?: [\x21-\x7e]*(?: [HTP/1.0]*\r?)?)?$/
const REQUEST_LINE = /^([A-Z]{1,20}) ([\x21-\x7e]+) HTTP\/1\.([01])$/

/** Throws Malformed when these bytes cannot be the beginning of a request, however it goes on: nobody should have to wait for a time-out to hear of it. */
export function checkRequestBeginning(bytes: Buffer): void {
  const text = checkBeginning(bytes)
  const firstEnd = text.indexOf('\r\n')
  const proper = firstEnd === -1 ? BEGINNING.test(text) : REQUEST_LINE.test(text.slice(0, firstEnd))
  if (!proper) throw new Malformed(NOT_A_REQUEST)
}

/** `head` without its last two line breaks. Throws Malformed. */
export function parseRequestHead(head: string, mostHeaders: number): RequestHead {
  const firstEnd = head.indexOf('\r\n')
  const first = firstEnd === -1 ? head : head.slice(0, firstEnd)
  const line = REQUEST_LINE.exec(first)
  if (!line) throw new Malformed(NOT_A_REQUEST)
  const http11 = line[3] === '1'
  const parsed = parseHeaders(head, first.length, mostHeaders)
  const { headers, repeated } = parsed
  if (headers.host === undefined ? http11 : repeated.includes('host')) throw new Malformed('there must be one Host header')
  if (!http11 && headers['transfer-encoding'] !== undefined) throw new Malformed('HTTP/1.0 knows no transfer coding')
  const expect = headers.expect?.toLowerCase()
  if (expect !== undefined && expect !== '100-continue') throw new Malformed('the only expectation that is met is "100-continue"', 417)
  return {
    ...parsed,
    method: line[1]!,
    target: line[2]!,
    http11,
    keepAlive: http11 ? !hasOption(headers.connection, 'close') : hasOption(headers.connection, 'keep-alive'),
    framing: framingOf(headers) ?? 0,
    expectsContinue: expect !== undefined && http11,
  }
}
