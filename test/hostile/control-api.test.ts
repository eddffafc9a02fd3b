/**
 * Every operation that the API's own description names, called with parameters and bodies that nobody means well with: doubled, empty, of other
 * types, with a NUL in them. Allowed: a success, or a 4xx in the API's shape; never a 5xx, and never a secret.
 */
import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ExampleControl, exampleControl } from '../../src/control/example-context.ts'
import { openApiDocument } from '../../src/control/openapi/index.ts'
import { createServer } from '../../src/control/server.ts'
import { hostileText, mutated } from './mutations.ts'
import './seed.ts'

const RUNS = Number(process.env.STRATA_FUZZ_RUNS ?? 2_000)
const ADMIN = 'admin-token'

let control: ExampleControl
let app: FastifyInstance
const failures: string[] = []
const agent = new Agent({ keepAlive: true, maxSockets: 4 })

beforeAll(async () => {
  control = await exampleControl()
  control.context.log.error = (message: string, fields?: object) => void failures.push(`${message} ${JSON.stringify(fields)}`)
  app = createServer(control.context)
  await app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  agent.destroy()
  control.drain()
  await app.close()
  await control.close()
})

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Streams that go on are left after their head. */
function call(method: string, path: string, body: string | undefined, headers: Record<string, string> = {}): Promise<Answer> {
  const { port } = app.server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const all = {
      authorization: `Bearer ${ADMIN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    }
    const sent = request({ port, host: '127.0.0.1', method, path, agent, timeout: 20_000, headers: all }, (response) => {
      const type = String(response.headers['content-type'] ?? '')
      let text = ''
      const done = () => resolve({ status: response.statusCode!, type, text })
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', done)
      if (response.statusCode === 200 && /ndjson|event-stream/.test(type)) {
        response.on('error', () => undefined) // cut by ourselves
        setTimeout(() => {
          done()
          response.destroy()
        }, 5)
      } else response.on('error', reject)
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer within 20 s: ${method} ${path.slice(0, 200)}`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

function check(what: string, { status, type, text }: Answer): void {
  expect(failures.splice(0)).toEqual([])
  // 502: nothing stands behind the way to the gateway here.
  if (!what.includes('/gateway/')) expect(`${what} → ${status}`).toMatch(/→ [24]\d\d$/)
  expect(text).not.toContain(ADMIN)
  if (status >= 400) expect(JSON.parse(text).error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  else if (type.startsWith('application/json')) JSON.parse(text)
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly queries: readonly string[]
  readonly takesBody: boolean
}
const operations: Operation[] = Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, { parameters?: { in: string; name: string }[]; requestBody?: unknown }>).flatMap(
    ([method, operation]) =>
      ['get', 'post', 'put', 'delete', 'head', 'patch'].includes(method)
        ? [
            {
              method: method.toUpperCase(),
              path,
              queries: (operation.parameters ?? []).filter((each) => each.in === 'query').map(({ name }) => name),
              takesBody: operation.requestBody !== undefined,
            },
          ]
        : [],
  ),
)
const everyQuery = [
  ...new Set([...operations.flatMap(({ queries }) => queries), 't', 'namespace', 'watch', 'follow', 'limit', 'before', 'cursor', 'since']),
]

const queryValue = fc.oneof(
  hostileText,
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e9',
    'NaN',
    'Infinity',
    'true',
    'a,b,,c',
    '9'.repeat(30),
    '99999999999999',
    '1h',
    '2027-01-01',
    '%',
    'default',
    'x'.repeat(3_000),
  ),
)
const seeds = fc.constantFrom<unknown>(
  {},
  { consumer: 'shop', name: 'k', expires: '2027-01-01', namespace: 'default' },
  { name: 't', role: 'viewer', expires: '2027-01-01T00:00:00Z' },
  { role: 'admin' },
  { documents: [], dryRun: true, generations: {} },
  { apiVersion: 'strata.dev/v1alpha1', kind: 'Consumer', metadata: { name: 'a', namespace: 'default' }, spec: {} },
  [],
  'text',
  null,
)
const encode = (text: string) => encodeURIComponent(text.toWellFormed())

it('knows its operations', () => expect(operations.length).toBeGreaterThan(30))

it(`${RUNS} calls`, { timeout: 180_000 }, async () => {
  const calls = fc.record({
    operation: fc.constantFrom(...operations),
    parameter: fc.oneof(queryValue, fc.constantFrom('a', 'x', 'req_1')),
    queries: fc.array(fc.tuple(fc.constantFrom(...everyQuery), queryValue), { maxLength: 4 }),
    doubled: fc.boolean(),
    body: mutated(seeds, 2),
    raw: fc.constantFrom('', '', '', '?', '?&&==&', '?a[b]=1&a[__proto__]=2', '?%ff=%00', '#', '%zz', '//', ';x'),
    events: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(calls, async ({ operation, parameter, queries, doubled, body, raw, events }) => {
      const target = operation.path.replace(/\{[^}]+\}/g, encode(parameter) || 'x')
      const pairs = (doubled ? [...queries, ...queries] : queries).map(([name, value]) => `${name}=${encode(value)}`)
      const path = `/api/v1alpha1${target}${raw || (pairs.length > 0 ? `?${pairs.join('&')}` : '')}`
      const what = `${operation.method} ${path}`
      const withBody = operation.takesBody || operation.method === 'POST' || operation.method === 'PUT'
      check(
        `${what} ${withBody ? body.slice(0, 300) : ''}`,
        await call(
          operation.method,
          path,
          withBody ? body : undefined,
          events ? { accept: 'text/event-stream', 'last-event-id': encode(parameter) || '0' } : {},
        ),
      )
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
})

it.each([
  '/login?t=a&t=b',
  '/login?t=%00',
  '/login?t[]=1',
  '/requests?limit=1&limit=2',
  '/assets/%00',
  '/assets/%2e%2e/%2e%2e/package.json',
  `/${'a/'.repeat(5_000)}`,
])('GET %s, without a token', async (path) => {
  const answer = await call('GET', path, undefined, { authorization: '' })
  expect(failures.splice(0)).toEqual([])
  expect(answer.status).toBeLessThan(500)
})

it('goes on answering on a connection whose large body the gateway was not there to take', async () => {
  for (let i = 0; i < 8; i++) {
    const refused = await call('POST', '/api/v1alpha1/gateway/v1/chat/completions', JSON.stringify({ text: 'x'.repeat(500_000) }))
    expect(refused.status).toBe(502)
    expect((await call('GET', '/api/v1alpha1/session', undefined)).status).toBe(200)
  }
})
