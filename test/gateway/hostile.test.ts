/**
 * Bytes that nobody means well with, on raw sockets. Allowed are a 4xx in the dialect, a success where it is legal, or a clean close; never a
 * 5xx, a hang, an answer to a smuggled request, a key in an answer, or a gateway that does not answer the next client.
 */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectRefused, send, sendSlowly } from '../hostile/raw.ts'
import { BAD_BODIES, type Door, get, ILL_FRAMED, lengthOf, NOT_HTTP, post, withBody } from '../hostile/requests.ts'
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

const door: Door = {
  authorization: `Bearer ${API_KEY}`,
  path: '/v1/chat/completions',
  body: JSON.stringify(hello()),
  readPath: '/health/live',
}
const raw: typeof send = (_port, bytes, options) => send(gateway.gateway.port, bytes, options)
const say = (bytes: string | Buffer, options?: Parameters<typeof send>[2]) => raw(0, bytes, options)

const own: [string, (door: Door) => string | Buffer][] = [
  ['a body of another meaning under a length of 0', () => post(door, ['Content-Length: 0'], '')],
  ['a thousand requests that are none', () => 'x\r\n\r\n'.repeat(1_000)],
  ['an absolute target', () => get(door).replace(door.readPath, 'http://elsewhere/health/live')],
  ['an upgrade', () => get(door, 'Connection: Upgrade', 'Upgrade: websocket').replace(door.readPath, '/')],
  [
    'an upgrade to HTTP/2',
    () => get(door, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA').replace(door.readPath, '/'),
  ],
  ['a path with dots', () => post(door, [lengthOf(door.body)], door.body, '/v1/../v1/chat/completions')],
  ['a path with an encoded slash', () => post(door, [lengthOf(door.body)], door.body, '/v1%2fchat/completions')],
  ['a path with two slashes', () => post(door, [lengthOf(door.body)], door.body, '//v1/chat/completions')],
  ['a method that the path does not take', () => post(door, [lengthOf(door.body)]).replace('POST', 'DELETE')],
  ['TRACE', () => post(door, [lengthOf(door.body)]).replace('POST', 'TRACE')],
  ['a badly encoded model in the path', () => get({ ...door, readPath: '/v1/models/%zz' }, `Authorization: ${door.authorization}`)],
  ['a model in the path that is a NUL', () => get({ ...door, readPath: '/v1/models/%00' }, `Authorization: ${door.authorization}`)],
  ['metrics of others, through a proxy’s words', () => get({ ...door, readPath: '/v1/models' }, 'X-Forwarded-For: 127.0.0.1')],
  ['JSON with a NUL', () => withBody(door, '{"model":"a\0b"}')],
  ['a number for a model', () => withBody(door, '{"model":1,"messages":[]}')],
  ['a list for a model', () => withBody(door, '{"model":["assistant"],"messages":[]}')],
  ['__proto__ as a model', () => withBody(door, '{"model":"__proto__","messages":[]}')],
  ['constructor as a model', () => withBody(door, '{"model":"constructor","messages":[]}')],
  ['half of a character as a model', () => withBody(door, '{"model":"\\ud800","messages":[]}')],
  ['a model name of 1 MB', () => withBody(door, JSON.stringify({ model: 'm'.repeat(1_000_000), messages: [] }))],
  ['a version of 1 MB', () => withBody(door, JSON.stringify({ model: `assistant@${'m'.repeat(1_000_000)}`, messages: [] }))],
  ['messages that are no array', () => withBody(door, '{"model":"assistant","messages":{"length":9}}')],
  ['a stream that is "yes"', () => withBody(door, '{"model":"assistant","messages":[],"stream":"yes"}')],
  [
    'a compressed bomb',
    () => {
      const bomb = gzipSync(Buffer.alloc(50_000_000))
      return Buffer.concat([Buffer.from(post(door, ['Content-Encoding: gzip', `Content-Length: ${bomb.length}`], '')), bomb])
    },
  ],
  ['sixteen megabytes of brackets', () => withBody(door, `{"model":"assistant","messages":${'['.repeat(15_000_000)}`)],
  ['a million fields', () => withBody(door, `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":1`).join(',')}}`)],
]

describe.each([
  ['framing', ILL_FRAMED],
  ['HTTP', NOT_HTTP],
  ['bodies', BAD_BODIES],
  ['of this server', own],
] as const)('refuses: %s', (_, cases) => {
  it.each(cases)('%s', async (_name, bytes) => {
    const before = seen.length
    expectRefused(await say(bytes(door)), [API_KEY])
    expect(seen.slice(before)).toEqual([])
    expect((await gateway.post(hello())).status).toBe(200)
  })
})

describe('refuses feedback: bodies', () => {
  const give: Door = { ...door, path: '/v1/feedback', body: '{"request":"req_01KB00000000000000000000AB","rating":"up","comment":"c"}' }
  const more: readonly (readonly [string, (door: Door) => string | Buffer])[] = [
    ['__proto__ beside all of it', () => withBody(give, give.body.replace('{', '{"__proto__":{"score":1},'))],
    ['a comment of 1 MB', () => withBody(give, give.body.replace('"c"', `"${'c'.repeat(1_000_000)}"`))],
    ['a comment that is nested deeply', () => withBody(give, give.body.replace('"c"', `${'['.repeat(8_000)}${']'.repeat(8_000)}`))],
    ['an id of half a character', () => withBody(give, give.body.replace('req_', '\\ud800'))],
    ['a name of half a character', () => withBody(give, give.body.replace('comment', '\\udfff'))],
    ['two ids, the last of them none', () => withBody(give, give.body.replace('}', ',"request":"x"}'))],
  ]

  it.each([...BAD_BODIES, ...more])('%s', async (_name, bytes) => {
    expectRefused(await say(bytes(give)), [API_KEY])
    expect((await gateway.post(give.body, {}, give.path)).status).toBe(202)
  })

  it('takes half of a character in a comment, and writes a whole one', async () => {
    expect((await say(withBody(give, give.body.replace('"c"', '"\\ud800"')))).statuses).toEqual([202])
  })
})

describe('legal, and one meaning each', () => {
  it('reads the last of two equal JSON keys, and hands on the very same bytes', async () => {
    const body = '{"model":"nope","model":"assistant","messages":[{"role":"user","content":"a","content":"b"}],"messages":[]}'
    const { statuses } = await say(withBody(door, body))
    expect(statuses).toEqual([200])
    expect(seen.at(-1)).toContain(body)
  })

  it('answers requests in a pipeline one by one, in order', async () => {
    const { statuses } = await say(get(door).repeat(50), { quietMs: 500 })
    expect(statuses).toEqual(Array.from({ length: 50 }, () => 200))
  })

  it('goes on after a refusal whose body was small, and reads that body as no request', async () => {
    const inner = get(door, 'X-Smuggled: yes')
    const { statuses } = await say(`${post({ ...door, authorization: 'Bearer nobody' }, [lengthOf(inner)], inner)}${get(door)}`, {
      quietMs: 400,
    })
    expect(statuses).toEqual([401, 200])
  })

  it('takes a chunked body, whatever its pieces, extensions and trailers', async () => {
    const pieces = [...door.body].map((letter) => `1;ext="a"\r\n${letter}\r\n`).join('')
    const { statuses } = await say(
      post(door, ['Transfer-Encoding: Chunked'], `${pieces}0\r\nX-Trailer: 1\r\nAuthorization: Bearer other\r\n\r\n`),
    )
    expect(statuses).toEqual([200])
    expect(seen.at(-1)).toContain(door.body)
  })

  it('answers 100 Continue and then the request', async () => {
    const whole = post(door, ['Expect: 100-continue', lengthOf(door.body)])
    const headEnd = whole.indexOf('\r\n\r\n') + 4
    const waits = await say(whole.slice(0, headEnd))
    expect(waits.text).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    const { text } = await sendSlowly(gateway.gateway.port, [whole.slice(0, headEnd), whole.slice(headEnd)], 200, 1_000)
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
  })

  it('passes over line breaks before a request, however many, without keeping them', async () => {
    const { statuses, ms } = await say(`${'\r\n'.repeat(16_000_000)}${get(door)}`, { patienceMs: 20_000 })
    expect(statuses).toEqual([200])
    expect(ms).toBeLessThan(10_000)
  })

  it('takes white space, a byte order of keys and escapes of any kind', async () => {
    const { statuses } = await say(withBody(door, ' {"\\u006dodel" : "\\u0061ssistant",\n"messages":[], "x\\u0000":"\\ud800"} '))
    expect(statuses).toEqual([200])
  })
})

describe('size', () => {
  it('answers 413 at once to a length over the limit, before any of the body', async () => {
    const { statuses, closed, ms } = await say(post(door, ['Content-Length: 999999999'], ''))
    expect([statuses, closed]).toEqual([[413], true])
    expect(ms).toBeLessThan(2_000)
  })

  it('answers 413 to a chunked body once it is over the limit, though it goes on', async () => {
    const piece = `10000\r\n${'a'.repeat(0x10000)}\r\n`
    const { statuses } = await say(post(door, ['Transfer-Encoding: chunked'], piece.repeat(300)), { quietMs: 1_000 })
    expect(statuses).toEqual([413])
  })

  it('does not wait for the rest of a body that its sender gave up', async () => {
    for (const headers of [['Content-Length: 500'], ['Transfer-Encoding: chunked']]) {
      const start = headers[0]!.startsWith('Content') ? '{"model":' : '9\r\n{"model":\r\n'
      const { statuses, closed } = await say(post(door, headers, start), { halfClose: true, quietMs: 5_000 })
      expect(closed).toBe(true)
      for (const status of statuses) expect(status).toBe(400)
    }
    expect(seen.at(-1)).not.toContain('{"model":}')
  })

  it('lines of an answer hold no line ends of a request', async () => {
    const { text } = await say(post(door, ['X-Request-Id: a%0d%0aSet-Cookie: x', lengthOf(door.body)]))
    expect(text).not.toMatch(/^set-cookie/im)
  })
})
