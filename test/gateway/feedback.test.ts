/** `POST /v1/feedback`: taken by who has a key, in the bounds of its limits, and written down once. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { sortableId } from '../../src/kernel/ids.ts'
import type { FeedbackRecord } from '../../src/monitoring/request-records.ts'
import { type CompiledLimit, entryKey, type SnapshotEntry } from '../../src/resources/snapshot.ts'
import { API_KEY, consumer, entriesOf, hello, instance, recordsOf, route, start, type TestGateway, talk, up, version } from './harness.ts'

const PATH = '/v1/feedback'
const request = `req_${sortableId(Date.now())}`
const give = (gateway: TestGateway, body: unknown, headers?: Record<string, string>) => gateway.post(body, headers, PATH)
const feedbackOf = (gateway: TestGateway) => recordsOf(gateway).filter((record): record is FeedbackRecord => record.type === 'feedback')
const errorOf = async (res: Response) => ((await res.json()) as { error: { message: string; code: string; param: string | null } }).error

describe('feedback', () => {
  it('is taken for an answer by the id in its head, and becomes one record', async () => {
    const server = await up(talk(['Hello']))
    const gateway = await start(entriesOf(route(), version(), instance(server.port)))
    const answer = await gateway.post(hello())
    const id = answer.headers.get('x-request-id')!
    expect(answer.headers.get('x-strata-request-id')).toBeNull()
    const res = await give(gateway, { request: id, rating: 'down' })
    expect([res.status, await res.json()]).toEqual([202, { object: 'feedback', request: id, score: 0 }])
    await vi.waitFor(() => expect(feedbackOf(gateway)).toHaveLength(1), 5_000)
    expect(feedbackOf(gateway)[0]).toMatchObject({
      id: res.headers.get('x-request-id'),
      ...{ namespace: 'default', consumer: 'shop', key: 'shop-1', request: id, score: 0, rated: 'down' },
    })
    expect(recordsOf(gateway).filter(({ type }) => type === 'finished')).toHaveLength(1) // feedback is no request
    expect(await (await fetch(`${gateway.url}/metrics`)).text()).toContain('strata_feedback_total{gateway="gateway-0",rating="down"} 1')
  })

  it('finds the id of a request that its client has named itself', async () => {
    const server = await up(talk(['Hello', ' there']))
    const gateway = await start(entriesOf(route(), version(), instance(server.port)))
    for (const stream of [true, false]) {
      const answer = await gateway.post(hello({ stream }), { 'x-request-id': 'order-4711' })
      await answer.text()
      expect(answer.headers.get('x-request-id')).toBe('order-4711')
      const id = answer.headers.get('x-strata-request-id')!
      expect((await give(gateway, { request: id, score: 0.5 }, { 'x-request-id': 'order-4712' })).status).toBe(202)
      const refused = await give(gateway, { request: 'order-4711', score: 0.5 })
      expect(refused.status).toBe(400)
      expect((await errorOf(refused)).message).toContain('x-strata-request-id')
      await vi.waitFor(() => expect(feedbackOf(gateway).map((record) => record.request)).toContain(id), 5_000)
      const finished = recordsOf(gateway).find((record) => record.id === id && record.type === 'finished')
      expect(finished).toMatchObject({ clientRequestId: 'order-4711' })
    }
  })

  it.each<[string, SnapshotEntry | undefined, object]>([
    ['its length alone', undefined, { bytes: 11 }],
    [
      'its text where prompts are recorded',
      { kind: 'settings', gateways: 1, maxBodyBytes: 1_000_000, recordPrompts: { maxBytes: 1_000 } },
      { bytes: 11, text: 'Zu höflich' },
    ],
    [
      'no more of it than the bound',
      { kind: 'settings', gateways: 1, maxBodyBytes: 1_000_000, recordPrompts: { maxBytes: 5 } },
      { bytes: 11, text: 'Zu h' },
    ],
  ])('records of a comment %s', async (_name, settings, expected) => {
    const gateway = await start(new Map(settings ? [[entryKey.settings(), settings]] : []))
    expect((await give(gateway, { request, rating: 'down', comment: 'Zu höflich' })).status).toBe(202)
    await vi.waitFor(() => expect(feedbackOf(gateway)).toHaveLength(1), 5_000)
    expect(feedbackOf(gateway)[0]!.comment).toEqual(expected)
  })

  it('is refused without a good key, and in a form that is not its own', async () => {
    const gateway = await start()
    const good = { request, rating: 'up' }
    for (const authorization of ['Bearer sk-wrong', 'Basic eDp5']) {
      const res = await give(gateway, good, { authorization })
      expect([res.status, res.headers.get('www-authenticate'), (await errorOf(res)).code]).toEqual([
        401,
        'Bearer realm="strata"',
        'invalid_api_key',
      ])
    }
    const unknown = await give(gateway, { ...good, unit: 'somebody' })
    expect([unknown.status, await errorOf(unknown)]).toEqual([
      400,
      {
        message: expect.stringContaining('There is no field "unit". There are: request, rating, score, comment.'),
        type: 'invalid_request_error',
        param: 'unit',
        code: 'unknown_parameter',
      },
    ])
    expect((await give(gateway, good, { 'content-encoding': 'br' })).status).toBe(415)
    const get = await fetch(`${gateway.url}${PATH}`, { headers: { authorization: `Bearer ${API_KEY}` } })
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    for (const path of [`${PATH}/`, `${PATH}/${request}`]) expect((await gateway.post(good, {}, path)).status).toBe(404)
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(recordsOf(gateway)).toEqual([])
  })

  it('is at most 16 KiB, whether it says so or not', async () => {
    const gateway = await start()
    const body = (bytes: number) => JSON.stringify({ request, rating: 'up' }).padEnd(bytes)
    expect((await give(gateway, body(16_384))).status).toBe(202)
    const told = await give(gateway, body(16_385))
    expect([told.status, (await errorOf(told)).code]).toEqual([413, 'request_too_large'])
    const chunked = await fetch(`${gateway.url}${PATH}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: new Blob([body(20_000)]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
  })

  const limited = (rules: CompiledLimit['rules'], per: CompiledLimit['per'] = 'key') =>
    entriesOf(consumer({ limits: ['basic'] }), { kind: 'limit', uid: 'uid', name: 'basic', namespace: 'default', per, rules })

  it.each<CompiledLimit['per']>(['key', 'consumer', 'all', 'model', 'route'])('counts as a request, per %s', async (per) => {
    const gateway = await start(limited([{ type: 'requests', amount: 2, everyMs: 60_000, burst: 2 }], per))
    const good = { request, rating: 'up' }
    const first = await give(gateway, good)
    expect([first.status, first.headers.get('x-ratelimit-remaining-requests')]).toEqual([202, '1'])
    expect((await give(gateway, { ...good, rating: 'no' })).status).toBe(400) // costs nothing
    expect((await give(gateway, good)).status).toBe(202)
    const res = await give(gateway, good)
    expect([res.status, Number(res.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect(await errorOf(res)).toMatchObject({ code: 'rate_limit_exceeded', message: expect.stringContaining('"basic"') })
    await vi.waitFor(() => expect(feedbackOf(gateway)).toHaveLength(2), 5_000)
  })

  it('takes no tokens and no place', async () => {
    const server = await up(talk(['a', 'b'], 400))
    const entries = limited([
      { type: 'tokens', amount: 300, everyMs: 3_600_000, burst: 300 },
      { type: 'concurrent', amount: 1 },
    ])
    const gateway = await start(new Map([...entries, ...entriesOf(route(), version(), instance(server.port))]))
    const running = await gateway.post(hello({ stream: true, max_tokens: 290 }))
    expect((await gateway.post(hello())).status).toBe(429)
    expect((await give(gateway, { request, rating: 'up' })).status).toBe(202)
    expect(await running.text()).toContain('[DONE]')
  })

  it('may be given from a web page', async () => {
    const gateway = await start(undefined, { corsOrigins: ['https://shop.example'] })
    const origin = { origin: 'https://shop.example' }
    const preflight = await fetch(`${gateway.url}${PATH}`, {
      method: 'OPTIONS',
      headers: { ...origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'https://shop.example'])
    const res = await give(gateway, { request, rating: 'up' }, origin)
    expect(res.headers.get('access-control-expose-headers')).toContain('x-strata-request-id')
  })

  it('is not taken while it cannot be written down', async () => {
    const gateway = await start()
    const folder = join(gateway.home.records, 'gateway-0')
    rmSync(folder, { recursive: true })
    writeFileSync(folder, 'in the way')
    const statusOf = async () => (await give(gateway, { request, rating: 'up' })).status
    await vi.waitFor(async () => expect(await statusOf()).toBe(503), 5_000)
    rmSync(folder)
    mkdirSync(folder)
    await vi.waitFor(async () => expect(await statusOf()).toBe(202), 5_000)
    await vi.waitFor(() => expect(feedbackOf(gateway).length).toBeGreaterThan(0), 5_000)
  })
})
