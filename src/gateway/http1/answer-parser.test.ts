import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnswerParser } from './answer-parser.ts'

interface Read {
  status?: number
  headers?: Record<string, unknown>
  body: string
  ended: boolean
  keepAlive?: boolean
}

/** What a parser makes of bytes that come in these pieces, each in memory that is overwritten afterwards, as a connection's is. */
function read(pieces: readonly string[], closed = false): Read {
  const result: Read = { body: '', ended: false }
  const chunks: Buffer[] = []
  const parser = new AnswerParser({
    onHead(status, headers) {
      expect(result.status).toBeUndefined()
      result.status = status
      result.headers = { ...headers }
    },
    onData(chunk) {
      expect(result.ended).toBe(false)
      chunks.push(chunk)
    },
    onWhole(text) {
      expect([result.ended, chunks.length]).toEqual([false, 0])
      chunks.push(Buffer.from(text, 'latin1'))
    },
    onEnd() {
      expect(result.ended).toBe(false)
      result.ended = true
    },
  })
  const memory = Buffer.alloc(1 << 16)
  for (const piece of pieces) {
    const bytes = memory.subarray(0, memory.write(piece, 'latin1'))
    parser.push(bytes)
    memory.fill(0x58)
  }
  if (closed) expect(parser.close()).toBe(result.ended)
  result.body = Buffer.concat(chunks).toString('latin1')
  result.keepAlive = parser.keepAlive
  return result
}

const cutAt = (text: string, places: readonly number[]): string[] => {
  const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, i) => text.slice(from, sorted[i] ?? text.length)).filter((piece) => piece !== '')
}

const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data).toString('latin1'))
const chunked = (parts: readonly string[], extension = '', trailers = '') =>
  `${parts
    .filter((part) => part !== '')
    .map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`)
    .join('')}0${extension}\r\n${trailers}\r\n`
const framed = fc.oneof(
  bytes.map((body) => ({ framing: `Content-Length: ${body.length}`, wire: body, body, whole: true })),
  fc
    .record({
      parts: fc.array(bytes, { maxLength: 5 }),
      extension: fc.constantFrom('', ';a=b', ' ; x="y"'),
      trailers: fc.constantFrom('', 'x-sum: 1\r\n', 'a: b\r\nc: d\r\n'),
    })
    .map(({ parts, extension, trailers }) => ({
      framing: 'Transfer-Encoding: chunked',
      wire: chunked(parts, extension, trailers),
      body: parts.join(''),
      whole: true,
    })),
  bytes.map((body) => ({ framing: 'X-None: 1', wire: body, body, whole: false })),
)
const interim = fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\n')

describe('an answer', () => {
  test('is the same in whatever pieces it comes, and whole at its last byte only', () => {
    fc.assert(
      fc.property(
        interim,
        framed,
        fc.constantFrom(200, 404, 500),
        fc.array(fc.nat(2000), { maxLength: 12 }),
        (before, answer, status, cuts) => {
          const wire = `${before}HTTP/1.1 ${status} Whatever it is\r\nServer:  a b \r\n${answer.framing}\r\nX-Two: 1\r\nx-two: 2\r\n\r\n${answer.wire}`
          const got = read(cutAt(wire, cuts), true)
          expect(got).toMatchObject({ status, body: answer.body, ended: true, keepAlive: answer.whole })
          expect(got.headers).toMatchObject({ server: 'a b', 'x-two': '1, 2' })
          if (answer.whole) {
            expect(read(cutAt(wire.slice(0, -1), cuts), true).ended).toBe(false)
            expect(() => read([...cutAt(wire, cuts), 'H'])).toThrow(/more bytes/)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('comes byte by byte', () => {
    const wire = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunked(['data: 1\n\n', 'data: [DONE]\n\n'], ';q', 'a: b\r\n')}`
    expect(read([...wire])).toMatchObject({ status: 200, body: 'data: 1\n\ndata: [DONE]\n\n', ended: true, keepAlive: true })
  })

  test('has no body when its status says so', () => {
    for (const status of [204, 304])
      expect(read([`HTTP/1.1 ${status} No\r\ncontent-length: 10\r\n\r\n`])).toMatchObject({
        status,
        body: '',
        ended: true,
        keepAlive: true,
      })
  })

  test.each([
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: Close\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: Keep-Alive\r\n\r\n', true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', true],
    ['HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', true],
    ['HTTP/1.1 200\r\ncontent-length: 0\r\nconnection: x-closed, keep-alive\r\n\r\n', true],
  ])('%j leaves a connection that can be used again: %s', (wire, keepAlive) => {
    expect(read([wire])).toMatchObject({ ended: true, keepAlive })
  })

  const head = 'HTTP/1.1 200 OK\r\n'
  test.each([
    ['no status line', 'hello\r\n\r\n'],
    ['another protocol', 'HTTP/2 200\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching\r\nupgrade: websocket\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['the same length twice', `${head}content-length: 1\r\ncontent-length: 1\r\n\r\na`],
    ['two lengths', `${head}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
    ['a list of lengths', `${head}content-length: 1, 1\r\n\r\na`],
    ['a negative length', `${head}content-length: -1\r\n\r\n`],
    ['a hexadecimal length', `${head}content-length: 0x2\r\n\r\nab`],
    ['a length beside a coding', `${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['another coding', `${head}transfer-encoding: gzip\r\n\r\n`],
    ['two codings', `${head}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `${head}a: b\r\n c: d\r\n\r\n`],
    ['a space before the colon', `${head}content-length : 2\r\n\r\nab`],
    ['a header without a name', `${head}: b\r\n\r\n`],
    ['a header without a colon', `${head}abc\r\n\r\n`],
    ['a zero byte in a value', `${head}a: b\0c\r\n\r\n`],
    ['a bare LF between headers', `${head}a: b\nc: d\r\n\r\n`],
    ['a bare CR in a value', `${head}a: b\rc\r\n\r\n`],
    ['more than it announced', `${head}content-length: 1\r\n\r\nab`],
    ['a chunk that is longer than its size', `${head}transfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`],
    ['a chunk size with a sign', `${head}transfer-encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n`],
    ['a chunk size with a prefix', `${head}transfer-encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n`],
    ['an empty chunk size', `${head}transfer-encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n`],
    ['a chunk size without end', `${head}transfer-encoding: chunked\r\n\r\n${'1'.repeat(20)}\r\n`],
    ['a bare LF after a chunk size', `${head}transfer-encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n`],
    ['a bare LF after a chunk', `${head}transfer-encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n`],
    ['an endless chunk extension', `${head}transfer-encoding: chunked\r\n\r\n2;${'a'.repeat(5000)}`],
    ['endless trailers', `${head}transfer-encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(2000)}`],
    ['an endless head', `${head}${'a: b\r\n'.repeat(12_000)}`],
    ['a header that does not end', `${head}a: ${'b'.repeat(70_000)}`],
    ['hundreds of headers', `${head}${'a: b\r\n'.repeat(300)}\r\n`],
  ])('with %s is refused', (_what, wire) => {
    expect(() => read([wire.slice(0, 60_000), wire.slice(60_000)])).toThrow()
    expect(() =>
      read(
        cutAt(wire, [20, 25, 60, 61, 62, 70]).flatMap((piece) =>
          piece.length > 60_000 ? [piece.slice(0, 60_000), piece.slice(60_000)] : [piece],
        ),
      ),
    ).toThrow()
  })

  test('of bytes that mean nothing ends in a refusal or waits, and never in a whole answer to something else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 8 }), (pieces) => {
        try {
          expect(
            read(
              pieces.map((piece) => Buffer.from(piece).toString('latin1')),
              true,
            ).status,
          ).toBeUndefined()
        } catch (error) {
          expect((error as Error).name).not.toBe('AssertionError')
        }
      }),
    )
  })
})
