import { createServer as createHttpServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readLines } from '../kernel/json-lines.ts'
import { type ExampleControl, exampleControl } from './example-context.ts'
import { feedbackRecord, finishedRecord, startedRecord } from './records/example-records.ts'
import { createServer } from './server.ts'

const API = '/api/v1alpha1'
const head = { apiVersion: 'strata.dev/v1alpha1' }
const consumer = (name: string, metadata: object = {}) => ({ ...head, kind: 'Consumer', metadata: { name, ...metadata }, spec: {} })

let control: ExampleControl
let app: FastifyInstance
let url: string
let gateway: Server
let atGateway: (req: IncomingMessage, res: ServerResponse) => void

beforeAll(async () => {
  gateway = createHttpServer((req, res) => atGateway(req, res))
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  control = await exampleControl({ gatewayUrl: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}` })
  app = createServer(control.context)
  url = await app.listen({ host: '127.0.0.1', port: 0 })
}, 60_000)
afterAll(async () => {
  control.drain()
  await app.close()
  await control.close()
  gateway.closeAllConnections()
  gateway.close()
})

type Call = Omit<InjectOptions, 'path' | 'url'> & { token?: string | null }
async function call(method: InjectOptions['method'], path: string, { token = 'admin-token', headers, ...more }: Call = {}) {
  const response = await app.inject({
    method,
    url: path,
    headers: { host: '127.0.0.1:7401', ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...more,
  })
  const isJson = response.headers['content-type']?.toString().startsWith('application/json')
  return { status: response.statusCode, headers: response.headers, text: response.body, body: isJson ? response.json() : undefined }
}
const apply = (...documents: unknown[]) => call('POST', `${API}/apply`, { payload: { documents } })

describe('who may', () => {
  test.each([
    ['GET', '/%61pi/v1alpha1/tokens'],
    ['GET', '/api/v1alpha%31/audit'],
    ['POST', '/%61pi/v1alpha1/login-links'],
    ['POST', '/api/v1%61lpha1/apply'],
    ['POST', '/api/%76%31alpha1/keys'],
    ['GET', 'http://127.0.0.1/api/v1alpha1/tokens'],
    ['POST', 'http://elsewhere/api/v1alpha1/login-links'],
    ['GET', '/api/v1alpha1//tokens'],
    ['GET', '/api/v1alpha1/tokens/'],
    ['GET', '//api/v1alpha1/tokens'],
    ['GET', '/api/v1alpha1/%2e%2e/v1alpha1/tokens'],
    ['GET', '*'],
  ])('nobody without a token, however the path is written: %s %s', async (method, target) => {
    const { port } = app.server.address() as AddressInfo
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path: target, headers: { 'content-type': 'application/json' } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode!)
      })
      sent.on('error', reject)
      sent.end(method === 'POST' ? '{}' : undefined)
    })
    expect([400, 401, 403, 404]).toContain(status)
    expect(await control.context.store.identity.listTokens()).toEqual([])
  })

  test('nobody without a token or a session; a wrong token is told from none', async () => {
    expect(await call('GET', `${API}/status`, { token: null })).toMatchObject({
      status: 401,
      body: { error: { code: 'unauthorized', advice: expect.stringContaining('strata login') } },
    })
    expect((await call('GET', `${API}/status`, { token: 'wrong' })).body.error.message).toContain('not known')
    expect((await call('GET', `${API}/nothing-here`, { token: null })).status).toBe(401)
  })

  test('roles: a viewer reads, an editor writes resources, keys and tokens are the admin’s', async () => {
    const make = async (role: string) =>
      (await call('POST', `${API}/tokens`, { payload: { name: `t-${role}`, role } })).body.secret as string
    const [viewer, editor, admin] = [await make('viewer'), await make('editor'), await make('admin')]
    const attempts: [string, InjectOptions['method'], string, object | undefined][] = [
      ['viewer', 'GET', `${API}/routes`, undefined],
      ['viewer', 'GET', `${API}/routes/none/history`, undefined],
      ['editor', 'POST', `${API}/apply`, { documents: [] }],
      ['editor', 'DELETE', `${API}/routes/none`, undefined],
      ['editor', 'POST', `${API}/gateway/v1/models`, {}],
      ['admin', 'POST', `${API}/keys`, { consumer: 'nobody' }],
      ['admin', 'POST', `${API}/login-links`, {}],
      ['admin', 'GET', `${API}/tokens`, undefined],
      ['admin', 'GET', `${API}/audit`, undefined],
      ['admin', 'GET', `${API}/sessions`, undefined],
      ['admin', 'DELETE', `${API}/sessions/none`, undefined],
    ]
    atGateway = (_req, res) => res.end('{}')
    for (const [needed, method, path, payload] of attempts) {
      const statuses = await Promise.all(
        [viewer, editor, admin].map(async (token) => (await call(method, path, { token, ...(payload ? { payload } : {}) })).status),
      )
      const allowed = statuses.map((status) => status !== 403)
      expect([path, ...allowed]).toEqual([path, needed === 'viewer', needed !== 'admin', true])
    }
    expect((await call('DELETE', `${API}/tokens/t-viewer`)).status).toBe(200)
    expect((await call('GET', `${API}/routes`, { token: viewer })).status).toBe(401)
  })

  test('folders of the machine are an admin’s to give, by whatever path', async () => {
    const make = async (role: string) =>
      (await call('POST', `${API}/tokens`, { payload: { name: `f-${role}`, role } })).body.secret as string
    const [viewer, editor] = [await make('viewer'), await make('editor')]
    const model = { ...head, kind: 'Model', metadata: { name: 'mounts' }, spec: {} }
    const version = (volumes: object[], min = 0) => ({
      ...{ ...head, kind: 'ModelVersion', metadata: { name: 'mounts-v1' } },
      spec: {
        ...{ model: 'mounts', version: 'v1', scaling: { min } },
        source: { image: { name: 'some/server:1', protocol: 'openai', port: 80, volumes } },
      },
    })
    const as = (token: string | undefined, document: object, more: object = {}) =>
      call('POST', `${API}/apply`, { ...(token ? { token } : {}), payload: { documents: [model, document], ...more } })
    const put = (token: string, document: object) => call('PUT', `${API}/modelversions/mounts-v1`, { token, payload: document })
    const named = { source: 'cache', target: '/cache' }
    const folder = { source: '/etc', target: '/host' }

    const refused = {
      status: 403,
      body: { error: { code: 'forbidden', message: expect.stringMatching(/mounts-v1 .*"\/etc".*role admin/) } },
    }
    expect(await as(editor, version([named, folder]))).toMatchObject(refused)
    expect(await as(editor, version([folder]), { dryRun: true })).toMatchObject(refused)
    expect((await call('GET', `${API}/models/mounts`)).status).toBe(404)
    expect((await as(editor, version([named]))).status).toBe(200)
    expect(await put(editor, version([folder]))).toMatchObject(refused)

    expect((await as(undefined, version([folder]))).status).toBe(200)
    expect((await as(editor, version([folder], 2))).body).toMatchObject({ changes: [{}, { action: 'change' }] })
    expect((await put(editor, version([folder, named]))).status).toBe(200)
    expect((await put(editor, version([{ ...folder, source: '/' }]))).status).toBe(403)
    expect((await put(viewer, version([]))).status).toBe(403)
    for (const path of ['modelversions/mounts-v1', 'models/mounts', 'tokens/f-viewer', 'tokens/f-editor'])
      expect((await call('DELETE', `${API}/${path}`)).status).toBe(200)
  })

  test('a login link opens once, in a browser, and sets a strict cookie', async () => {
    const { body } = await call('POST', `${API}/login-links`, { payload: {} })
    const link = (body.url as string).replace('http://127.0.0.1:7401', '')
    expect((await call('GET', link, { token: null, headers: { 'sec-purpose': 'prefetch' } })).status).toBe(204)
    const opened = await call('GET', link, { token: null })
    const cookie = String(opened.headers['set-cookie'])
    expect(opened.status).toBe(200)
    expect(cookie).toMatch(/^strata_session_7401=\w{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/)
    const again = await call('GET', link, { token: null })
    expect([again.status, again.headers['set-cookie'], again.text.includes('strata login')]).toEqual([403, undefined, true])

    const own = {
      token: null,
      headers: { cookie: cookie.split(';')[0]!, origin: 'http://127.0.0.1:7401', 'sec-fetch-site': 'same-origin' },
    }
    expect((await call('GET', `${API}/session`, own)).body).toEqual({ actor: 'console', role: 'admin', by: 'cookie' })
    expect((await call('POST', `${API}/apply`, { ...own, payload: { documents: [] } })).status).toBe(200)
    const foreign = { ...own, headers: { ...own.headers, origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' } }
    expect(await call('POST', `${API}/apply`, { ...foreign, payload: { documents: [] } })).toMatchObject({
      status: 403,
      body: { error: { code: 'cross_site' } },
    })
    expect((await call('GET', `${API}/sessions`, own)).body.items).toMatchObject([{ actor: 'console', role: 'admin', own: true }])
    expect((await call('POST', `${API}/logout`, own)).status).toBe(204)
    expect((await call('GET', `${API}/session`, own)).status).toBe(401)
  })

  test('an admin sees who is signed in, and ends a session', async () => {
    expect((await call('POST', `${API}/login-links`, { payload: { name: 'a b' } })).status).toBe(400)
    const { body } = await call('POST', `${API}/login-links`, { payload: { role: 'viewer', name: 'ana@shop' } })
    const opened = await call('GET', (body.url as string).replace('http://127.0.0.1:7401', ''), { token: null })
    const cookie = String(opened.headers['set-cookie']).split(';')[0]!
    const guest = { token: null, headers: { cookie, origin: 'http://127.0.0.1:7401', 'sec-fetch-site': 'same-origin' } }
    expect((await call('GET', `${API}/session`, guest)).body).toMatchObject({ actor: 'console/ana@shop', role: 'viewer' })
    expect((await call('GET', `${API}/sessions`, guest)).status).toBe(403)
    const { items } = (await call('GET', `${API}/sessions`)).body
    const [ana] = items.filter(({ actor }: { actor: string }) => actor === 'console/ana@shop')
    expect(ana).toMatchObject({ role: 'viewer', own: false })
    expect(JSON.stringify(items)).not.toContain(cookie.split('=')[1])
    expect((await call('DELETE', `${API}/sessions/${ana.id}`)).status).toBe(200)
    expect((await call('DELETE', `${API}/sessions/${ana.id}`)).status).toBe(404)
    expect((await call('GET', `${API}/session`, guest)).status).toBe(401)
  })

  test('a host that is not ours is not answered, whatever the path', async () => {
    for (const path of ['/', '/login', '/api/openapi.json', `${API}/status`])
      expect((await call('GET', path, { headers: { host: 'evil.example' } })).status).toBe(421)
  })

  test('headers keep pages from elsewhere out', async () => {
    const { headers } = await call('GET', '/')
    expect(headers['content-security-policy']).toContain("default-src 'self'")
    expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' })
    expect(headers['access-control-allow-origin']).toBeUndefined()
  })
})

describe('resources', () => {
  test('a manifest that is wrong in 200,000 places is refused with some of them', async () => {
    const models = Array.from({ length: 200_000 }, () => 1)
    const { status, body } = await apply({ ...consumer('a'), spec: { models } })
    expect([status, body.error.message, body.problems.length]).toEqual([
      422,
      expect.stringMatching(/^20\d{4} problems, of which 500 are told; nothing was applied\.$/),
      500,
    ])
  })

  test('apply tells changes, or all problems of all documents', async () => {
    expect((await apply(consumer('a'))).body).toMatchObject({ changes: [{ label: 'Consumer/a', action: 'create' }] })
    expect((await apply(consumer('a'))).body).toMatchObject({ changes: [{ label: 'Consumer/a', action: 'unchanged' }] })
    const refused = await apply({ ...head, kind: 'Consumr' }, { ...consumer('b'), spec: { modls: [] } })
    expect(refused.status).toBe(422)
    expect(refused.body).toMatchObject({
      error: { code: 'invalid_manifest', message: '3 problems; nothing was applied.' },
      problems: [
        { document: 0, path: ['kind'], suggestion: 'Consumer' },
        { document: 0, path: ['metadata'] },
        { document: 1, path: ['spec', 'modls'], suggestion: 'models' },
      ],
    })
    expect((await call('GET', `${API}/consumers/b`)).status).toBe(404)
  })

  test('list, read, write, delete', async () => {
    expect(
      await call('PUT', `${API}/consumers/c`, { payload: { ...head, kind: 'Consumer', metadata: { name: 'c' }, spec: {} } }),
    ).toMatchObject({ status: 201, body: { metadata: { generation: 1 } } })
    const changed = await call('PUT', `${API}/consumers/c`, { payload: { ...consumer('c'), spec: { priority: 'batch' } } })
    expect(changed).toMatchObject({ status: 200, body: { spec: { priority: 'batch' }, metadata: { generation: 2 } } })
    const old = { ...changed.body, metadata: { ...changed.body.metadata, resourceVersion: '1' } }
    expect(await call('PUT', `${API}/consumers/c`, { payload: old })).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect((await call('PUT', `${API}/consumers/d`, { payload: consumer('c') })).status).toBe(400)
    expect((await call('PUT', `${API}/consumers/c`, { payload: { ...consumer('c'), kind: 'Route' } })).status).toBe(400)
    const list = await call('GET', `${API}/consumers`)
    expect(list.body).toMatchObject({
      kind: 'ConsumerList',
      metadata: { resourceVersion: control.context.store.resources.resourceVersion() },
    })
    expect(list.body.items.map((each: { metadata: { name: string } }) => each.metadata.name)).toContain('c')
    expect((await call('GET', `${API}/consumers?namespace=shop`)).body.items).toEqual([])
    expect((await call('DELETE', `${API}/consumers/c`)).status).toBe(200)
    expect(await call('GET', `${API}/consumers/c`)).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found', message: 'There is no Consumer "c".' } },
    })
  })

  test('delete is refused with the list of who refers to it', async () => {
    await apply(consumer('used'), { ...head, kind: 'ApiKey', metadata: { name: 'k' }, spec: { consumer: 'used', hash: 'a'.repeat(64) } })
    expect(await call('DELETE', `${API}/consumers/used`)).toMatchObject({
      status: 409,
      body: { error: { code: 'in_use', details: { referrers: ['ApiKey/k'] } } },
    })
  })

  test('what is not JSON, too big or no address gets a 4xx in our shape', async () => {
    const text = { headers: { 'content-type': 'application/json' } }
    expect(await call('POST', `${API}/apply`, { ...text, payload: '{"documents":' })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    })
    expect(await call('POST', `${API}/apply`, { ...text, payload: Buffer.from('{"documents":["R\xe9pons"]}', 'latin1') })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request', message: 'The body is not valid UTF-8.' } },
    })
    expect(await call('POST', `${API}/apply`, { headers: { 'content-type': 'text/yaml' }, payload: 'a: b' })).toMatchObject({
      status: 415,
      body: { error: { code: 'invalid_request' } },
    })
    expect(await call('POST', `${API}/apply`, { payload: {} })).toMatchObject({ status: 400 })
    expect(await call('POST', `${API}/apply`, { payload: { documents: 'x'.repeat(17 * 1024 * 1024) } })).toMatchObject({
      status: 413,
      body: { error: { code: 'too_large' } },
    })
    expect(await call('GET', '/api/v1alpha1/nothing')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    expect(await call('GET', '/api/v1alpha1/%')).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } })
  })

  test('the audit says who did what', async () => {
    await apply(consumer('audited'))
    const { body } = await call('GET', `${API}/audit?kind=consumers&name=audited`)
    expect(body.items).toMatchObject([{ actor: 'admin', action: 'create', kind: 'Consumer', name: 'audited' }])
    expect((await call('GET', `${API}/consumers/audited/history`)).body.items).toEqual(body.items)
    expect((await call('GET', `${API}/audit?name=audited&actor=nobody`)).body.items).toEqual([])
  })

  test('an apply may name the generation that it was made on', async () => {
    await apply(consumer('contested'))
    const at = (generation: unknown) =>
      call('POST', `${API}/apply`, {
        payload: {
          documents: [{ ...consumer('contested'), spec: { priority: 'batch' } }],
          generations: { 'Consumer/contested': generation },
        },
      })
    expect(await at('one')).toMatchObject({ status: 400 })
    expect(await at(7)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect(await at(1)).toMatchObject({ status: 200 })
  })
})

describe('keys', () => {
  test('a key is made, shown once, and revoked with a word on who knows', async () => {
    await apply(consumer('shop'))
    const made = await call('POST', `${API}/keys`, { payload: { consumer: 'shop', name: 'k1', expires: '2030-01-01' } })
    expect(made).toMatchObject({
      status: 201,
      body: { secret: expect.stringMatching(/^sk-strata-\w{40}$/), key: { spec: { consumer: 'shop', revoked: false } }, confirmed: true },
    })
    expect(JSON.stringify((await call('GET', `${API}/apikeys/k1`)).body)).not.toContain(made.body.secret)
    expect((await call('POST', `${API}/keys`, { payload: { consumer: 'shop', name: 'k1' } })).status).toBe(409)
    expect(await call('POST', `${API}/keys`, { payload: { consumer: 'shp' } })).toMatchObject({
      status: 422,
      body: { problems: [{ suggestion: 'shop' }] },
    })
    expect(await call('POST', `${API}/keys`, { payload: { consumer: 'shop', expires: 'soon' } })).toMatchObject({ status: 422 })
    expect(await call('POST', `${API}/keys/k1/revoke`)).toMatchObject({
      status: 200,
      body: { confirmed: true, gateways: [], key: { spec: { revoked: true } } },
    })
    expect((await call('POST', `${API}/keys/none/revoke`)).status).toBe(404)
  })
})

async function open(path: string, accept = 'application/x-ndjson') {
  const leave = new AbortController()
  const response = await fetch(`${url}${path}`, { headers: { authorization: 'Bearer admin-token', accept }, signal: leave.signal })
  const lines: string[] = []
  const reading = (async () => {
    for await (const line of readLines(response.body as unknown as AsyncIterable<Uint8Array>)) if (line) lines.push(line)
  })().catch(() => undefined) // we leave
  return { response, lines, leave: () => leave.abort(), ended: reading }
}

describe('streams', () => {
  test('watch: what is there, then what comes, resumable, as lines and as events', async () => {
    await apply(consumer('w0'))
    const all = await open(`${API}/consumers?watch=true`)
    await vi.waitFor(() => expect(all.lines.map((line) => JSON.parse(line).resource.metadata.name)).toContain('w0'))
    const since = control.context.store.resources.resourceVersion()
    await apply(consumer('w1'))
    await call('DELETE', `${API}/consumers/w1`)
    await vi.waitFor(() => expect(all.lines.slice(-2).map((line) => JSON.parse(line).type)).toEqual(['ADDED', 'DELETED']))
    all.leave()
    const resumed = await open(`${API}/watch?resourceVersion=${since}`, 'text/event-stream')
    expect(resumed.response.headers.get('content-type')).toBe('text/event-stream')
    await vi.waitFor(() =>
      expect(resumed.lines.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)).type)).toEqual([
        'ADDED',
        'DELETED',
      ]),
    )
    expect(resumed.lines[0]).toMatch(/^id: \d+$/)
    resumed.leave()
  })

  test('a watch from too long ago is told to list again', async () => {
    for (let i = 0; i < 20; i++) await apply(consumer('ring', { labels: { i: String(i) } }))
    expect(await call('GET', `${API}/watch?resourceVersion=1`)).toMatchObject({ status: 410, body: { error: { code: 'expired' } } })
    expect(await call('GET', `${API}/watch?resourceVersion=x`)).toMatchObject({ status: 400 })
  })

  test('requests: what was, filtered, then what comes', async () => {
    control.record(startedRecord({ id: 'q1' }))
    control.record(finishedRecord({ id: 'q1' }))
    control.record(finishedRecord({ id: 'q2', route: 'other', outcome: 'timeout' }))
    const once = await call('GET', `${API}/requests?route=assistant`)
    expect(
      once.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual(['q1', 'q1'])
    const tail = await open(`${API}/requests?follow=true&limit=0&outcome=timeout`)
    control.record(finishedRecord({ id: 'q3', outcome: 'ok' }))
    control.record(finishedRecord({ id: 'q4', outcome: 'timeout' }))
    await vi.waitFor(() => expect(tail.lines.map((line) => JSON.parse(line).id)).toEqual(['q4']))
    tail.leave()
  })

  test('requests: pages, one by itself, and a tail in batches', async () => {
    const id = 'req_01KB00000000000000000000AB'
    control.record(finishedRecord({ id, status: 429, outcome: 'limited', limit: 'small', prompt: { text: '{}', truncated: false } }))
    const page = await call('GET', `${API}/requests/history?status=4xx&refusedBy=small`)
    expect(page.body.items.map((record: { id: string; prompt?: unknown }) => [record.id, record.prompt])).toEqual([[id, undefined]])
    expect(await call('GET', `${API}/requests/history?slowerThan=slow`)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('is not a duration') } },
    })
    expect((await call('GET', `${API}/requests/history?cursor=made-up`)).status).toBe(400)

    expect((await call('GET', `${API}/requests/${id}`)).body).toMatchObject({
      finished: { id, prompt: { text: '{}' } },
      prompts: { recorded: false, readable: true },
    })
    const viewer = (await call('POST', `${API}/tokens`, { payload: { name: 'looks', role: 'viewer' } })).body.secret as string
    expect((await call('GET', `${API}/requests/${id}`, { token: viewer })).body.finished.prompt).toBeUndefined()
    expect((await call('GET', `${API}/requests/req_none`)).status).toBe(404)

    const given = feedbackRecord({ id: 'req_01KB00000000000000000000AC', request: id, comment: { bytes: 2, text: 'No' } })
    control.record(given)
    expect((await call('GET', `${API}/requests/history`)).body.items.map((record: { type: string }) => record.type)).not.toContain(
      'feedback',
    )
    expect((await call('GET', `${API}/requests/history?type=feedback&id=${id}`)).body.items).toEqual([{ ...given, comment: { bytes: 2 } }])
    expect((await call('GET', `${API}/requests/${given.id}`)).body).toMatchObject({ feedback: { request: id, comment: { text: 'No' } } })
    expect((await call('GET', `${API}/requests/${given.id}`, { token: viewer })).body.feedback.comment).toEqual({ bytes: 2 })

    const tail = await open(`${API}/requests/tail?consumer=fast`)
    for (let i = 0; i < 1_000; i++) control.record(finishedRecord({ id: `t${i}`, consumer: 'fast' }))
    control.record(finishedRecord({ id: 'not this one' }))
    const batches = () => tail.lines.map((line) => JSON.parse(line) as { records: { id: string }[]; skipped: number })
    await vi.waitFor(() => expect(batches().reduce((sum, { records, skipped }) => sum + records.length + skipped, 0)).toBe(1_000))
    expect(batches().at(-1)).toMatchObject({ records: { length: 400 }, skipped: 600 })
    tail.leave()
  })

  test('who was refused, and when keys were used', async () => {
    const time = new Date(control.clock.now()).toISOString()
    for (let i = 0; i < 3; i++) control.record(finishedRecord({ time, outcome: 'limited', limit: 'tiny', consumer: 'greedy', key: 'g' }))
    const { items } = (await call('GET', `${API}/refusals`)).body
    expect(items.find(({ limit }: { limit: string }) => limit === 'tiny')).toMatchObject({
      count: 3,
      callers: [{ consumer: 'greedy', key: 'g', route: 'assistant', count: 3 }],
    })
    const used = (await call('GET', `${API}/usage/keys`)).body.items
    expect(used).toContainEqual({ namespace: 'default', name: 'g', lastUsed: control.clock.now() })
    expect((await call('GET', `${API}/usage/consumers?step=7`)).status).toBe(400)
  })

  test('traffic: once as JSON, an event a second for a browser', async () => {
    expect((await call('GET', `${API}/traffic`)).body).toMatchObject({ windowSeconds: 60, total: { running: 0 } })
    const events = await open(`${API}/traffic`, 'text/event-stream')
    await vi.waitFor(() => expect(events.lines.length).toBeGreaterThan(1), 3_000)
    events.leave()
  })
})

describe('the way to the gateway', () => {
  test('passes on as consumer "console", streams, and leaks no token', async () => {
    const seen: IncomingMessage['headers'][] = []
    atGateway = (req, res) => {
      seen.push(req.headers)
      res.writeHead(200, { 'content-type': 'text/event-stream', 'x-strata-model-version': 'v1', 'set-cookie': 'a=b' })
      res.write('data: 1\n')
    }
    const stream = await open(`${API}/gateway/v1/models?x=1`)
    await vi.waitFor(() => expect(stream.lines).toEqual(['data: 1']))
    expect(stream.response.headers.get('x-strata-model-version')).toBe('v1')
    expect(stream.response.headers.get('set-cookie')).toBeNull()
    expect(seen[0]).toMatchObject({ authorization: 'Bearer sk-console' })
    expect(seen[0]?.cookie).toBeUndefined()
    stream.leave()
  })

  test('a browser that goes away ends the request at the gateway', async () => {
    const gone = Promise.withResolvers<void>()
    atGateway = (req, res) => {
      res.writeHead(200).write('x\n')
      req.on('close', () => gone.resolve())
      res.on('close', () => gone.resolve())
    }
    const stream = await open(`${API}/gateway/v1/models`)
    await vi.waitFor(() => expect(stream.lines).toEqual(['x']))
    stream.leave()
    await gone.promise
  })

  test('a body goes through as it is; an error of the gateway too', async () => {
    let body = ''
    atGateway = (req, res) => {
      req.setEncoding('utf8').on('data', (part) => (body += part))
      req.on('end', () => res.writeHead(429, { 'retry-after': '7' }).end('{"error":{"message":"slow down"}}'))
    }
    const response = await fetch(`${url}${API}/gateway/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer admin-token', 'content-type': 'application/json' },
      body: '{ "model" : "m" }',
    })
    expect([response.status, response.headers.get('retry-after'), await response.json(), body]).toEqual([
      429,
      '7',
      { error: { message: 'slow down' } },
      '{ "model" : "m" }',
    ])
  })

  test('a gateway that is away is said to be', async () => {
    atGateway = (req) => req.socket.destroy()
    expect(await call('GET', `${API}/gateway/v1/models`)).toMatchObject({ status: 502, body: { error: { code: 'gateway_unreachable' } } })
  })
})

test('the API describes itself, for programs and for people', async () => {
  const { body } = await call('GET', '/api/openapi.json', { token: null })
  expect(body).toMatchObject({ openapi: '3.1.0', components: { schemas: { Route: { type: 'object' } } } })
  const references = JSON.stringify(body)
    .match(/#\/components\/schemas\/\w+/g)!
    .map((each) => each.replace(/.*\//, ''))
  for (const name of references) expect(Object.keys(body.components.schemas)).toContain(name)
  for (const [path, operations] of Object.entries<object>(body.paths)) {
    const url = `${API}${path.replace('{path}', '*').replace(/\{(\w+)\}/g, ':$1')}`
    for (const method of Object.keys(operations))
      expect([url, app.hasRoute({ method: method.toUpperCase() as 'GET', url })]).toEqual([url, true])
  }
  expect((await call('GET', '/api/docs', { token: null })).text).toContain('Control API')
})

test('status in one look', async () => {
  expect((await call('GET', `${API}/status`)).body).toMatchObject({
    version: '0.0.0',
    store: { kind: 'pglite' },
    warnings: [{ code: 'no_supervisor' }],
  })
})
