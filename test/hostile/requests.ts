/** Requests that nobody means well with and that every HTTP server of ours must refuse: the gateway's and control's suites both send them. */

/** Where they are sent: a place that takes a POST of `body` by who sends `authorization`, and one that answers a GET. */
export interface Door {
  readonly authorization: string
  readonly path: string
  readonly body: string
  readonly readPath: string
}

const HOST = 'Host: 127.0.0.1'

export const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`
export const lengthOf = (content: string) => `Content-Length: ${Buffer.byteLength(content)}`

export function post(door: Door, headers: readonly string[], content = door.body, path = door.path): string {
  return (
    lines(`POST ${path} HTTP/1.1`, HOST, `Authorization: ${door.authorization}`, 'Content-Type: application/json', ...headers) + content
  )
}

export const withBody = (door: Door, content: string) => post(door, [lengthOf(content)], content)
export const get = (door: Door, ...headers: string[]) => lines(`GET ${door.readPath} HTTP/1.1`, HOST, ...headers)

/** What stands behind a request that is not what it seems: answered, it was smuggled. */
const behind = (door: Door) => get(door, 'X-Smuggled: yes')

type Case = readonly [name: string, bytes: (door: Door) => string | Buffer]

/** The connection's framing is in doubt: refused, and nothing after it is read. */
export const ILL_FRAMED: readonly Case[] = [
  ['both lengths', (door) => post(door, [lengthOf(door.body), 'Transfer-Encoding: chunked'], `0\r\n\r\n${behind(door)}`)],
  [
    'both lengths, the other way round',
    (door) => post(door, ['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${behind(door)}`),
  ],
  ['two different lengths', (door) => post(door, ['Content-Length: 0', `Content-Length: ${behind(door).length}`], behind(door))],
  ['the same length twice', (door) => post(door, [lengthOf(door.body), lengthOf(door.body)])],
  ['a negative length', (door) => post(door, ['Content-Length: -1'])],
  ['a length with a sign', (door) => post(door, ['Content-Length: +10'])],
  ['a length in words', (door) => post(door, ['Content-Length: ten'])],
  ['an empty length', (door) => post(door, ['Content-Length:'])],
  ['a hexadecimal length', (door) => post(door, ['Content-Length: 0x10'])],
  ['a length with a space in it', (door) => post(door, ['Content-Length: 1 0'])],
  ['a length with a fraction', (door) => post(door, ['Content-Length: 1.0'])],
  ['a list of lengths', (door) => post(door, ['Content-Length: 10, 10'])],
  ['a length beyond 64 bits', (door) => post(door, ['Content-Length: 99999999999999999999999'])],
  ['an unknown transfer coding', (door) => post(door, ['Transfer-Encoding: cow'])],
  ['an obfuscated transfer coding', (door) => post(door, ['Transfer-Encoding: xchunked'])],
  ['a quoted transfer coding', (door) => post(door, ['Transfer-Encoding: "chunked"'])],
  ['chunked not at the end', (door) => post(door, ['Transfer-Encoding: chunked, identity'])],
  [
    'chunked in a second line that is undone by a third',
    (door) => post(door, ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']),
  ],
  ['a space before the colon', (door) => post(door, ['Transfer-Encoding : chunked'])],
  ['a tab in a header name', (door) => post(door, ['Transfer\tEncoding: chunked'])],
  ['a vertical tab before chunked', (door) => post(door, ['Transfer-Encoding: \x0bchunked'])],
  ['a NUL behind chunked', (door) => post(door, ['Transfer-Encoding: chunked\0'])],
  ['a folded transfer coding', (door) => post(door, ['Transfer-Encoding:\r\n chunked'])],
  ['a folded header', (door) => post(door, ['X-Fold: a\r\n b', lengthOf(door.body)])],
  ['a folded first header', (door) => `POST ${door.path} HTTP/1.1\r\n Host: x\r\n\r\n`],
  ['a NUL in a header', (door) => post(door, ['X-Nul: a\0b', lengthOf(door.body)])],
  ['a bare CR in a header', (door) => post(door, ['X-Cr: a\rb', lengthOf(door.body)])],
  ['a bare LF after a header', (door) => post(door, ['X-Lf: a\nContent-Length: 0'], behind(door))],
  ['bare LFs for all line ends', (door) => get(door).replaceAll('\r\n', '\n')],
  ['bare CRs for all line ends', (door) => `${get(door).replaceAll('\r\n', '\r')}\r\n\r\n`],
  ['a bare LF after the request line', (door) => get(door).replace('\r\n', '\n')],
  ['a header without a colon', (door) => post(door, ['nonsense', lengthOf(door.body)])],
  ['a header without a name', (door) => post(door, [': nonsense', lengthOf(door.body)])],
  ['a chunk size that is not one', (door) => post(door, ['Transfer-Encoding: chunked'], 'zz\r\n')],
  ['an empty chunk size', (door) => post(door, ['Transfer-Encoding: chunked'], `\r\n\r\n${behind(door)}`)],
  ['a negative chunk size', (door) => post(door, ['Transfer-Encoding: chunked'], '-5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size with a prefix', (door) => post(door, ['Transfer-Encoding: chunked'], '0x5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size with a space before it', (door) => post(door, ['Transfer-Encoding: chunked'], ' 5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size beyond 64 bits', (door) => post(door, ['Transfer-Encoding: chunked'], 'fffffffffffffffff\r\nx\r\n')],
  ['a chunk longer than its size', (door) => post(door, ['Transfer-Encoding: chunked'], '3\r\nhello\r\n0\r\n\r\n')],
  ['a chunk that ends in a bare LF', (door) => post(door, ['Transfer-Encoding: chunked'], `5\nhello\n0\n\n${behind(door)}`)],
  ['a chunk whose data ends in a bare LF', (door) => post(door, ['Transfer-Encoding: chunked'], `5\r\nhello\n0\r\n\r\n${behind(door)}`)],
  ['a chunk extension with a bare LF', (door) => post(door, ['Transfer-Encoding: chunked'], `5;a=b\nhello\r\n0\r\n\r\n${behind(door)}`)],
  ['a chunk extension without end', (door) => post(door, ['Transfer-Encoding: chunked'], `5;${'a'.repeat(200_000)}`)],
  ['trailers without end', (door) => post(door, ['Transfer-Encoding: chunked'], `0\r\n${'X-T: 1\r\n'.repeat(50_000)}`)],
  ['a space before the request line', (door) => ` ${get(door)}`],
  ['two spaces in the request line', (door) => get(door).replace('GET ', 'GET  ').replace(' HTTP', ' x HTTP')],
]

/** No HTTP/1.1 at all, or far too much of it. */
export const NOT_HTTP: readonly Case[] = [
  ['no Host', (door) => lines(`GET ${door.readPath} HTTP/1.1`)],
  ['two Hosts', (door) => get(door, 'Host: elsewhere')],
  ['HTTP/0.9', () => 'GET /\r\n\r\n'],
  ['an unknown version', (door) => get(door).replace('1.1', '9.9')],
  ['an unknown method', (door) => get(door).replace('GET', 'COW')],
  ['a lower-case method', (door) => get(door).replace('GET', 'get')],
  ['TLS on the plain port', () => Buffer.from('16030100f8010000f40303', 'hex')],
  ['random bytes', () => Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 197 + 31) % 256))],
  ['an SSH greeting', () => 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['the HTTP/2 preface', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a proxy greeting', () => 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n'],
  ['a target of 1 MB', (door) => get(door).replace(door.readPath, `/${'a'.repeat(1_000_000)}`)],
  ['a header of 100 KB', (door) => get(door, `X-Big: ${'a'.repeat(100_000)}`)],
  ['a header name of 100 KB', (door) => get(door, `X-${'a'.repeat(100_000)}: 1`)],
  ['a thousand headers', (door) => get(door, ...Array.from({ length: 1000 }, (_, i) => `X-${i}: 1`))],
  ['twenty thousand empty headers', (door) => get(door, ...Array.from({ length: 20_000 }, () => 'a:'))],
  ['CONNECT', () => lines('CONNECT example.com:443 HTTP/1.1', 'Host: example.com:443')],
  ['an expectation that nobody knows', (door) => post(door, ['Expect: wonders', lengthOf(door.body)])],
  ['a target with a control character', (door) => get(door).replace(door.readPath, '/a\x01b')],
  ['a target with bytes that are no UTF-8', (door) => Buffer.from(get(door).replace(door.readPath, '/\xff\xfe'), 'latin1')],
  ['an asterisk for a target', (door) => get(door).replace(door.readPath, '*')],
]

/** Well framed, and yet nothing that is taken. */
export const BAD_BODIES: readonly Case[] = [
  ['two Authorization headers', (door) => post(door, ['Authorization: Bearer other', lengthOf(door.body)])],
  ['a bearer of 8 KB', (door) => withBody({ ...door, authorization: `Bearer ${'x'.repeat(8000)}` }, door.body)],
  ['a bearer with a NUL for a space', (door) => withBody({ ...door, authorization: 'Bearer\x01x' }, door.body)],
  ['credentials of another sort', (door) => withBody({ ...door, authorization: 'Basic eDp5' }, door.body)],
  ['a length over the limit', (door) => post(door, ['Content-Length: 999999999'])],
  ['a length over the limit, to be continued', (door) => post(door, ['Expect: 100-continue', 'Content-Length: 999999999'], '')],
  ['a compressed body', (door) => post(door, ['Content-Encoding: gzip', lengthOf(door.body)])],
  ['a compressed body, twice', (door) => post(door, ['Content-Encoding: gzip, br', lengthOf(door.body)])],
  ['an unknown encoding', (door) => post(door, ['Content-Encoding: cow', lengthOf(door.body)])],
  ['invalid UTF-8', (door) => Buffer.concat([Buffer.from(post(door, ['Content-Length: 9'], '')), Buffer.from('{"a":"\xff"}', 'latin1')])],
  [
    'UTF-16',
    (door) => Buffer.concat([Buffer.from(post(door, [`Content-Length: ${door.body.length * 2}`], '')), Buffer.from(door.body, 'utf16le')]),
  ],
  ['nothing', (door) => post(door, ['Content-Length: 0'], '')],
  ['white space', (door) => withBody(door, ' \n ')],
  ['JSON cut short', (door) => withBody(door, door.body.slice(0, -3))],
  ['JSON and more', (door) => withBody(door, `${door.body}{}`)],
  ['JSON that is nested very deeply', (door) => withBody(door, `${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
  ['objects that are nested very deeply', (door) => withBody(door, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
  ['a list of nothing', (door) => withBody(door, '[null]')],
  ['a number', (door) => withBody(door, '1e999')],
  ['__proto__ that brings all of it', (door) => withBody(door, `{"__proto__":${door.body}}`)],
  ['constructor.prototype that brings all of it', (door) => withBody(door, `{"constructor":{"prototype":${door.body}}}`)],
  ['single quotes', (door) => withBody(door, door.body.replaceAll('"', "'"))],
  ['a form', (door) => withBody(door, 'a=b&c=d')],
]
