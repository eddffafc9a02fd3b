/** Bytes that nobody means well with, at the control port. Allowed: a 4xx in its own shape, or a clean close; never a 5xx, a file, a change. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type System, startSystem } from '../harness/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.stop())

function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(system.consoleUrl).port), '127.0.0.1')
    let text = ''
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    const timer = setTimeout(done, 1_500)
    socket.on('connect', () => socket.write(bytes))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', done)
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done() : reject(error)))
  })
}

const head = (line: string, ...headers: string[]) =>
  `${line} HTTP/1.1\r\n${['Host: 127.0.0.1', ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`
const token = () => `Authorization: Bearer ${system.adminToken}`
const apply = (body: string, ...headers: string[]) =>
  head('POST /api/v1alpha1/apply', token(), 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...headers) +
  body

it.each<[string, () => string]>([
  ['both lengths', () => head('POST /api/v1alpha1/apply', token(), 'Content-Length: 2', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
  ['two lengths', () => head('POST /api/v1alpha1/apply', token(), 'Content-Length: 2', 'Content-Length: 3') + '{}'],
  ['a head of 100 KB', () => head('GET /', `X-Big: ${'a'.repeat(100_000)}`)],
  ['random bytes', () => String.fromCharCode(...Array.from({ length: 200 }, (_, i) => (i * 197 + 31) % 256))],
  ['another host, as in DNS rebinding', () => `GET /api/v1alpha1/routes HTTP/1.1\r\nHost: evil.example\r\n${token()}\r\n\r\n`],
  ['no host', () => 'GET / HTTP/1.1\r\n\r\n'],
  ['a path out of the console', () => head('GET /../../../etc/passwd')],
  ['an encoded path out of it', () => head('GET /assets/..%2f..%2f..%2f..%2fetc%2fpasswd')],
  ['a path out of the proxy', () => head('GET /api/v1alpha1/gateway/../status')],
  ['no token', () => head('GET /api/v1alpha1/apikeys')],
  [
    'a write from another site',
    () => apply('{"documents":[]}', 'Origin: http://evil.example', 'Cookie: strata_session=x').replace(/Authorization[^\r]*\r\n/, ''),
  ],
  ['JSON that is none', () => apply('{documents:[]}')],
  ['__proto__', () => apply('{"__proto__":{"documents":[]}}')],
  ['documents that are no list', () => apply('{"documents":{"length":3}}')],
  ['a list of nothing', () => apply('{"documents":[null,1,"x",[]]}')],
  ['JSON nested very deeply', () => apply(`{"documents":[${'['.repeat(50_000)}${']'.repeat(50_000)}]}`)],
  ['a login link that was never made', () => head('GET /login?t=nope')],
])('%s', async (_name, bytes) => {
  const answer = await raw(bytes())
  expect(answer).not.toMatch(/^HTTP\/1\.1 [25]/m)
  expect(answer).not.toContain('root:')
  expect(answer).not.toContain(system.adminToken)
  const { store } = await system.control<{ store: { resourceVersion: string } }>('GET', '/status')
  expect(Number(store.resourceVersion)).toBeGreaterThan(0)
})
