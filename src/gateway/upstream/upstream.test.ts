/** The client against scripted servers on real sockets: what it keeps, what it sends again, and what it never passes on. */

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createUpstreams, requestBody, type UpstreamFailure, type UpstreamRequest, type UpstreamResponse, type Upstreams } from './index.ts'

type Script = (socket: Socket, request: string, count: number) => void

let upstreams: Upstreams
let server: Server | undefined
let sockets: Socket[]
let clock: number
beforeEach(() => {
  clock = 0
  sockets = []
  upstreams = createUpstreams({ monotonic: () => clock })
})
afterEach(async () => {
  await upstreams.close()
  for (const socket of sockets) socket.destroy()
  server?.close()
  server = undefined
})

/** A server that calls the script when a request's head, and the body that it announces, has come. */
async function serve(script: Script): Promise<number> {
  let count = 0
  server = createServer((socket) => {
    sockets.push(socket)
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0)
      if (end === -1 || text.length < end + 4 + length) return
      const request = text
      text = ''
      script(socket, request, ++count)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

const request = (over: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  method: 'POST',
  path: '/v1/x',
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"a":"\u00e9"}'),
  connectTimeoutMs: 1_000,
  firstByteTimeoutMs: 5_000,
  ...over,
})
const at = (port: number) => ({ address: { host: '127.0.0.1', port } })
const ok = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`

interface Whole {
  status?: number
  body: string
  failure?: UpstreamFailure
}
function rest(response: UpstreamResponse): Promise<Whole> {
  return new Promise((resolve) => {
    let body = ''
    response.attach({
      data: (chunk) => {
        body += chunk.toString('utf8')
      },
      end: () => resolve({ status: response.status, body }),
      error: (failure) => resolve({ status: response.status, body, failure }),
    })
  })
}
async function ask(port: number, over: Partial<UpstreamRequest> = {}): Promise<Whole> {
  const head = await upstreams.send(at(port), request(over)).head
  return 'kind' in head ? { body: '', failure: head } : rest(head)
}

describe('an answer that is there at once', () => {
  const later = () => new Promise((resolve) => setTimeout(resolve, 30))
  const headFor = async (answer: string) => {
    const port = await serve((socket) => socket.write(answer, 'latin1'))
    return (await upstreams.send(at(port), request()).head) as UpstreamResponse
  }
  const bytes = Buffer.from('Grüße 🦉')
  const whole = ok(bytes.toString('latin1'))

  test('is told whole, byte by byte as it came', async () => {
    const head = await headFor(whole)
    const body = head.whole(100)
    expect(Buffer.from(body as string, 'latin1').equals(bytes)).toBe(true)
    expect(head.whole(bytes.length - 1)).toBeUndefined()
  })

  test('comes to whoever attaches, too', async () => {
    expect(await rest(await headFor(whole))).toEqual({ status: 200, body: 'Grüße 🦉' })
  })

  test('is not told before its end has come', async () => {
    const port = await serve((socket) => {
      socket.write(whole.slice(0, -3), 'latin1')
      setTimeout(() => socket.write(whole.slice(-3), 'latin1'), 10)
    })
    const head = (await upstreams.send(at(port), request()).head) as UpstreamResponse
    expect(head.whole(100)).toBeUndefined()
    await later()
    expect(head.whole(100)).toEqual(bytes)
  })
})

describe('requests', () => {
  test('go out whole, on a connection that is used again', async () => {
    const seen: string[] = []
    const port = await serve((socket, text) => {
      seen.push(text)
      socket.write(ok('fine'))
    })
    expect(await ask(port)).toEqual({ status: 200, body: 'fine' })
    const large = Buffer.alloc(300_000, 'é')
    expect(await ask(port, { body: large })).toEqual({ status: 200, body: 'fine' })
    expect(await ask(port, { method: 'GET', body: undefined })).toEqual({ status: 200, body: 'fine' })
    expect(sockets).toHaveLength(1)
    expect(seen[0]).toBe(
      `POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n${Buffer.from('{"a":"é"}').toString('latin1')}`,
    )
    expect(Buffer.from(seen[1]!.slice(seen[1]!.indexOf('\r\n\r\n') + 4), 'latin1').equals(large)).toBe(true)
    expect(seen[2]).not.toMatch(/content-length/)
  })

  test('go out as text where that is the same as its bytes, and only there', async () => {
    const seen: string[] = []
    const port = await serve((socket, text) => {
      seen.push(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').toString('utf8'))
      socket.write(ok('fine'))
    })
    const texts = ['{"a":"plain"}', '{"a":"é"}', '{"a":"語🦉"}', `{"a":"${'x'.repeat(40_000)}"}`]
    for (const text of texts) expect(await ask(port, { body: requestBody(text) })).toEqual({ status: 200, body: 'fine' })
    expect(seen).toEqual(texts)
    expect(texts.map((text) => typeof requestBody(text))).toEqual(['string', 'object', 'object', 'object'])
  })

  test('at the same time have connections of their own', async () => {
    const port = await serve((socket, text) => void setTimeout(() => socket.write(ok(/x-n: (\d+)/.exec(text)![1]!)), 20))
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(port, { headers: { 'x-n': String(i) } })))
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
    expect(sockets).toHaveLength(20)
  })

  test('write no lines of their own into the head', async () => {
    const port = await serve((socket) => socket.write(ok('')))
    expect((await ask(port, { headers: { a: 'b\r\nevil: 1' } })).failure).toMatchObject({ kind: 'connect' })
    expect(sockets).toHaveLength(0)
  })

  test('to a place where nobody listens fail as such', async () => {
    const port = await serve(() => undefined)
    server!.close()
    expect((await ask(port)).failure).toMatchObject({ kind: 'connect', message: expect.stringMatching(/ECONNREFUSED/) as string })
    const head = await upstreams.send({ address: { socketPath: '/nowhere/engine.sock' } }, request()).head
    expect(head).toMatchObject({ kind: 'connect', message: expect.stringMatching(/ENOENT/) as string })
  })

  test('reach a URL, an IPv6 one too, by its own name', async () => {
    const port = await serve((socket, text) => socket.write(ok(/host: (\S+)/.exec(text)![1]!)))
    const head = await upstreams.send({ address: { origin: `http://localhost:${port}` } }, request()).head
    if ('kind' in head) throw new Error(head.message)
    expect(await rest(head)).toEqual({ status: 200, body: `localhost:${port}` })
    expect(await upstreams.send({ address: { origin: 'http://[::1]:9' } }, request()).head).toMatchObject({ kind: 'connect' })
    expect(await upstreams.send({ address: { origin: 'not a url' } }, request()).head).toMatchObject({ kind: 'connect' })
  })
})

describe('a kept connection', () => {
  test('that was closed meanwhile costs nobody an answer', async () => {
    const port = await serve((socket, _text, count) => {
      // The second request meets a server that has just given the connection up.
      if (count === 2) socket.destroy()
      else socket.write(ok(String(count)))
    })
    expect((await ask(port)).body).toBe('1')
    expect((await ask(port)).body).toBe('3')
    expect(sockets).toHaveLength(2)
  })

  test('is not tried twice: a fresh one that breaks too is an error', async () => {
    const port = await serve((socket, _text, count) => (count === 1 ? void socket.write(ok('1')) : void socket.destroy()))
    await ask(port)
    expect((await ask(port)).failure).toMatchObject({ kind: 'reset' })
    expect(sockets).toHaveLength(2)
  })

  test('on which an answer had begun is not asked again', async () => {
    const port = await serve((socket, _text, count) => {
      if (count === 1) socket.write(ok('1'))
      else socket.end('HTTP/1.1 200 OK\r\ncontent-len')
    })
    await ask(port)
    expect((await ask(port)).failure).toMatchObject({ kind: 'reset' })
  })

  test('is given up in time before the server does', async () => {
    const port = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\nkeep-alive: timeout=3\r\n\r\n`))
    await ask(port)
    clock = 1_900
    await ask(port)
    expect(sockets).toHaveLength(1)
    clock = 4_000
    await ask(port)
    expect(sockets).toHaveLength(2)
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('on which something comes unasked is not used any more', async () => {
    const port = await serve((socket, _text, count) => {
      socket.write(ok(String(count)))
      if (count === 1) setTimeout(() => socket.write(ok('not yours')), 20)
    })
    await ask(port)
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
    expect((await ask(port)).body).toBe('2')
  })

  test('on which something lies unasked when a request is put on it answers nobody', async () => {
    const port = await serve((socket, text) => socket.write(ok(text.split(' ', 2)[1]!)))
    await ask(port)
    const answers = new Promise<Whole[]>((resolve) => {
      // What is begun by a timer is read for before it is written.
      setTimeout(() => {
        sockets[0]!.write(ok('too late'))
        const one = ask(port, { path: '/one' })
        resolve(Promise.all([one, ask(port, { path: '/two' })]))
      }, 5)
    })
    expect(await answers).toEqual([
      { status: 200, body: '/one' },
      { status: 200, body: '/two' },
    ])
  })

  test('with more on it than the answer belongs to nobody', async () => {
    const port = await serve((socket) => socket.write(ok('a') + ok('b')))
    expect((await ask(port)).failure).toMatchObject({ kind: 'reset', message: expect.stringMatching(/malformed/) as string })
    expect((await ask(port)).failure).toMatchObject({ kind: 'reset' })
  })
})

describe('an answer', () => {
  test('that breaks off is told from one that ends', async () => {
    const port = await serve((socket, text) => {
      const how = /x-how: (\S+)/.exec(text)![1]!
      if (how === 'until-close') socket.end('HTTP/1.1 200 OK\r\n\r\nall')
      else if (how === 'length') socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nall')
      else if (how === 'chunks') socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nall\r\n')
    })
    expect(await ask(port, { headers: { 'x-how': 'until-close' } })).toEqual({ status: 200, body: 'all' })
    for (const how of ['length', 'chunks'])
      expect(await ask(port, { headers: { 'x-how': how } })).toMatchObject({ status: 200, body: 'all', failure: { kind: 'reset' } })
  })

  test('that does not come in time is given up, with its connection', async () => {
    const port = await serve(() => undefined)
    expect((await ask(port, { firstByteTimeoutMs: 50 })).failure).toEqual({ kind: 'timeout', message: 'no answer within 50 ms' })
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('that nobody wants any more ends at the server', async () => {
    const port = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nall\r\n'))
    const call = upstreams.send(at(port), request())
    const head = await call.head
    if ('kind' in head) throw new Error(head.message)
    const answer = rest(head)
    await expect.poll(() => sockets.length).toBe(1)
    call.abort()
    expect(await answer).toMatchObject({ failure: { kind: 'aborted' } })
    await expect.poll(() => sockets[0]!.destroyed).toBe(true)
  })

  test('that was aborted before it was sent is not sent', async () => {
    const port = await serve((socket) => socket.write(ok('')))
    const call = upstreams.send(at(port), request())
    call.abort()
    expect(await call.head).toMatchObject({ kind: 'aborted' })
  })

  test('waits at the server while its reader is paused, and comes whole afterwards', async () => {
    const size = 32 * 1024 * 1024
    let written = 0
    const port = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
      const more = () => {
        while (written < size) {
          written += 65_536
          if (!socket.write(Buffer.alloc(65_536, 0x61))) return void socket.once('drain', more)
        }
      }
      more()
    })
    const head = await upstreams.send(at(port), request()).head
    if ('kind' in head) throw new Error(head.message)
    head.pause()
    let got = 0
    const ended = new Promise<void>((resolve, reject) => {
      head.attach({
        data: (chunk) => {
          got += chunk.length
        },
        end: resolve,
        error: ({ message }) => reject(new Error(message)),
      })
    })
    const held = async () => {
      const before = written
      await new Promise((resolve) => setTimeout(resolve, 50))
      return written > 0 && written === before
    }
    await expect.poll(held).toBe(true)
    expect(written).toBeLessThan(size)
    expect(got).toBeLessThan(1024 * 1024)
    head.resume()
    await ended
    expect(got).toBe(size)
    // And the connection is good for the next one.
    expect(sockets).toHaveLength(1)
  })

  test('that was paused to its end leaves a connection that reads on', async () => {
    const port = await serve((socket, _text, count) => socket.write(ok(String(count))))
    const head = await upstreams.send(at(port), request()).head
    if ('kind' in head) throw new Error(head.message)
    head.pause()
    head.resume()
    expect((await rest(head)).body).toBe('1')
    expect((await ask(port)).body).toBe('2')
    expect(sockets).toHaveLength(1)
  })
})
