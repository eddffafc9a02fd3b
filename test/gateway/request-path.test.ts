import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGateway } from '../../src/gateway/main.ts'
import { readSnapshotFile } from '../../src/gateway/snapshot/disk.ts'
import { sha256Hex } from '../../src/kernel/ids.ts'
import type { FinishedRecord } from '../../src/monitoring/request-records.ts'
import { entryKey } from '../../src/resources/snapshot.ts'
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
  quietLog,
  recordsOf,
  route,
  start,
  talk,
  up,
  version,
} from './harness.ts'

async function simple(handler: Handler, over: Parameters<typeof route>[0] = {}) {
  const server = await up(handler)
  const gateway = await start(entriesOf(route(over), version(), instance(server.port)))
  return { server, gateway }
}

describe('answers', () => {
  it('passes a plain answer on and says which version gave it', async () => {
    const { gateway } = await simple(talk(['Hello', ' there']))
    const res = await gateway.post(hello(), { 'x-request-id': 'mine-1' })
    expect(res.status).toBe(200)
    expect(res.headers.get('x-request-id')).toBe('mine-1')
    expect(res.headers.get('x-strata-model-version')).toBe('assistant@v1')
    expect(res.headers.get('x-strata-route')).toBe('assistant')
    expect(res.headers.get('x-strata-usage')).toBeNull()
    expect(((await res.json()) as { choices: { message: { content: string } }[] }).choices[0]!.message.content).toBe('Hello there')
  })

  it('carries any letters, both ways, and what is asked of a server elsewhere too', async () => {
    const words = 'Grüße aus 東京 🦉'
    let asked = ''
    const server = await up((req, res, body) => {
      asked = body
      talk([words])(req, res, body)
    })
    const elsewhere = {
      type: 'backend',
      protocol: 'openai',
      backend: 'there',
      down: false,
      address: `http://127.0.0.1:${server.port}/v1`,
      model: 'größer',
      maxConcurrent: 8,
      sampling: {},
    } as const
    const gateway = await start(entriesOf(route(), version({ source: elsewhere })))
    for (const content of [words, 'plain letters']) {
      const res = await gateway.post(hello({ messages: [{ role: 'user', content }] }))
      expect(((await res.json()) as { choices: { message: { content: string } }[] }).choices[0]!.message.content).toBe(words)
      expect(JSON.parse(asked)).toMatchObject({ model: 'größer', messages: [{ content }] })
    }
    for (const record of await finished(gateway, 2)) expect(record).toMatchObject({ outcome: 'ok', tokens: { in: 7, out: 1 } })
  })

  it('streams, takes the usage comment out, and records what was used', async () => {
    const { gateway } = await simple(async (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.write(chunk('a') + chunk('b'))
      // What says that it has begun is written of one that goes on.
      await expect.poll(() => recordsOf(gateway).length, { timeout: 5_000 }).toBe(1)
      res.end(chunk('c') + ending(7, 3))
    })
    const res = await gateway.post(hello({ stream: true }))
    const text = await res.text()
    expect(text).toBe(`${chunk('a')}${chunk('b')}${chunk('c')}data: [DONE]\n\n`)
    const [end] = await finished(gateway, 1)
    expect(end).toMatchObject({ outcome: 'ok', tokens: { in: 7, cached: 0, out: 3 }, served: 'assistant-v1' })
    const [begun] = recordsOf(gateway)
    expect(begun).toMatchObject({
      type: 'started',
      id: end!.id,
      consumer: 'shop',
      route: 'assistant',
      assigned: 'assistant-v1',
      stream: true,
    })
  })

  it.each([
    ['what a model thinks', 'reasoning_content'],
    ['that it refuses', 'refusal'],
  ])('takes %s for its first tokens', async (_, field) => {
    const { gateway } = await simple((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.write(`data: {"choices":[{"index":0,"delta":{"content":"","${field}":"Hm"}}]}\n\n`)
      setTimeout(() => res.end(`${chunk('a')}data: [DONE]\n\n`), 600)
    })
    await (await gateway.post(hello({ stream: true }))).text()
    const [{ times }] = (await finished(gateway, 1)) as [FinishedRecord]
    expect(times.firstToken).toBeLessThan(times.total - 300)
  })

  it('sends the client’s own bytes to an engine', async () => {
    let seen = ''
    const { gateway } = await simple((req, res, body) => {
      seen = body
      talk(['x'])(req, res, body)
    })
    const odd = '{ "model":"assistant",  "messages":[{"role":"user","content":"h\\u00e9"}] }'
    expect((await gateway.post(odd)).status).toBe(200)
    expect(seen).toBe(odd)
  })

  it('takes a body without a JSON content type, as curl -d sends it', async () => {
    const { gateway } = await simple(talk(['x']))
    expect((await gateway.post(hello(), { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(200)
  })
})

describe('refusals', () => {
  it.each([
    ['no key', hello(), { authorization: '' }, 401, 'missing_api_key'],
    ['a wrong key', hello(), { authorization: 'Bearer sk-wrong' }, 401, 'invalid_api_key'],
    ['another scheme', hello(), { authorization: 'Basic abc' }, 401, 'invalid_api_key'],
    ['no model', { messages: [] }, {}, 400, 'missing_required_parameter'],
    ['a model that is not here', hello({ model: 'nope' }), {}, 404, 'model_not_found'],
    ['a version that is not here', hello({ model: 'assistant@v9' }), {}, 404, 'model_not_found'],
    ['no messages', { model: 'assistant' }, {}, 400, 'missing_required_parameter'],
    ['a body that is not JSON', '{"model":', {}, 400, 'invalid_json'],
    ['a body that is an array', '[]', {}, 400, 'invalid_json'],
    ['a compressed body', hello(), { 'content-encoding': 'gzip' }, 415, 'unsupported_content_encoding'],
  ])('%s', async (_name, body, headers, status, code) => {
    const { gateway, server } = await simple(talk(['x']))
    const res = await gateway.post(body, headers as Record<string, string>)
    expect(res.status).toBe(status)
    const { error } = (await res.json()) as { error: { code: string; message: string; type: string } }
    expect(error.code).toBe(code)
    expect(error.message).toContain(res.headers.get('x-request-id'))
    expect(server.calls()).toBe(0)
  })

  it('passes on an upstream’s own refusal, whole and with its head, however long it is', async () => {
    const page = 'x'.repeat(1_500_000)
    const { gateway } = await simple((_req, res) => void res.writeHead(429, { 'content-type': 'text/html' }).end(page))
    const res = await gateway.post(hello())
    expect([res.status, res.headers.get('content-type'), res.headers.get('x-strata-error-source')]).toEqual([429, 'text/html', 'upstream'])
    expect(await res.text()).toBe(page)
  })

  it('refuses a model that the consumer may not use with the same words as one that does not exist', async () => {
    const server = await up(talk(['x']))
    const gateway = await start(entriesOf(route(), version(), instance(server.port), consumer({ models: ['other'] })))
    const res = await gateway.post(hello())
    expect(res.status).toBe(404)
  })

  it('answers unknown and known-but-absent paths in OpenAI’s shape', async () => {
    const { gateway } = await simple(talk(['x']))
    const responses = await gateway.post({}, {}, '/v1/responses')
    expect(responses.status).toBe(404)
    expect(((await responses.json()) as { error: { message: string } }).error.message).toContain('/v1/chat/completions')
    expect((await fetch(`${gateway.url}/v1/chat/completions`)).status).toBe(405)
  })

  it('refuses a body over the limit at once', async () => {
    const server = await up(talk(['x']))
    const entries = entriesOf(route(), version(), instance(server.port))
    entries.set(entryKey.settings(), { kind: 'settings', gateways: 1, maxBodyBytes: 1000 })
    const gateway = await start(entries)
    const res = await gateway.post(hello({ user: 'x'.repeat(2000) }))
    expect(res.status).toBe(413)
  })
})

describe('limits', () => {
  const limit = (rules: import('../../src/resources/snapshot.ts').CompiledLimit['rules']) => ({
    kind: 'limit' as const,
    uid: 'uid',
    name: 'basic',
    namespace: 'default',
    per: 'key' as const,
    rules,
  })

  it('refuses the request too many with 429 and the time to wait', async () => {
    const server = await up(talk(['x']))
    const gateway = await start(
      entriesOf(
        route(),
        version(),
        instance(server.port),
        consumer({ limits: ['basic'] }),
        limit([{ type: 'requests', amount: 2, everyMs: 60_000, burst: 2 }]),
      ),
    )
    const first = await gateway.post(hello())
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    await gateway.post(hello())
    const third = await gateway.post(hello())
    expect(third.status).toBe(429)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(20)
    expect(((await third.json()) as { error: { code: string } }).error.code).toBe('rate_limit_exceeded')
  })

  it('charges a stream what it used, not what it reserved', async () => {
    const server = await up(talk(['a', 'b']))
    const gateway = await start(
      entriesOf(
        route(),
        version(),
        instance(server.port),
        consumer({ limits: ['basic'] }),
        limit([{ type: 'tokens', amount: 1000, everyMs: 3_600_000, burst: 1000 }]),
      ),
    )
    await (await gateway.post(hello({ stream: true, max_tokens: 900 }))).text()
    await sleep(20)
    const second = await gateway.post(hello({ max_tokens: 900 }))
    expect(second.status).toBe(200)
  })

  it('gives a place back when its request ends', async () => {
    const server = await up(talk(['a', 'b', 'c', 'd'], 50))
    const gateway = await start(
      entriesOf(route(), version(), instance(server.port), consumer({ limits: ['basic'] }), limit([{ type: 'concurrent', amount: 1 }])),
    )
    const stream = await gateway.post(hello({ stream: true }))
    expect((await gateway.post(hello())).status).toBe(429)
    await stream.text()
    await sleep(20)
    expect((await gateway.post(hello())).status).toBe(200)
  })
})

describe('two instances', () => {
  it('share requests by what they have to read, and what they write counts little', async () => {
    const open: ServerResponse[][] = [[], []]
    const holding = (which: number) =>
      up((_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        open[which]!.push(res)
      })
    const servers = await Promise.all([holding(0), holding(1)])
    const gateway = await start(entriesOf(route(), version(), ...servers.map(({ port }) => instance(port, { sequences: 32 }))))
    const ask = async () => {
      const before = open.map(({ length }) => length)
      const answer = await gateway.post(hello({ stream: true }))
      return [open.findIndex(({ length }, i) => length > before[i]!), answer.body!.getReader()] as const
    }
    const tokenFrom = async ([which, answer]: Awaited<ReturnType<typeof ask>>) => {
      open[which]!.at(-1)!.write(chunk('a'))
      await answer.read()
    }
    const first = await ask()
    const second = await ask()
    expect(second[0]).toBe(1 - first[0])
    for (let i = 0, writes = second; i < 4; i++) {
      await tokenFrom(writes)
      writes = await ask()
      expect(writes[0]).toBe(second[0])
      if (i === 3) await tokenFrom(writes)
    }
    await tokenFrom(first)
    expect((await ask())[0]).toBe(first[0])
    for (const res of open.flat()) res.destroy()
  })
})

describe('failing upstreams', () => {
  it('tries another instance when the first cannot be reached', async () => {
    const dead = await up(talk(['x']))
    await dead.close()
    const alive = await up(talk(['fine']))
    const gateway = await start(
      entriesOf(route(), version(), instance(dead.port, { sequences: 1000 }), instance(alive.port, { sequences: 1 })),
    )
    for (let i = 0; i < 5; i++) expect((await gateway.post(hello())).status).toBe(200)
  })

  it('falls back to another version, and counts it against the assigned one', async () => {
    const broken = await up((_req, res) => res.writeHead(503).end())
    const fine = await up(talk(['saved']))
    const gateway = await start(
      entriesOf(
        route({ fallbacks: [{ version: 'assistant-v0', on: ['unavailable'] }] }),
        version(),
        version({ name: 'assistant-v0', version: 'v0' }),
        instance(broken.port),
        instance(fine.port, { version: 'assistant-v0' }),
      ),
    )
    const res = await gateway.post(hello())
    expect(res.status).toBe(200)
    expect(res.headers.get('x-strata-model-version')).toBe('assistant@v0')
    const [record] = await finished(gateway, 1)
    expect(record).toMatchObject({ assigned: 'assistant-v1', served: 'assistant-v0', outcome: 'ok' })
  })

  it('passes an upstream’s own error on as it is, marked', async () => {
    const { gateway } = await simple((_req, res) =>
      res
        .writeHead(400, { 'content-type': 'application/json' })
        .end('{"error":{"message":"bad temperature","type":"invalid_request_error","param":"temperature","code":null}}'),
    )
    const res = await gateway.post(hello())
    expect(res.status).toBe(400)
    expect(res.headers.get('x-strata-error-source')).toBe('upstream')
    expect(await res.json()).toMatchObject({ error: { param: 'temperature' } })
  })

  it('never lets a stream that was cut look whole', async () => {
    const { gateway } = await simple((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.write(chunk('half an'))
      setTimeout(() => res.destroy(), 30)
    })
    const text = await (await gateway.post(hello({ stream: true }))).text()
    expect(text).toContain('half an')
    expect(text).toContain('"code":"stream_cut"')
    expect(text).not.toContain('[DONE]')
  })

  it('says the same of a stream that ends politely but too early', async () => {
    const { gateway } = await simple((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.end(chunk('half an'))
    })
    expect(await (await gateway.post(hello({ stream: true }))).text()).toContain('"code":"stream_cut"')
  })

  it('turns a plain answer that was cut into an error', async () => {
    const { gateway } = await simple((_req, res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
      res.write('{"half":')
      setTimeout(() => res.destroy(), 30)
    })
    const res = await gateway.post(hello())
    expect(res.status).toBe(502)
    expect(((await res.json()) as { error: { code: string } }).error.code).toBe('upstream_cut')
  })

  it('ends a stream that falls silent, in words', async () => {
    const { gateway } = await simple(
      (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write(chunk('and then'))
      },
      { timeouts: { connect: 500, firstByte: 1_000, idle: 150, total: 5_000 } },
    )
    const text = await (await gateway.post(hello({ stream: true }))).text()
    expect(text).toContain('"code":"timeout"')
  })

  it.each([
    ['firstByte', { firstByte: 150, total: 5_000 }],
    ['total', { firstByte: 5_000, total: 150 }],
  ])('answers 504 when no head comes, and says that timeouts.%s was too short', async (which, timeouts) => {
    const { gateway } = await simple(() => undefined, { timeouts: { connect: 500, idle: 150, ...timeouts } })
    const answer = await gateway.post(hello())
    expect(answer.status).toBe(504)
    expect(await answer.text()).toContain(`raise the route's timeouts.${which}.`)
  })

  it('passes the engine’s 429 on with Retry-After', async () => {
    const { gateway } = await simple((_req, res) =>
      res
        .writeHead(429, { 'content-type': 'application/json', 'retry-after': '3' })
        .end('{"error":{"message":"full","type":"requests","param":null,"code":"queue_full"}}'),
    )
    const res = await gateway.post(hello())
    expect(res.status).toBe(429)
    expect(res.headers.get('retry-after')).toBe('3')
  })

  it('waits for an instance that is starting, then answers', async () => {
    const server = await up(talk(['late']))
    const starting = instance(server.port, { state: 'starting' })
    const gateway = await start(entriesOf(route(), version(), starting), { coldWaitMs: 3_000 })
    const answer = gateway.post(hello())
    await sleep(200)
    gateway.feed.update(new Map([[entryKey.instance(starting.id), { ...starting, state: 'ready' as const }]]))
    expect((await answer).status).toBe(200)
  })

  it('asks the only instance at once, however often it has failed of late', async () => {
    let failing = true
    const answer = talk(['back'])
    const server = await up((req, res, body) => {
      if (failing) res.writeHead(503).end()
      else answer(req, res, body)
    })
    // Whoever waited for its ejection to pass would wait longer than a test may take.
    const patient = { coldWaitMs: 120_000 }
    const gateway = await start(entriesOf(route({ retries: { attempts: 0, on: [] } }), version(), instance(server.port)), patient)
    for (let i = 0; i < 60; i++) expect((await gateway.post(hello())).status).toBe(503)
    failing = false
    expect((await gateway.post(hello())).status).toBe(200)
    expect(server.calls()).toBe(61)
  })

  it('says so when no instance is ready in time', async () => {
    const gateway = await start(entriesOf(route(), version()))
    const res = await gateway.post(hello())
    expect(res.status).toBe(503)
    expect(res.headers.get('retry-after')).toBe('1')
  })
})

describe('clients that leave', () => {
  it('closes the upstream request', async () => {
    let closed = false
    const { gateway } = await simple((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => res.write(chunk('on and on ')), 10)
      res.on('close', () => {
        clearInterval(timer)
        closed = true
      })
    })
    const abort = new AbortController()
    const res = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify(hello({ stream: true })),
      signal: abort.signal,
    })
    await res.body!.getReader().read()
    abort.abort()
    await expect.poll(() => closed, { timeout: 2_000 }).toBe(true)
    expect(await finished(gateway, 1)).toMatchObject([{ outcome: 'aborted' }])
  })

  it('closes it too while the model has not said a word', async () => {
    let closed = false
    const { gateway, server } = await simple((_req, res) => void res.on('close', () => (closed = true)))
    const abort = new AbortController()
    const pending = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify(hello()),
      signal: abort.signal,
    })
    await expect.poll(() => server.calls()).toBe(1)
    abort.abort()
    await expect(pending).rejects.toThrow()
    await expect.poll(() => closed, { timeout: 2_000 }).toBe(true)
  })
})

describe('versions', () => {
  it('splits by weight, and a pin overrides the split', async () => {
    const one = await up(talk(['one']))
    const two = await up(talk(['two']))
    const gateway = await start(
      entriesOf(
        route({
          targets: [
            { version: 'assistant-v1', weight: 50 },
            { version: 'assistant-v2', weight: 50 },
          ],
        }),
        version(),
        version({ name: 'assistant-v2', version: 'v2' }),
        instance(one.port),
        instance(two.port, { version: 'assistant-v2' }),
      ),
    )
    for (let i = 0; i < 60; i++) await (await gateway.post(hello())).text()
    expect(one.calls()).toBeGreaterThan(10)
    expect(two.calls()).toBeGreaterThan(10)
    const pinned = await gateway.post(hello({ model: 'assistant@v2' }))
    expect(pinned.headers.get('x-strata-model-version')).toBe('assistant@v2')
  })

  it('lists what the caller may use', async () => {
    const { gateway } = await simple(talk(['x']))
    const res = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${API_KEY}` } })
    expect(await res.json()).toEqual({
      object: 'list',
      data: [{ id: 'assistant', object: 'model', created: 1_700_000_000, owned_by: 'strata' }],
    })
    const one = await fetch(`${gateway.url}/v1/models/assistant%40v1`, { headers: { authorization: `Bearer ${API_KEY}` } })
    expect(one.status).toBe(200)
  })
})

describe('without control', () => {
  it('goes on answering, and a restarted gateway answers from its disk', async () => {
    const { gateway } = await simple(talk(['x']))
    const file = join(gateway.home.snapshots, 'gateway-0.ndjson')
    await expect.poll(() => existsSync(file), { timeout: 5_000 }).toBe(true)
    await gateway.stopControl()
    expect((await gateway.post(hello())).status).toBe(200)
    const ready = await (await fetch(`${gateway.url}/health/ready`)).json()
    expect(ready).toMatchObject({ status: 'ready', snapshot: { connected: false, source: 'feed' } })

    await gateway.gateway.drain(1_000)
    const again = await startGateway(
      { id: 'gateway-0', host: '127.0.0.1', port: 0, gateways: 1 },
      gateway.home,
      'no control is there',
      quietLog,
    )
    onTestFinished(() => again.drain(1_000))
    await again.ready
    const res = await fetch(`http://127.0.0.1:${again.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}` },
      body: JSON.stringify(hello()),
    })
    expect(res.status).toBe(200)
  })

  it.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2), /^it is cut short/],
    ['cut by a byte', (text: string) => text.slice(0, -1), /^it was altered/],
    ['altered in an entry', (text: string) => text.replace('"weight":100', '"weight":101'), /^it was altered/],
    ['altered in its head', (text: string) => text.replace(/"version":\d/, '"version":9'), /^it was altered/],
    [
      'of an older format',
      (text: string) => text.replace('"format":3', '"format":2'),
      /^it is of format 2, and this program reads format 3$/,
    ],
    ['something else', () => 'GIF89a', /^it does not begin as a snapshot does$/],
    ['empty', () => '', /^the file is empty$/],
  ])('notices a snapshot file that is %s, and says so', async (_what, spoil, words) => {
    const { gateway } = await simple(talk(['x']))
    const file = join(gateway.home.snapshots, 'gateway-0.ndjson')
    await expect.poll(() => existsSync(file), { timeout: 5_000 }).toBe(true)
    const before = readFileSync(file, 'utf8')
    expect(spoil(before)).not.toBe(before)
    expect(readSnapshotFile(file).tables.routesByModel.get('default')?.has('assistant')).toBe(true)
    writeFileSync(file, spoil(before))
    expect(() => readSnapshotFile(file)).toThrow(words)
  })

  it('says that it knows nothing yet, where it starts with no snapshot at all', async () => {
    const { gateway } = await simple(talk(['x']))
    await gateway.stopControl()
    await gateway.gateway.drain(1_000)
    rmSync(gateway.home.snapshots, { recursive: true })
    const again = await startGateway({ id: 'gateway-0', host: '127.0.0.1', port: 0, gateways: 1 }, gateway.home, 'no control', quietLog)
    onTestFinished(() => again.drain(1_000))
    const url = `http://127.0.0.1:${again.port}`
    const headers = { authorization: `Bearer ${API_KEY}` }
    const res = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(hello()) })
    expect(res.status).toBe(503)
    expect(res.headers.get('retry-after')).toBe('1')
    expect(await res.json()).toMatchObject({
      error: { code: 'no_snapshot', message: expect.stringContaining('has not heard from control since its start') },
    })
    expect((await fetch(`${url}/v1/models`, { headers })).status).toBe(503)
    const ready = await fetch(`${url}/health/ready`)
    expect([ready.status, await ready.json()]).toMatchObject([503, { status: 'waiting for a snapshot from control' }])
  })

  it('reads no file of which a single bit is another one', async () => {
    const { gateway } = await simple(talk(['x']))
    const file = join(gateway.home.snapshots, 'gateway-0.ndjson')
    await expect.poll(() => existsSync(file), { timeout: 5_000 }).toBe(true)
    const before = readFileSync(file)
    for (let i = 0; i < 300; i++) {
      const spoiled = Buffer.from(before)
      const bit = Math.floor(Math.random() * before.length * 8)
      spoiled[bit >> 3]! ^= 1 << (bit & 7)
      writeFileSync(file, spoiled)
      expect(() => readSnapshotFile(file), `bit ${bit}`).toThrow()
    }
  })

  it('refuses a revoked key as soon as the change is acknowledged', async () => {
    const { gateway } = await simple(talk(['x']))
    const published = gateway.feed.update(new Map(), [entryKey.key(sha256Hex(API_KEY))])
    expect(await gateway.feed.acked(published, 1_000)).toBe(true)
    expect((await gateway.post(hello())).status).toBe(401)
  })
})
