/** Clients' connections on real sockets, with handlers that a test scripts: order, reuse, time, and what an answer looks like on the wire. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../kernel/clock.ts'
import { header } from './answer-head.ts'
import type { Exchange } from './exchange.ts'
import { createListener, type Listener } from './listener.ts'

type Handler = (exchange: Exchange) => void | Promise<void>

let listener: Listener
let clock: ManualClock
let malformed: string[]
const clients: Socket[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  listener.drain().cut()
})

async function listen(handler: Handler, tls?: { cert: Buffer; key: Buffer }): Promise<number> {
  clock = manualClock()
  malformed = []
  listener = createListener({
    clock,
    tls,
    onRequest: (exchange) => void handler(exchange),
    refusal: (message) => JSON.stringify({ message }),
    onMalformed: (reason) => void malformed.push(reason),
    lastWord: Buffer.from('data: the end\n\n'),
  })
  listener.server.listen(0, '127.0.0.1')
  await once(listener.server, 'listening')
  return (listener.server.address() as AddressInfo).port
}

interface Client {
  readonly socket: Socket
  text(): string
  closed(): boolean
}

async function client(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  clients.push(socket)
  const seen = { text: '', closed: false }
  socket.on('data', (chunk) => {
    seen.text += chunk.toString('latin1')
  })
  socket.on('close', () => {
    seen.closed = true
  })
  socket.on('error', () => undefined) // `close` tells it
  await once(socket, 'connect')
  return { socket, text: () => seen.text, closed: () => seen.closed }
}

const text = (exchange: Exchange, body: string) => exchange.answer(200, header('content-type', 'text/plain'), Buffer.from(body))
const echo: Handler = async (exchange) => {
  const body = await exchange.readBody(1_000_000)
  if (Buffer.isBuffer(body)) text(exchange, `${exchange.method} ${exchange.target} ${body.toString('latin1')}`)
  else if (body === 'too_large') exchange.answer(413, '')
}
const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`
const post = (body: string, ...headers: string[]) =>
  `POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`
/** Bodies of answers with a length, in order. */
function bodiesOf(wire: string): string[] {
  const bodies: string[] = []
  for (let at = 0; at < wire.length; ) {
    const end = wire.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const length = Number(/content-length: (\d+)/.exec(wire.slice(at, end))?.[1] ?? 0)
    bodies.push(wire.slice(end + 4, end + 4 + length))
    at = end + 4 + length
  }
  return bodies
}

describe('requests', () => {
  test('are the same in whatever pieces they come, one answer each, in order', async () => {
    const port = await listen(echo)
    const body = fc.stringMatching(/^[a-z\r\n]{0,60}$/)
    const request = fc.oneof(
      body.map((content) => ({ wire: post(content), meaning: `POST /p ${content}` })),
      fc.array(body, { maxLength: 4 }).map((parts) => ({
        wire: `POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n${parts
          .filter((part) => part !== '')
          .map((part) => `${part.length.toString(16)};x=y\r\n${part}\r\n`)
          .join('')}0\r\nTrailer: 1\r\n\r\n`,
        meaning: `POST /c ${parts.join('')}`,
      })),
      fc.constant({ wire: `\r\n${get('/g?q=1')}`, meaning: 'GET /g?q=1 ' }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(600), { maxLength: 6 }),
        async (requests, cuts) => {
          const wire = requests.map((one) => one.wire).join('')
          const places = [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].sort((a, b) => a - b)
          const { socket, text: answered } = await client(port)
          socket.setNoDelay(true)
          for (const [i, from] of [0, ...places].entries()) {
            socket.write(wire.slice(from, places[i] ?? wire.length))
            await sleep(1)
          }
          await expect.poll(() => bodiesOf(answered()).length, { interval: 2, timeout: 2_000 }).toBe(requests.length)
          expect(bodiesOf(answered())).toEqual(requests.map((one) => one.meaning))
          socket.destroy()
        },
      ),
      { numRuns: 60 },
    )
    expect(malformed).toEqual([])
  })

  test('of a pipeline wait for the answers before them', async () => {
    let release: (() => void) | undefined
    const paths: string[] = []
    const port = await listen(async (exchange) => {
      paths.push(exchange.path)
      if (exchange.path === '/slow') await new Promise<void>((resolve) => (release = resolve))
      text(exchange, exchange.path)
    })
    const { socket, text: answered } = await client(port)
    // More than may be held: the rest waits in the network.
    const many = Array.from({ length: 2_000 }, (_, i) => get(`/${i}`))
    socket.write(get('/slow') + many.join(''))
    await expect.poll(() => release).toBeDefined()
    await sleep(50)
    expect(paths).toEqual(['/slow'])
    release!()
    await expect.poll(() => bodiesOf(answered()).length, { timeout: 5_000 }).toBe(2_001)
    expect(bodiesOf(answered())).toEqual(['/slow', ...many.map((_, i) => `/${i}`)])
  })

  test('that ask for it are told to go on, when somebody wants the body', async () => {
    const port = await listen(echo)
    const { socket, text: answered } = await client(port)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
    await expect.poll(answered).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('ab')
    await expect.poll(answered).toMatch(/\r\n\r\nPOST \/ ab$/)
  })

  test('whose body is too large are told so at once', async () => {
    const port = await listen(async (exchange) => exchange.answer((await exchange.readBody(10)) === 'too_large' ? 413 : 200, ''))
    const { socket, text: answered, closed } = await client(port)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n')
    await expect.poll(answered).toMatch(/^HTTP\/1\.1 413 .*connection: close\r\n\r\n$/s)
    clock.advance(2_000)
    await expect.poll(closed, { timeout: 3_000 }).toBe(true)
  })

  test('that nobody reads leave a connection that goes on, when little is left of them', async () => {
    const port = await listen((exchange) => exchange.answer(401, ''))
    const { socket, text: answered } = await client(port)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    await expect.poll(answered).toMatch(/^HTTP\/1\.1 401 /)
    socket.write('a'.repeat(1000) + get('/next'))
    await expect.poll(() => answered().match(/HTTP\/1\.1 401/g)?.length).toBe(2)
  })
})

describe('an answer', () => {
  test.each([
    ['HTTP/1.1', get('/'), false],
    ['HTTP/1.1 that wants no more', get('/', 'Connection: foo, Close'), true],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', true],
    ['HTTP/1.0 that wants more', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', false],
  ])('to %s ends as it was asked to', async (_how, request, ends) => {
    const port = await listen((exchange) => text(exchange, 'fine'))
    const { socket, text: answered, closed } = await client(port)
    socket.write(request)
    await expect.poll(answered).toMatch(/fine$/)
    expect(answered()).toContain(ends ? 'connection: close' : 'connection: keep-alive\r\nkeep-alive: timeout=65')
    if (ends) await expect.poll(closed).toBe(true)
    else {
      socket.write(request)
      await expect.poll(() => answered().match(/fine/g)?.length).toBe(2)
    }
  })

  test('comes in chunks, or until the end where there are none', async () => {
    const port = await listen(async (exchange) => {
      exchange.writeHead(200, header('content-type', 'text/event-stream'))
      exchange.write(Buffer.from('one'))
      await sleep(5)
      exchange.write(Buffer.alloc(20_000, 0x61))
      exchange.end()
    })
    const modern = await client(port)
    modern.socket.write(get('/') + get('/'))
    const whole = `3\r\none\r\n4e20\r\n${'a'.repeat(20_000)}\r\n0\r\n\r\n`
    await expect.poll(() => modern.text().split(whole).length).toBe(3)
    expect(modern.text()).toContain('transfer-encoding: chunked')
    const old = await client(port)
    old.socket.write('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    await expect.poll(old.closed).toBe(true)
    expect(old.text().slice(old.text().indexOf('\r\n\r\n') + 4)).toBe(`one${'a'.repeat(20_000)}`)
  })

  test('to HEAD, and one without content, has no body', async () => {
    const port = await listen((exchange) => (exchange.method === 'HEAD' ? text(exchange, 'hidden') : exchange.answer(204, '')))
    const { socket, text: answered } = await client(port)
    socket.write(get('/').replace('GET', 'HEAD') + get('/'))
    await expect
      .poll(answered)
      .toMatch(/^HTTP\/1\.1 200 OK\r\n.*content-length: 6\r\n.*\r\n\r\nHTTP\/1\.1 204 No Content\r\n(?!.*content-length)/s)
  })

  test('of many megabytes waits for its reader', async () => {
    const size = 30_000_000
    const port = await listen((exchange) => exchange.answer(200, '', Buffer.alloc(size, 0x61)))
    const { socket, text: answered } = await client(port)
    socket.pause()
    socket.write(get('/', 'Connection: close'))
    await sleep(50)
    clock.advance(30_000)
    await sleep(1_100)
    socket.resume()
    await expect.poll(() => answered().length, { timeout: 5_000 }).toBeGreaterThanOrEqual(size)
  })

  test('that nobody takes is given up', async () => {
    const port = await listen((exchange) => exchange.answer(200, '', Buffer.alloc(30_000_000, 0x61)))
    const { socket } = await client(port)
    socket.pause()
    socket.write(get('/'))
    const connections = () => new Promise<number>((resolve) => listener.server.getConnections((_error, count) => resolve(count)))
    await expect.poll(connections).toBe(1)
    for (let i = 0; i < 3; i++) {
      await sleep(1_100)
      clock.advance(61_000)
    }
    await expect.poll(connections, { timeout: 3_000 }).toBe(0)
  })

  test('tells its handler when the client is gone', async () => {
    let gone = 0
    const port = await listen(async (exchange) => {
      exchange.onGone = () => {
        gone += 1
      }
      await exchange.readBody(1_000)
    })
    const cut = await client(port)
    cut.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12')
    const waits = await client(port)
    waits.socket.write(post('ab'))
    await sleep(30)
    cut.socket.destroy()
    waits.socket.end()
    await expect.poll(() => gone).toBe(2)
  })

  test.each(['ends', 'breaks'])('tells its handler when a client %s that has asked for more meanwhile', async (how) => {
    let gone = 0
    const port = await listen((exchange) => {
      exchange.onGone = () => {
        gone += 1
      }
    })
    const { socket } = await client(port)
    socket.write(get('/').repeat(1_000))
    await sleep(50)
    expect(gone).toBe(0)
    if (how === 'ends') socket.end()
    else socket.resetAndDestroy()
    await expect.poll(() => gone).toBe(1)
  })

  test('keeps its lines', async () => {
    const thrown: unknown[] = []
    const port = await listen((exchange) => {
      try {
        exchange.answer(200, header('x-evil', 'a\r\nset-cookie: b'))
      } catch (error) {
        thrown.push(error)
        exchange.destroy()
      }
    })
    const { socket, text: answered, closed } = await client(port)
    socket.write(get('/'))
    await expect.poll(closed).toBe(true)
    expect([answered(), thrown.length]).toEqual(['', 1])
  })
})

describe('time', () => {
  test('an idle connection, one that does not end its head, and one that does not end its body', async () => {
    const port = await listen(echo)
    const [idle, head, body] = [await client(port), await client(port), await client(port)]
    idle.socket.write(get('/'))
    head.socket.write('GET / HTTP/1.1\r\nHo')
    body.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
    await expect.poll(idle.text).toMatch(/200 OK/)
    clock.advance(16_000)
    await expect.poll(head.closed, { timeout: 4_000 }).toBe(true)
    expect(head.text()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect([idle.closed(), body.closed()]).toEqual([false, false])
    clock.advance(45_000)
    clock.advance(2_000)
    await expect.poll(() => body.text(), { timeout: 4_000 }).toMatch(/^HTTP\/1\.1 408 /)
    expect(idle.closed()).toBe(false)
    clock.advance(10_000)
    await expect.poll(idle.closed, { timeout: 4_000 }).toBe(true)
    expect(malformed).toEqual(['request_timeout', 'request_timeout'])
  })
})

describe('a drain', () => {
  test('closes what is idle, lets requests end, and then cuts streams with a last word', async () => {
    let finish: (() => void) | undefined
    const port = await listen(async (exchange) => {
      if (exchange.path === '/idle') return text(exchange, 'fine')
      if (exchange.path === '/stream') {
        exchange.writeHead(200, header('content-type', 'text/event-stream'))
        exchange.streams = true
        return
      }
      await new Promise<void>((resolve) => (finish = resolve))
      text(exchange, 'last')
    })
    const [idle, plain, stream] = [await client(port), await client(port), await client(port)]
    idle.socket.write(get('/idle'))
    plain.socket.write(get('/plain'))
    stream.socket.write(get('/stream'))
    await expect.poll(() => [idle.text(), stream.text(), finish !== undefined].join()).toMatch(/fine.*event-stream.*true$/s)
    const { idle: over, cut } = listener.drain()
    await expect.poll(idle.closed).toBe(true)
    await expect(client(port)).rejects.toThrow(/ECONNREFUSED/)
    finish!()
    await expect.poll(plain.closed).toBe(true)
    expect(plain.text()).toMatch(/connection: close\r\n\r\nlast$/)
    cut()
    await over
    await expect.poll(stream.closed).toBe(true)
    expect(stream.text()).toMatch(/data: the end\n\n\r\n0\r\n\r\n$/)
  })
})

describe('TLS', () => {
  test('carries requests, and nothing that is not TLS brings it down', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'strata-tls-'))
    const [key, cert] = [join(folder, 'k.pem'), join(folder, 'c.pem')]
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=x',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    )
    const port = await listen(echo, { cert: readFileSync(cert), key: readFileSync(key) })
    const plain = await client(port)
    plain.socket.write(get('/'))
    await expect.poll(plain.closed).toBe(true)
    const early = await client(port)
    early.socket.resetAndDestroy()

    const secure = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    clients.push(secure)
    let answered = ''
    secure.on('data', (chunk: Buffer) => {
      answered += chunk.toString('latin1')
    })
    await once(secure, 'secureConnect')
    const large = 'b'.repeat(100_000)
    secure.write(post('a') + post(large))
    await expect.poll(() => bodiesOf(answered)).toEqual(['POST /p a', `POST /p ${large}`])
    expect(secure.alpnProtocol).toBe('http/1.1')
    rmSync(folder, { recursive: true })
  })
})
