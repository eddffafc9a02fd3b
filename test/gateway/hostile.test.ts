/**
 * Bytes that nobody means well with, on raw sockets. Allowed are a 4xx in the dialect, a success where it is legal, or a clean close; never a
 * 5xx, a hang, an answer to a smuggled request, or a gateway that does not answer the next client.
 */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY, entriesOf, hello, instance, route, type TestGateway, talk, testGateway, upstream, version } from './harness.ts'

let gateway: TestGateway
let server: Awaited<ReturnType<typeof upstream>>
const seen: string[] = []

beforeAll(async () => {
  server = await upstream((req, res, body) => {
    seen.push(`${req.method} ${req.url} ${body}`)
    talk(['fine'])(req, res, body)
  })
  gateway = await testGateway(entriesOf(route(), version(), instance(server.port)))
})
afterAll(async () => {
  await gateway.close()
  await server.close()
})

/** Sends `bytes`, collects what comes until the peer closes or `quietMs` pass without a byte. */
function raw(bytes: string | Buffer, options: { quietMs?: number; halfClose?: boolean } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(gateway.gateway.port, '127.0.0.1')
    let text = ''
    let timer = setTimeout(done, 3_000)
    function done() {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    socket.on('connect', () => (options.halfClose ? socket.end(bytes) : socket.write(bytes)))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(done, options.quietMs ?? 150)
    })
    socket.on('close', done)
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done() : reject(error)))
  })
}

const body = JSON.stringify(hello())
const auth = `Authorization: Bearer ${API_KEY}`
const post = (headers: string[], content = body, path = '/v1/chat/completions') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${content}`
const length = (content: string) => `Content-Length: ${Buffer.byteLength(content)}`
const withBody = (content: string) => post([auth, length(content)], content)
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

const refused: [string, string | Buffer][] = [
  ['both lengths', post([auth, length(body), 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`)],
  ['two different lengths', post([auth, 'Content-Length: 5', 'Content-Length: 6'])],
  ['a negative length', post([auth, 'Content-Length: -1'])],
  ['a length with a sign', post([auth, 'Content-Length: +10'])],
  ['a length that is not a number', post([auth, 'Content-Length: ten'])],
  ['a hexadecimal length', post([auth, 'Content-Length: 0x10'])],
  ['a list of lengths', post([auth, 'Content-Length: 10, 10'])],
  ['a length beyond 64 bits', post([auth, 'Content-Length: 99999999999999999999999'])],
  ['an unknown transfer coding', post([auth, 'Transfer-Encoding: cow'])],
  ['an obfuscated transfer coding', post([auth, 'Transfer-Encoding: xchunked'])],
  ['chunked not at the end', post([auth, 'Transfer-Encoding: chunked, identity'])],
  ['a space before the colon', post([auth, 'Transfer-Encoding : chunked'])],
  ['a tab in a header name', post([auth, 'Transfer\tEncoding: chunked'])],
  ['a vertical tab before chunked', post([auth, 'Transfer-Encoding: \x0bchunked'])],
  ['a folded header', post([auth, 'X-Fold: a\r\n b', length(body)])],
  ['a NUL in a header', post([auth, 'X-Nul: a\0b', length(body)])],
  ['a bare CR in a header', post([auth, 'X-Cr: a\rb', length(body)])],
  ['a header without a colon', post([auth, 'nonsense', length(body)])],
  ['a chunk size that is not one', post([auth, 'Transfer-Encoding: chunked'], 'zz\r\n')],
  ['a negative chunk size', post([auth, 'Transfer-Encoding: chunked'], '-5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size beyond 64 bits', post([auth, 'Transfer-Encoding: chunked'], 'fffffffffffffffff\r\nx\r\n')],
  ['a chunk longer than its size', post([auth, 'Transfer-Encoding: chunked'], '3\r\nhello\r\n0\r\n\r\n')],
  ['no Host', 'GET /health/live HTTP/1.1\r\n\r\n'],
  ['HTTP/0.9', 'GET /\r\n\r\n'],
  ['an unknown version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
  ['an unknown method', 'COW / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a lower-case method', 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['TLS on the plain port', Buffer.from('16030100f8010000f40303', 'hex')],
  ['random bytes', Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 197 + 31) % 256))],
  ['an SSH greeting', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a target of 1 MB', `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a header of 100 KB', `GET /health/live HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(100_000)}\r\n\r\n`],
  ['a thousand headers', `GET /health/live HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 1000 }, (_, i) => `X-${i}: 1\r\n`).join('')}\r\n`],
  ['an absolute target', 'GET http://elsewhere/health/live HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ['two Authorization headers', post([auth, 'Authorization: Bearer other', length(body)])],
  ['a length over the limit', post([auth, 'Content-Length: 999999999'])],
  ['a compressed body', post([auth, 'Content-Encoding: gzip', length(body)])],
  ['an unknown encoding', post([auth, 'Content-Encoding: cow', length(body)])],
  [
    'invalid UTF-8',
    Buffer.concat([
      Buffer.from(post([auth, 'Content-Length: 20'], '')),
      Buffer.from('{"model":"\xff\xfe\xfd","x":1}', 'latin1').subarray(0, 20),
    ]),
  ],
  ['JSON with a NUL', withBody('{"model":"a\0b"}')],
  ['JSON that is nested very deeply', withBody(`{"model":"nope","messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
  ['JSON cut short', withBody('{"model":"assistant","messages":[')],
  ['a number for a model', withBody('{"model":1,"messages":[]}')],
  ['__proto__ as a model', withBody('{"model":"__proto__","messages":[]}')],
  ['constructor as a model', withBody('{"model":"constructor","messages":[]}')],
  ['__proto__ that brings a model', withBody('{"__proto__":{"model":"assistant","messages":[]}}')],
  ['a model name of 1 MB', withBody(JSON.stringify({ model: 'm'.repeat(1_000_000), messages: [] }))],
  ['messages that are no array', withBody('{"model":"assistant","messages":{"length":9}}')],
  ['a bearer of 8 KB', post([`Authorization: Bearer ${'x'.repeat(8000)}`, length(body)])],
  ['a path with dots', post([auth, length(body)], body, '/v1/../v1/chat/completions')],
  ['a path with an encoded slash', post([auth, length(body)], body, '/v1%2fchat/completions')],
  ['a badly encoded model in the path', `GET /v1/models/%zz HTTP/1.1\r\nHost: x\r\n${auth}\r\n\r\n`],
]

describe('hostile bytes', () => {
  it.each(refused)('%s', async (_name, bytes) => {
    const before = seen.length
    const answer = await raw(bytes)
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
    for (const status of statuses) {
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
    }
    expect(answer).not.toContain(API_KEY)
    expect(seen.slice(before)).toEqual([])
    expect((await gateway.post(hello())).status).toBe(200)
  })

  it('reads the last of two equal JSON keys, as the engine does', async () => {
    const answer = await raw(withBody('{"model":"nope","model":"assistant","messages":[]}'))
    expect(answer).toContain('200 OK')
  })

  it('answers requests in a pipeline one by one, in order', async () => {
    const answer = await raw('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5))
    expect(answer.match(/200 OK/g)).toHaveLength(5)
  })

  it('does not wait for the rest of a body that its sender gave up', async () => {
    const answer = await raw(post([auth, 'Content-Length: 500'], '{"model":'), { halfClose: true })
    expect(answer).not.toMatch(/^HTTP\/1\.1 5/m)
  })

  it('cuts a chunked body at the limit', async () => {
    const piece = `10000\r\n${'a'.repeat(0x10000)}\r\n`
    const answer = await raw(post([auth, 'Transfer-Encoding: chunked'], piece.repeat(300)), { quietMs: 500 })
    expect(answer).toContain('413')
  })

  it('survives 500 clients that close at once', async () => {
    await Promise.all(
      Array.from(
        { length: 500 },
        () =>
          new Promise<void>((resolve) => {
            const socket = connect(gateway.gateway.port, '127.0.0.1', () => {
              socket.write(withBody(body))
              socket.resetAndDestroy()
            })
            socket.on('error', () => undefined)
            socket.on('close', () => resolve())
          }),
      ),
    )
    expect((await gateway.post(hello())).status).toBe(200)
  })

  it('answers beside 200 idle connections', async () => {
    const idle = await Promise.all(
      Array.from(
        { length: 200 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(gateway.gateway.port, '127.0.0.1', () => resolve(socket))
            socket.on('error', () => undefined)
          }),
      ),
    )
    expect((await gateway.post(hello())).status).toBe(200)
    for (const socket of idle) socket.destroy()
  })
})
