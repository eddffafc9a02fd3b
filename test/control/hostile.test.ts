/**
 * Bytes that nobody means well with, at the control port of a whole system. Allowed: a 4xx in its own shape, a success where it is legal, or a clean
 * close; never a 5xx, a hang, a file, a change, an answer to a smuggled request, or a secret.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'
import { expectRefused, send } from '../hostile/raw.ts'
import { BAD_BODIES, type Door, get, ILL_FRAMED, lengthOf, NOT_HTTP, post, withBody } from '../hostile/requests.ts'

let system: System
let door: Door
let secrets: string[]
let before: string

beforeAll(async () => {
  system = await startSystem({ bootstrap: simulatedAssistant() })
  const consumer = { apiVersion: 'strata.dev/v1alpha1', kind: 'Consumer', metadata: { name: 'hostile' }, spec: {} }
  door = {
    authorization: `Bearer ${system.adminToken}`,
    path: '/api/v1alpha1/apply',
    body: JSON.stringify({ documents: [consumer] }),
    readPath: '/api/docs',
  }
  secrets = [system.adminToken, system.apiKey]
  before = await resources()
})
afterAll(() => system?.stop())

const say = (bytes: string | Buffer, options?: Parameters<typeof send>[2]) => send(Number(new URL(system.consoleUrl).port), bytes, options)
const signedIn = () => `Authorization: ${door.authorization}`
const at = (path: string, ...headers: string[]) => get({ ...door, readPath: path }, ...headers)

/** What is written, without what reconciling says of it. */
async function resources(): Promise<string> {
  const kinds = ['models', 'modelversions', 'routes', 'consumers', 'apikeys', 'limits', 'backends']
  const lists = await Promise.all(
    kinds.map((kind) => system.control<{ items: { metadata: { name: string }; spec: unknown }[] }>('GET', `/${kind}`)),
  )
  return JSON.stringify(lists.map(({ items }) => items.map(({ metadata, spec }) => [metadata.name, spec])))
}

const own: [string, () => string | Buffer][] = [
  ['another host, as in DNS rebinding', () => at('/api/v1alpha1/routes', signedIn()).replace('127.0.0.1', 'evil.example')],
  ['a path out of the console', () => at('/../../../etc/passwd')],
  ['an encoded path out of it', () => at('/assets/..%2f..%2f..%2f..%2fetc%2fpasswd')],
  ['a path out of it, encoded twice', () => at('/assets/%252e%252e/%252e%252e/etc/passwd')],
  ['a path out of it with a NUL', () => at('/assets/index.html%00.js')],
  ['a path out of the proxy', () => at('/api/v1alpha1/gateway/../status')],
  ['an encoded path out of the proxy', () => at('/api/v1alpha1/gateway/%2e%2e/metrics')],
  ['no token', () => at('/api/v1alpha1/apikeys')],
  ['a token in the address', () => at(`/api/v1alpha1/apikeys?token=${system.adminToken}`)],
  ['an API key for a token', () => at('/api/v1alpha1/apikeys', `Authorization: Bearer ${system.apiKey}`)],
  ['a session that was made up', () => at('/api/v1alpha1/apikeys', `Cookie: strata_session_${new URL(system.consoleUrl).port}=x`)],
  [
    'a write from another site',
    () => withBody(door, door.body).replace(/Authorization[^\r]*/, 'Origin: http://evil.example\r\nCookie: strata_session=x'),
  ],
  ['documents that are no list', () => withBody(door, '{"documents":{"length":3}}')],
  ['a list of nothing', () => withBody(door, '{"documents":[null,1,"x",[]]}')],
  ['a document nested very deeply', () => withBody(door, `{"documents":[${'['.repeat(50_000)}${']'.repeat(50_000)}]}`)],
  [
    'a namespace nested very deeply',
    () => withBody(door, `{"documents":[{"kind":"Route","metadata":{"name":"a","namespace":${'['.repeat(50_000)}${']'.repeat(50_000)}}}]}`),
  ],
  ['a document with __proto__', () => withBody(door, door.body.replace('"spec":{}', '"spec":{"__proto__":{"models":["*"]}}'))],
  ['a document with a NUL', () => withBody(door, door.body.replace('"spec":{}', '"spec":{"models":["a\\u0000"]}'))],
  ['a document with half of a character', () => withBody(door, door.body.replace('"spec":{}', '"spec":{"models":["\\ud83e"]}'))],
  ['a name that climbs', () => withBody(door, door.body.replace('"name":"hostile"', '"name":"../../x"'))],
  ['a hundred thousand documents that are none', () => withBody(door, `{"documents":[${'{},'.repeat(100_000)}{}]}`)],
  ['two login links', () => at('/login?t=a&t=b')],
  ['a text for a body', () => post(door, [lengthOf(door.body)]).replace('application/json', 'text/plain')],
  ['a part of a form', () => post(door, [lengthOf(door.body)]).replace('application/json', 'multipart/form-data; boundary=x')],
  [
    'JSON in UTF-16 by its own word',
    () => post(door, [lengthOf('x')], 'x').replace('application/json', 'application/json; charset=utf-16'),
  ],
  ['a method that nothing takes', () => withBody(door, door.body).replace('POST', 'PROPFIND')],
  ['an absolute target', () => at('http://elsewhere/api/v1alpha1/status', signedIn())],
  ['an API in other letters, without a token', () => at('/%61pi/v1alpha1/tokens')],
  [
    'a link made through other letters, without a token',
    () => withBody({ ...door, path: '/%61pi/v1alpha1/login-links' }, '{}').replace(/Authorization[^\r]*/, 'X: y'),
  ],
  ['the way to the gateway in other letters', () => at('/%61pi/v1alpha1/gateway/v1/models', signedIn())],
  ['an upgrade', () => at('/api/v1alpha1/status', 'Connection: Upgrade', 'Upgrade: websocket')],
  [
    'a compressed bomb',
    () => {
      const bomb = gzipSync(Buffer.alloc(50_000_000))
      return Buffer.concat([Buffer.from(post(door, ['Content-Encoding: gzip', `Content-Length: ${bomb.length}`], '')), bomb])
    },
  ],
]

describe.each([
  ['framing', ILL_FRAMED],
  ['HTTP', NOT_HTTP],
  ['bodies', BAD_BODIES],
  ['of this server', own],
] as const)('refuses: %s', (_, cases) => {
  it.each(cases)('%s', async (_name, bytes) => {
    const answer = await say(bytes(door))
    expectRefused(answer, secrets)
    expect(answer.text).not.toContain('root:')
    expect((await say(get(door))).statuses).toEqual([200])
  })
})

it('answers 413 to a chunked body once it is over the limit', async () => {
  const piece = `10000\r\n${'a'.repeat(0x10000)}\r\n`
  expect((await say(post(door, ['Transfer-Encoding: chunked'], piece.repeat(300)), { quietMs: 2_000 })).statuses).toEqual([413])
})

it('does not wait for the rest of a body that its sender gave up', async () => {
  const { closed, statuses } = await say(post(door, ['Content-Length: 500'], '{"docum'), { halfClose: true, quietMs: 5_000 })
  expect(closed).toBe(true)
  for (const status of statuses) expect(status).toBe(400)
})

it('opens no door to a login link that was never made', async () => {
  const { statuses, text } = await say(at('/login?t=nope'))
  expect(statuses).toEqual([403])
  expect(text).not.toMatch(/^set-cookie/im)
})

it('reads the last of two equal keys', async () => {
  const { text } = await say(withBody(door, `{"documents":[{}],"documents":[],"dryRun":false,"dryRun":true}`))
  expect(text).toContain('{"changes":[]}')
})

it('nothing was changed, control was never restarted, and no secret stands in a log or a record', async () => {
  expect(await resources()).toBe(before)
  for (const { name, restarts } of await system.processes()) expect([name, restarts]).toEqual([name, 0])
  for (const file of filesBelow(system.home, ['logs', 'records']))
    for (const secret of secrets) expect([file, readFileSync(file).includes(secret)]).toEqual([file, false])
})

function filesBelow(home: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    const at = join(home, folder)
    return readdirSync(at, { recursive: true, encoding: 'utf8' })
      .map((name) => join(at, name))
      .filter((file) => statSync(file).isFile())
  })
}
