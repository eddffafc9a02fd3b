import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Malformed } from './head.ts'
import { RequestParser } from './request-parser.ts'

/** What a parser makes of bytes that come in these pieces, each overwritten afterwards, when every request is answered as soon as it is whole. */
function read(pieces: readonly string[]): string[] {
  const requests: string[] = []
  let line = ''
  let body: Buffer[] = []
  const parser = new RequestParser({
    onRequest: ({ method, target, headers }) => {
      line = `${method} ${target} ${headers['x-n'] ?? ''}`
      body = []
    },
    onBody: (chunk) => {
      expect(chunk.buffer.byteLength - chunk.length).toBeLessThanOrEqual(8 * 1024)
      body.push(chunk)
    },
    onBodyEnd: () => {
      requests.push(`${line}|${Buffer.concat(body).toString('latin1')}`)
      kept.push({ body, was: Buffer.concat(body).toString('latin1') })
      parser.next()
    },
  })
  const kept: { body: Buffer[]; was: string }[] = []
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1')
    parser.push(bytes)
    bytes.fill('!')
  }
  for (const { body: pieces, was } of kept) expect(Buffer.concat(pieces).toString('latin1')).toBe(was)
  return requests
}

const cutAt = (text: string, places: readonly number[]): string[] => {
  const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...sorted].map((from, i) => text.slice(from, sorted[i] ?? text.length)).filter((piece) => piece !== '')
}
const bytes = fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data).toString('latin1'))
const request = fc.oneof(
  fc
    .constantFrom('', '\r\n', '\r\n\r\n')
    .map((before) => ({ wire: `${before}GET /a?b HTTP/1.1\r\nHost: x\r\nX-N: 1\r\n\r\n`, is: 'GET /a?b 1|' })),
  bytes.map((body) => ({ wire: `PUT /b HTTP/1.1\r\nHost: x\r\ncontent-length:${body.length}\r\n\r\n${body}`, is: `PUT /b |${body}` })),
  fc.array(bytes, { maxLength: 4 }).map((parts) => ({
    wire: `POST * HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked \r\n\r\n${parts
      .filter((part) => part !== '')
      .map((part) => `${part.length.toString(16).toUpperCase()} ;a="b"\r\n${part}\r\n`)
      .join('')}000\r\na: b\r\n\r\n`,
    is: `POST * |${parts.join('')}`,
  })),
)

describe('requests', () => {
  test('are the same in whatever pieces they come, and none is told before its last byte', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(3000), { maxLength: 12 }), (requests, cuts) => {
        const wire = requests.map((one) => one.wire).join('')
        const are = requests.map((one) => one.is)
        expect(read(cutAt(wire, cuts))).toEqual(are)
        expect(read(cutAt(wire.slice(0, -1), cuts))).toEqual(are.slice(0, -1))
      }),
      { numRuns: 500 },
    )
  })

  test('come byte by byte', () => {
    const wire = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n'
    expect(read([...wire])).toEqual(['POST / |abc', 'GET / |'])
  })

  test('that follow wait for the one before', () => {
    const told: string[] = []
    const parser = new RequestParser({
      onRequest: ({ target }) => void told.push(target),
      onBody: () => undefined,
      onBodyEnd: () => undefined,
    })
    parser.push(Buffer.from('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHo'))
    parser.push(Buffer.from('st: x\r\n\r\nnonsense'))
    expect([told, parser.held]).toEqual([['/1'], 'GET /2 HTTP/1.1\r\nHost: x\r\n\r\nnonsense'.length])
    parser.next()
    expect(told).toEqual(['/1', '/2'])
    expect(() => parser.next()).toThrow(Malformed)
  })

  const get = 'GET / HTTP/1.1\r\nHost: x\r\n'
  test.each([
    ['a space before the method', ` ${get}\r\n`],
    ['two spaces in the line', `GET  / HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a tab in the line', `GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['no target', `GET HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a target that is not ASCII', `GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['lower-case http', `GET / http/1.1\r\nHost: x\r\n\r\n`],
    ['HTTP/1.2', `GET / HTTP/1.2\r\nHost: x\r\n\r\n`],
    ['a line of its own', `hello\r\n`],
    ['the end of a line without a beginning', `${get}\n`],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two hosts', `${get}Host: y\r\n\r\n`],
    ['a coding in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a length beside a coding', `${get}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths that are the same', `${get}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
    ['a coding twice', `${get}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an expectation', `${get}Expect: a-miracle\r\n\r\n`],
    ['201 headers', `${get}${'a: b\r\n'.repeat(200)}\r\n`],
    ['a head of 17 KiB', `${get}a: ${'b'.repeat(17_000)}\r\n\r\n`],
  ])('with %s are refused, whole and byte by byte', (_what, wire) => {
    expect(() => read([wire])).toThrow(Malformed)
    expect(() => read([...wire])).toThrow(Malformed)
  })

  test.each([
    'SSH-2.0-x\r\n',
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
    '\x16\x03\x01\x02',
    'GET / HTTP/1.1\n',
    'GET / HTTP/1.1\r\nHost: x\n',
    'get /',
  ])('%j is refused before it ends', (wire) => {
    expect(() => read([wire])).toThrow(Malformed)
  })
  test.each(['G', 'GET', 'GET ', 'GET /very/long', 'GET / H', 'GET / HTTP/1.1\r', 'GET / HTTP/1.1\r\nHo', '\r', '\r\n\r'])(
    '%j may become one',
    (wire) => {
      expect(read([wire])).toEqual([])
    },
  )

  test('of random bytes end in a refusal or wait', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 8 }), (pieces) => {
        try {
          expect(read(pieces.map((piece) => Buffer.from(piece).toString('latin1')))).toEqual([])
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed)
        }
      }),
    )
  })
})
