/** Requests that a gateway holds while a version starts because it was asked for: scale to zero, as clients see it. */
import type { ServerResponse } from 'node:http'
import OpenAI7 from 'openai'
import OpenAI6 from 'openai-previous'
import { describe, expect, it } from 'vitest'
import { type CompiledInstance, type CompiledRoute, type CompiledVersion, entryKey } from '../../src/resources/snapshot.ts'
import {
  API_KEY,
  chunk,
  consumer,
  ending,
  entriesOf,
  finished,
  type Handler,
  hello,
  instance,
  route,
  start,
  type TestGateway,
  talk,
  up,
  version,
} from './harness.ts'

interface Cold {
  readonly hold?: Partial<NonNullable<CompiledVersion['hold']>>
  readonly route?: Partial<CompiledRoute>
  readonly entries?: Parameters<typeof entriesOf>
  readonly coldWaitMs?: number
}

/** A gateway with a version that has no instance yet. */
async function cold({ hold, route: over, entries = [], coldWaitMs = 300 }: Cold = {}): Promise<TestGateway> {
  const held = version({ hold: { most: 10, forMs: 20_000, startupMs: 30_000, ...hold } })
  const gateway = await start(entriesOf(route(over), held, ...entries), { coldWaitMs })
  return gateway
}

const publish = (gateway: TestGateway, one: CompiledInstance) => gateway.feed.update(new Map([[entryKey.instance(one.id), one]]))

/** Settles when the gateway holds so many. */
const held = (gateway: TestGateway, count: number) =>
  expect
    .poll(async () => Number(/^strata_requests_held\{.*\} (\d+)$/m.exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1] ?? 0), {
      interval: 10,
      timeout: 5_000,
    })
    .toBe(count)

/** The body of an answer, piece by piece. */
function reading(answer: Response) {
  const reader = answer.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const next = async () => {
    const { done, value } = await reader.read()
    if (value) text += decoder.decode(value, { stream: true })
    return !done
  }
  return {
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(text) && (await next()));
      return text
    },
    async rest(): Promise<string> {
      while (await next());
      return text
    },
  }
}

const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code
const errorIn = (text: string) => (JSON.parse(/^data: (\{"error".*)$/m.exec(text)![1]!) as { error: Record<string, string> }).error

describe('a stream', () => {
  it('hears that its version starts, and then the whole answer', async () => {
    const server = await up(talk(['Hello', ' there'], 3_000)) // longer than it is silent between two comments
    const gateway = await cold({ entries: [consumer({ limits: ['basic'] }), LIMIT] })
    const answer = await gateway.post(hello({ stream: true }), { 'x-request-id': 'mine' })
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-request-id': 'mine',
      'x-strata-model-version': 'assistant@v1',
      'x-strata-route': 'assistant',
      'x-ratelimit-remaining-requests': '99',
    })
    const body = reading(answer)
    expect(await body.until(/\n\n/)).toMatch(/^: warming assistant@v1, about 30 s more\n\n$/)
    publish(gateway, instance(server.port))
    expect((await body.rest()).replace(/^(:.*\n\n)+/, '')).toBe(`${chunk('Hello')}${chunk(' there')}data: [DONE]\n\n`)
    const [record] = await finished(gateway, 1)
    expect(record).toMatchObject({ outcome: 'ok', status: 200, cold: true, served: 'assistant-v1', tokens: { in: 7, out: 2 } })
    expect(record!.times.queue).toBeGreaterThan(900)
    expect(record!.times.firstToken).toBeGreaterThan(record!.times.queue!)
  })

  it('gets the head of its answer as it is where that comes within a second', async () => {
    const server = await up((_req, res) => res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"message":"No."}}'))
    const gateway = await cold()
    const answer = gateway.post(hello({ stream: true }))
    await held(gateway, 1)
    publish(gateway, instance(server.port))
    expect((await answer).status).toBe(400)
    const [record] = await finished(gateway, 1)
    expect(record).toMatchObject({ status: 400, outcome: 'client_error', cold: true })
  })

  it.each<[string, Handler, object, object]>([
    [
      'refused by the model',
      (_req, res) => void json(res, 400, { error: { message: 'Not so: größer.', type: 'invalid_request_error', param: 'x', code: 'bad' } }),
      { message: 'Not so: größer.', type: 'invalid_request_error', code: 'bad' },
      { outcome: 'client_error' },
    ],
    [
      'refused by an engine that is full',
      (_req, res) =>
        void json(res, 429, { error: { message: 'The engine is busy.', type: 'rate_limit_error', code: 'engine_overloaded' } }),
      { message: 'The engine is busy.', code: 'engine_overloaded' },
      { outcome: 'overloaded', error: 'overloaded' },
    ],
    [
      'refused in words that are nobody’s protocol',
      (_req, res) => void res.writeHead(500, { 'content-type': 'text/html' }).end('<h1>Oops</h1>'),
      { message: expect.stringMatching(/^The model answered 500\. \(request id: req_/), code: 'upstream_error' },
      { outcome: 'upstream_error' },
    ],
    [
      'answered without a stream',
      (_req, res) => void json(res, 200, { choices: [] }),
      { code: 'upstream_not_understood' },
      { outcome: 'upstream_error', error: 'upstream_not_understood' },
    ],
    ['cut before its answer', (req) => void req.socket.destroy(), { code: 'upstream_unavailable' }, { outcome: 'upstream_error' }],
  ])('that has its head and is then %s ends with an error', async (_how, handler, error, record) => {
    const server = await up(handler)
    const gateway = await cold({ route: { retries: { attempts: 0, on: [] } } })
    const body = reading(await gateway.post(hello({ stream: true })))
    await body.until(/\n\n/)
    publish(gateway, instance(server.port))
    const text = await body.rest()
    expect(errorIn(text)).toMatchObject(error)
    expect(text).not.toContain('[DONE]')
    expect(text.endsWith('\n\n')).toBe(true)
    expect((await finished(gateway, 1))[0]).toMatchObject({ status: 200, cold: true, ...record })
  })

  it('that waits too long ends with an error that says when to come again', async () => {
    const gateway = await cold({ hold: { forMs: 2_000 } })
    const answer = await gateway.post(hello({ stream: true }))
    const text = await reading(answer).rest()
    expect(text).toMatch(/^: warming /)
    expect(errorIn(text)).toMatchObject({ code: 'model_warming', type: 'requests', message: expect.stringContaining('Try again in 30 s.') })
    expect(text).not.toContain('[DONE]')
    expect((await finished(gateway, 1))[0]).toMatchObject({ outcome: 'overloaded', status: 200, error: 'model_warming', cold: true })
  })

  it.each([
    ['openai 7', OpenAI7],
    ['openai 6', OpenAI6 as unknown as typeof OpenAI7],
  ])('is read by %s', async (_name, OpenAI) => {
    const server = await up(talk(['Hello', ' there']))
    const gateway = await cold({ hold: { forMs: 3_000 } })
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
    const ask = () => client.chat.completions.create({ model: 'assistant', messages: [{ role: 'user', content: 'Hello' }], stream: true })
    await expect(async () => {
      for await (const each of await ask()) expect(each).toBeUndefined()
    }).rejects.toMatchObject({ code: 'model_warming' })
    const stream = await ask() // it comes with the head, after a second
    publish(gateway, instance(server.port))
    let text = ''
    for await (const { choices } of stream) text += choices[0]!.delta.content
    expect(text).toBe('Hello there')
  })
})

describe('a plain request', () => {
  it('waits in silence until it is answered', async () => {
    const server = await up(talk(['Hello']))
    const gateway = await cold()
    const answer = gateway.post(hello())
    await held(gateway, 1)
    publish(gateway, instance(server.port, { state: 'starting' }))
    // A stream that came later has been told twice by the time at which the instance is ready.
    const stream = reading(await gateway.post(hello({ stream: true })))
    await stream.until(/\n\n/)
    expect(await Promise.race([answer, 'silence'])).toBe('silence')
    publish(gateway, instance(server.port))
    expect((await answer).status).toBe(200)
    expect(((await (await answer).json()) as { choices: { message: object }[] }).choices[0]!.message).toMatchObject({ content: 'Hello' })
    expect(await stream.rest()).toContain('[DONE]')
  })

  it('is answered 429 with the time that is left when as many wait as may', async () => {
    const gateway = await cold({ hold: { most: 1, startupMs: 40_000 } })
    publish(gateway, instance(1, { state: 'starting' }))
    const first = gateway.post(hello())
    await held(gateway, 1)
    const second = await gateway.post(hello())
    expect(second.status).toBe(429)
    const retryAfter = Number(second.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(30)
    expect(retryAfter).toBeLessThanOrEqual(40)
    expect(Number(second.headers.get('retry-after-ms'))).toBeLessThan(40_000)
    const { error } = (await second.json()) as { error: Record<string, string> }
    expect(error).toMatchObject({ code: 'model_warming', type: 'requests' })
    expect(error.message).toMatch(/assistant@v1 is starting, and 1 wait for it already\. Try again in \d+ s\./)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(metrics).toMatch(/^strata_hold_refused_total\{.*version="assistant-v1",reason="full"\} 1$/m)
    expect((await finished(gateway, 1))[0]).toMatchObject({ outcome: 'overloaded', status: 429, error: 'model_warming' })
    const server = await up(talk(['x']))
    publish(gateway, instance(server.port))
    expect((await first).status).toBe(200)
  })

  it('wakes the version also where none may wait', async () => {
    const gateway = await cold({ hold: { most: 0 } })
    expect((await gateway.post(hello())).status).toBe(429)
    const [record] = await finished(gateway, 1)
    expect(record).toMatchObject({ assigned: 'assistant-v1', attempts: [{ version: 'assistant-v1', error: 'overloaded' }] })
  })

  it('is answered 429 when its time is over', async () => {
    const gateway = await cold({ hold: { forMs: 300, startupMs: undefined } })
    const answer = await gateway.post(hello())
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await codeOf(answer)).toBe('model_warming')
    const [record] = await finished(gateway, 1)
    expect(record!.times.queue).toBeGreaterThanOrEqual(300)
    expect(record).toMatchObject({ outcome: 'overloaded', cold: true, attempts: [{ error: 'no_instance' }] })
  })

  it('waits no longer than its route allows for the whole answer', async () => {
    const gateway = await cold({ route: { timeouts: { connect: 500, firstByte: 5_000, idle: 5_000, total: 300 } } })
    expect(await codeOf(await gateway.post(hello()))).toBe('model_warming')
    expect((await finished(gateway, 1))[0]!.times.total).toBeLessThan(10_000)
  })
})

describe('while a request waits', () => {
  it('its reservation is held, and given back at once when the client goes', async () => {
    const server = await up(talk(['x']))
    const one = { ...LIMIT, rules: [{ type: 'concurrent' as const, amount: 1 }] }
    const gateway = await cold({ entries: [consumer({ limits: ['basic'] }), one] })
    const abort = new AbortController()
    const gone = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify(hello()),
      signal: abort.signal,
    })
    await held(gateway, 1)
    expect(await codeOf(await gateway.post(hello()))).toBe('rate_limit_exceeded')
    abort.abort()
    await expect(gone).rejects.toThrow()
    await held(gateway, 0)
    const next = gateway.post(hello())
    await held(gateway, 1)
    publish(gateway, instance(server.port))
    expect((await next).status).toBe(200)
    expect(server.calls()).toBe(1)
    const records = await finished(gateway, 3)
    expect(records.map(({ outcome }) => outcome).sort()).toEqual(['aborted', 'limited', 'ok'])
  })

  it.each<[string, string, number, string]>([
    ['version', entryKey.version('default', 'assistant-v1'), 503, 'no_version'],
    ['route', entryKey.route('default', 'assistant'), 404, 'model_not_found'],
  ])('its %s may go, and it ends', async (_what, entry, status, code) => {
    const gateway = await cold()
    const answer = gateway.post(hello())
    await held(gateway, 1)
    gateway.feed.update(new Map(), [entry])
    expect((await answer).status).toBe(status)
    expect(await codeOf(await answer)).toBe(code)
  })

  it('the gateway may stop: it says so where it still can', async () => {
    const gateway = await cold()
    const plain = gateway.post(hello())
    await held(gateway, 1)
    const stream = reading(await gateway.post(hello({ stream: true })))
    await stream.until(/\n\n/)
    const drained = gateway.gateway.drain(600)
    await expect(plain).rejects.toThrow()
    expect(errorIn(await stream.rest())).toMatchObject({ code: 'shutting_down' })
    await drained
    const records = await finished(gateway, 2)
    expect(records.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted'])
  })

  it('a start may fail, and the next one answers it', async () => {
    const dead = await up(talk([]))
    await dead.close()
    const server = await up(talk(['at last']))
    const gateway = await cold({ coldWaitMs: 900 })
    const body = reading(await gateway.post(hello({ stream: true })))
    await body.until(/\n\n/) // after a second: what is waited for an instance that just died counts from its death
    publish(gateway, instance(dead.port, { id: 'one' }))
    await held(gateway, 0)
    publish(gateway, instance(dead.port, { id: 'one', state: 'starting', run: 1 }))
    await held(gateway, 1)
    publish(gateway, instance(server.port, { id: 'one', run: 2 }))
    expect(await body.rest()).toContain(chunk('at last'))
    const [record] = await finished(gateway, 1)
    expect(record!.attempts.map(({ error }) => error)).toEqual([...record!.attempts.slice(1).map(() => 'connect'), undefined])
  })

  it('a start may fail for good, and it ends when its time is over', async () => {
    const gateway = await cold({ hold: { forMs: 600 } })
    const starting = instance(1, { state: 'starting' })
    publish(gateway, starting)
    const answer = gateway.post(hello())
    await held(gateway, 1)
    gateway.feed.update(new Map(), [entryKey.instance(starting.id)])
    expect((await answer).status).toBe(429)
    expect(((await (await answer).json()) as { error: { message: string } }).error.message).toMatch(
      /has no instance yet.*Try again in 30 s/,
    )
  })
})

describe('when the version is ready', () => {
  it('those who wait are answered in order, and who comes later is behind them', async () => {
    const asked: string[] = []
    const waiting: ServerResponse[] = []
    const server = await up((_req, res, body) => {
      asked.push((JSON.parse(body) as { user: string }).user)
      waiting.push(res)
    })
    const gateway = await cold()
    const answers: Promise<Response>[] = []
    for (const user of ['1', '2', '3']) {
      answers.push(gateway.post(hello({ user })))
      await held(gateway, answers.length)
    }
    publish(gateway, instance(server.port, { sequences: 1, maxWaiting: 0 }))
    await held(gateway, 2)
    answers.push(gateway.post(hello({ user: '4' })))
    await held(gateway, 3)
    for (let answered = 0; answered < 4; answered++) {
      await expect.poll(() => waiting.length, { interval: 5, timeout: 5_000 }).toBe(answered + 1)
      json(waiting[answered]!, 200, { choices: [] })
    }
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(asked).toEqual(['1', '2', '3', '4'])
  })

  it('a hundred who wait are not all sent to an engine that takes a dozen', async () => {
    const running = new Set<ServerResponse>()
    let goesOn = false
    const answer = (res: ServerResponse) => {
      running.delete(res)
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.end(chunk('x') + ending(1, 1))
    }
    const server = await up((_req, res) => {
      if (running.size >= 12) return void json(res, 429, { error: { message: 'full', code: 'engine_overloaded' } })
      running.add(res)
      if (goesOn) setImmediate(() => answer(res))
    })
    const gateway = await cold({ hold: { most: 100 } })
    const answers = Array.from({ length: 100 }, () => gateway.post(hello({ stream: true })))
    await held(gateway, 100)
    expect((await gateway.post(hello())).status).toBe(429)
    publish(gateway, instance(server.port, { sequences: 4, maxWaiting: 8 }))
    await expect.poll(() => running.size, { interval: 5, timeout: 5_000 }).toBe(12)
    await held(gateway, 88)
    goesOn = true
    for (const res of running) answer(res)
    const texts = await Promise.all(answers.map(async (each) => reading(await each).rest()))
    for (const text of texts) expect(text.replaceAll(/^:.*\n\n/gm, '')).toBe(`${chunk('x')}data: [DONE]\n\n`)
    expect(server.calls()).toBe(100)
  })
})

it('a fallback answers at once, and the record says who was asked', async () => {
  const server = await up(talk(['instead']))
  const other = version({ name: 'assistant-v0', version: 'v0', uid: 'uid-v0' })
  const gateway = await cold({
    route: { fallbacks: [{ version: 'assistant-v0', on: ['unavailable'] }] },
    entries: [other, instance(server.port, { version: 'assistant-v0' })],
  })
  const answer = await gateway.post(hello())
  expect(answer.headers.get('x-strata-model-version')).toBe('assistant@v0')
  const [record] = await finished(gateway, 1)
  expect(record).toMatchObject({ outcome: 'ok', assigned: 'assistant-v1', served: 'assistant-v0' })
  expect(record!.cold).toBeUndefined()
  expect(record!.times.queue).toBeLessThan(250)
})

it('a fallback for overload answers who finds no room', async () => {
  const server = await up(talk(['instead']))
  const other = version({ name: 'assistant-v0', version: 'v0', uid: 'uid-v0' })
  const gateway = await cold({
    hold: { most: 0 },
    route: { fallbacks: [{ version: 'assistant-v0', on: ['overloaded'] }] },
    entries: [other, instance(server.port, { version: 'assistant-v0' })],
  })
  expect((await gateway.post(hello())).headers.get('x-strata-model-version')).toBe('assistant@v0')
})

const LIMIT = {
  kind: 'limit' as const,
  uid: 'uid',
  name: 'basic',
  namespace: 'default',
  per: 'key' as const,
  rules: [{ type: 'requests' as const, amount: 100, everyMs: 60_000, burst: 100 }],
}

function json(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
