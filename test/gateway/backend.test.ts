/** Versions that live on a server elsewhere: what the gateway changes in a request, and what it leaves alone. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { CompiledVersion } from '../../src/resources/snapshot.ts'
import { chunk, consumer, entriesOf, hello, route, start, type TestGateway, up, version } from './harness.ts'

afterEach(() => {
  delete process.env.TEST_BACKEND_KEY
})

interface Seen {
  url?: string
  authorization?: string
  body: Record<string, unknown>
}

async function backend(
  over: Partial<Extract<CompiledVersion['source'], { type: 'backend' }>> = {},
  usage = true,
): Promise<{ gateway: TestGateway; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = await up((req, res, body) => {
    const request = JSON.parse(body) as Record<string, unknown>
    seen.push({ url: req.url, authorization: req.headers.authorization, body: request })
    if (!request.stream) {
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(
        JSON.stringify({
          choices: [{ message: { content: 'far away' } }],
          usage: { prompt_tokens: 400, completion_tokens: 200, total_tokens: 600 },
        }),
      )
      return
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write(chunk('far') + chunk(' away'))
    if (usage)
      res.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 400, completion_tokens: 200, total_tokens: 600 } })}\n\n`)
    res.end('data: [DONE]\n\n')
  })
  const source = {
    type: 'backend' as const,
    protocol: 'openai' as const,
    backend: 'there',
    down: false,
    address: `http://127.0.0.1:${server.port}/base/v1`,
    model: 'their-name',
    maxConcurrent: 8,
    sampling: {},
    ...over,
  }
  const gateway = await start(
    entriesOf(route(), version({ source }), consumer({ limits: ['tokens'] }), {
      kind: 'limit',
      uid: 'uid',
      name: 'tokens',
      namespace: 'default',
      per: 'consumer',
      rules: [{ type: 'tokens', amount: 1000, everyMs: 3_600_000, burst: 1000 }],
    }),
  )
  return { gateway, seen }
}

describe('a backend', () => {
  it('gets its own model name, the prompt and the sampling of the version', async () => {
    const { gateway, seen } = await backend({ system: 'Be brief.', sampling: { temperature: 0.3, topP: 0.8, maxTokens: 40 } })
    expect((await gateway.post(hello({ top_p: 0.5 }))).status).toBe(200)
    expect(seen[0]).toMatchObject({
      url: '/base/v1/chat/completions',
      body: {
        model: 'their-name',
        temperature: 0.3,
        top_p: 0.5,
        max_tokens: 40,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello' },
        ],
      },
    })
    expect(seen[0]!.authorization).toBeUndefined()
  })

  it('keeps the system message that the client brings', async () => {
    const { gateway, seen } = await backend({ system: 'Be brief.' })
    await gateway.post(
      hello({
        messages: [
          { role: 'developer', content: 'Be long.' },
          { role: 'user', content: 'Hello' },
        ],
      }),
    )
    expect(seen[0]!.body.messages).toHaveLength(2)
  })

  it('is called with its own credentials, never with the client’s key', async () => {
    process.env.TEST_BACKEND_KEY = 'their-secret'
    const { gateway, seen } = await backend({ bearer: { env: 'TEST_BACKEND_KEY' } })
    await gateway.post(hello())
    expect(seen[0]!.authorization).toBe('Bearer their-secret')
  })

  it('is unavailable while its secret is missing; where that should be is the operator’s to know, not the client’s', async () => {
    const { gateway, seen } = await backend({ bearer: { env: 'TEST_BACKEND_KEY' } })
    const res = await gateway.post(hello())
    expect(res.status).toBe(503)
    expect(await res.text()).not.toContain('TEST_BACKEND_KEY')
    expect(seen).toEqual([])
  })

  it('is asked for usage, which settles the limit and stays hidden from a client that did not ask', async () => {
    const { gateway, seen } = await backend()
    const text = await (await gateway.post(hello({ stream: true, max_tokens: 10 }))).text()
    expect(seen[0]!.body.stream_options).toEqual({ include_usage: true })
    expect(text).toBe(`${chunk('far')}${chunk(' away')}data: [DONE]\n\n`)
    await sleep(20)
    // 600 of 1000 are gone, although only about 30 were reserved.
    expect((await gateway.post(hello({ max_tokens: 500 }))).status).toBe(429)
  })

  it('passes the usage event to a client that asked', async () => {
    const { gateway } = await backend()
    const text = await (await gateway.post(hello({ stream: true, max_tokens: 10, stream_options: { include_usage: true } }))).text()
    expect(text).toContain('"completion_tokens":200')
  })
})
