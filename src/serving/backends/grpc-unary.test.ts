import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttp1 } from 'node:http'
import {
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { callUnary, grpcStatusName, type UnaryCall } from './grpc-unary.ts'

const GRPC = { ':status': 200, 'content-type': 'application/grpc' }
const FRAME = Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69])

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** Each connection must be gone when the call is: that is checked after each test, before anything is closed from this side. */
async function listen(server: Server | Http2Server | Http2SecureServer, canLinger = false): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // the other side ends as it likes
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closers.push(async () => {
    if (!canLinger) await expect.poll(() => sockets.size).toBe(0)
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => server.close(done))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function grpcServer(
  answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  canLinger?: boolean,
): Promise<string> {
  const server = createHttp2()
  server.on('session', (session: ServerHttp2Session) => session.on('error', () => {}))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answer(stream, headers)
  })
  return `http://${await listen(server, canLinger)}`
}

const socketServer = (onSocket: (socket: Socket) => void) => listen(createSocketServer((socket) => onSocket(socket.resume())))

function respond(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string> = { 'grpc-status': '0' }, headers = GRPC): void {
  stream.respond(headers, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  stream.end(body)
}

const call = (address: string, rest: Partial<UnaryCall> = {}) =>
  callUnary(address, { path: '/a.B/C', message: Buffer.from('question'), signal: new AbortController().signal, timeoutMs: 5_000, ...rest })
const failure = (status: string, message: unknown) => expect.objectContaining({ name: 'GrpcError', status, message })

describe('a unary call', () => {
  it('asks as gRPC asks', async () => {
    const asked: unknown[] = []
    const address = await grpcServer((stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        asked.push(Buffer.concat(chunks).toString('latin1'), headers)
        respond(stream, FRAME)
      })
    })
    expect((await call(`${address}/ignored`, { bearer: 'secret', timeoutMs: 1_500.5 })).toString()).toBe('hi')
    expect(asked).toEqual([
      '\0\0\0\0\x08question',
      expect.objectContaining({
        ':method': 'POST',
        ':path': '/a.B/C',
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': '1501m',
        authorization: 'Bearer secret',
      }),
    ])
  })

  it('an empty answer, and one that comes byte by byte', async () => {
    expect(await call(await grpcServer((stream) => respond(stream, Buffer.alloc(5))))).toHaveLength(0)
    const slow = await grpcServer((stream) => {
      stream.respond(GRPC, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      const bytes = [...FRAME]
      const timer = setInterval(() => {
        const byte = bytes.shift()
        if (byte !== undefined) return stream.write(Buffer.from([byte]))
        clearInterval(timer)
        stream.end()
      }, 2)
    })
    expect((await call(slow)).toString()).toBe('hi')
  })

  it('by TLS, where its certificate is trusted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'strata-grpc-'))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=grpc', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], {
      stdio: 'ignore',
    })
    const server = createSecureHttp2({ key: readFileSync(key), cert: readFileSync(cert) })
    server.on('stream', (stream) => respond(stream, FRAME))
    const address = `https://${await listen(server)}`
    const trusted = getCACertificates('default')
    try {
      await expect(call(address)).rejects.toEqual(failure('UNAVAILABLE', expect.stringContaining('self-signed certificate')))
      setDefaultCACertificates([...trusted, readFileSync(cert, 'utf8')])
      expect((await call(address)).toString()).toBe('hi')
    } finally {
      setDefaultCACertificates(trusted)
      rmSync(folder, { recursive: true })
    }
  })

  it('a server that ends the connection when it has answered', async () => {
    // Node's own server keeps its half of such a connection.
    const address = await grpcServer((stream) => {
      stream.session?.goaway(0)
      respond(stream, FRAME)
    }, true)
    expect((await call(address)).toString()).toBe('hi')
  })
})

describe('what the server says', () => {
  const cases: [string, (stream: ServerHttp2Stream) => void, unknown][] = [
    [
      'a status behind an answer',
      (stream) => respond(stream, Buffer.alloc(0), { 'grpc-status': '9', 'grpc-message': 'n%C3%A9 100%, %zz' }),
      failure('FAILED_PRECONDITION', 'it says FAILED_PRECONDITION: né 100%, %zz'),
    ],
    [
      'a status and nothing else',
      (stream) => stream.respond({ ...GRPC, 'grpc-status': '5', 'grpc-message': 'no such' }, { endStream: true }),
      failure('NOT_FOUND', 'it says NOT_FOUND: no such'),
    ],
    ['a status without words', (stream) => respond(stream, FRAME, { 'grpc-status': '99' }), failure('status 99', 'it says status 99')],
    [
      'no status',
      (stream) => {
        stream.respond(GRPC)
        stream.end(FRAME)
      },
      failure('UNAVAILABLE', 'it broke off its answer'),
    ],
    [
      'a status that is none',
      (stream) => respond(stream, FRAME, { 'grpc-status': 'x' }),
      failure('UNAVAILABLE', 'it broke off its answer'),
    ],
    ['OK and nothing else', (stream) => respond(stream, Buffer.alloc(0)), failure('INTERNAL', 'it says OK, and nothing else')],
    ['compressed', (stream) => respond(stream, Buffer.from([1, 0, 0, 0, 0])), failure('INTERNAL', expect.stringContaining('compressed'))],
    [
      'two messages',
      (stream) => respond(stream, Buffer.concat([FRAME, FRAME])),
      failure('INTERNAL', 'its answer should be one message of 2 bytes, and has 9'),
    ],
    [
      'half a message',
      (stream) => respond(stream, FRAME.subarray(0, 6)),
      failure('INTERNAL', 'its answer should be one message of 2 bytes, and has 1'),
    ],
    [
      'no end of bytes',
      (stream) => {
        stream.respond(GRPC)
        const more = () => {
          if (stream.destroyed) return
          stream.write(Buffer.alloc(65_536))
          setImmediate(more)
        }
        more()
      },
      failure('RESOURCE_EXHAUSTED', 'its answer is longer than 1048576 bytes'),
    ],
    [
      'a page',
      (stream) => respond(stream, FRAME, {}, { ...GRPC, 'content-type': 'text/html' }),
      failure('UNAVAILABLE', 'it answers, but not as gRPC does'),
    ],
    [
      'not found',
      (stream) => respond(stream, FRAME, {}, { ...GRPC, ':status': 404 }),
      failure('UNAVAILABLE', 'it answers HTTP 404, and not as gRPC does'),
    ],
    [
      'not for you',
      (stream) => respond(stream, FRAME, {}, { ...GRPC, ':status': 401 }),
      failure('UNAUTHENTICATED', 'it refuses our credentials (HTTP 401)'),
    ],
    ['the call is refused', (stream) => stream.close(8), failure('UNAVAILABLE', 'it ended the call without an answer')],
    ['the call fails', (stream) => stream.close(2), failure('UNAVAILABLE', expect.stringContaining('NGHTTP2_INTERNAL_ERROR'))],
    ['enough of us', (stream) => stream.session?.goaway(11), failure('UNAVAILABLE', 'it ended the connection (HTTP/2 error 11)')],
    ['the connection breaks', (stream) => stream.session?.destroy(), failure('UNAVAILABLE', 'it ended the call without an answer')],
  ]
  it.each(cases)('%s', async (_, answer, expected) => {
    await expect(call(await grpcServer(answer))).rejects.toEqual(expected)
  })

  it('codes have names', () => {
    expect([0, 4, 16, 17].map(grpcStatusName)).toEqual(['OK', 'DEADLINE_EXCEEDED', 'UNAUTHENTICATED', 'status 17'])
  })
})

describe('what is no server of gRPC', () => {
  it('nobody', async () => {
    const nobody = createSocketServer()
    await new Promise<void>((done) => nobody.listen(0, '127.0.0.1', done))
    const { port } = nobody.address() as AddressInfo
    await new Promise((done) => nobody.close(done))
    for (const address of [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`])
      await expect(call(address)).rejects.toEqual(failure('UNAVAILABLE', 'nobody listens there (connection refused)'))
  })

  it('HTTP/1, with and without TLS', async () => {
    const address = await listen(createHttp1((_, answer) => answer.end('page')))
    await expect(call(`http://${address}`)).rejects.toEqual(
      failure('UNAVAILABLE', expect.stringMatching(/^it does not speak gRPC there \(HTTP\/2: /)),
    )
    await expect(call(`https://${address}`)).rejects.toEqual(
      failure('UNAVAILABLE', expect.stringMatching(/^it does not speak gRPC over TLS there/)),
    )
  })

  it('one that breaks connections', async () => {
    const broken = failure('UNAVAILABLE', expect.stringMatching(/^it (broke the connection|ended the call without an answer)$/))
    await expect(call(`http://${await socketServer((socket) => socket.destroy())}`)).rejects.toEqual(broken)
    await expect(call(`http://${await socketServer((socket) => socket.resetAndDestroy())}`)).rejects.toEqual(broken)
  })

  it('one that says nothing, in time and when nobody wants to know any more', async () => {
    const address = `http://${await socketServer(() => {})}`
    await expect(call(address, { timeoutMs: 100 })).rejects.toEqual(failure('DEADLINE_EXCEEDED', 'it has not answered within 0.1 s'))
    const caller = new AbortController()
    const pending = call(address, { signal: caller.signal })
    setTimeout(() => caller.abort(new Error('enough')), 50)
    await expect(pending).rejects.toThrow('enough')
    await expect(call(address, { signal: caller.signal })).rejects.toThrow('enough')
  })

  it('any bytes', async () => {
    let bytes = Buffer.alloc(0)
    const address = `http://${await socketServer((socket) => socket.end(bytes))}`
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.uint8Array({ maxLength: 100 }), async (isHttp2, random) => {
        bytes = Buffer.concat(isHttp2 ? [settings, random] : [random])
        await expect(call(address, { timeoutMs: 500 })).rejects.toMatchObject({ name: 'GrpcError' })
      }),
      { numRuns: 100 },
    )
  })
})
