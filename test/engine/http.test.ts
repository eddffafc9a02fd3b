/** The engines over HTTP, as the gateway and the vendors' clients see them: the same suite for both. */

import { statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import PreviousOpenAI from 'openai-previous'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineServer } from '../../src/serving/engines/server.ts'
import { storyModel } from '../fixtures/weights.ts'
import { llamaConfig, load, post, postJson, type RunningServer, silent, simulatedConfig, startServer, until } from './engines.ts'

const CHAT = '/v1/chat/completions'
const hello = [{ role: 'user' as const, content: 'Once upon a time' }]
const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 10 } },
      required: ['city'],
      additionalProperties: false,
    },
  },
}

function events(text: string) {
  return text.split('\n\n').filter((event) => event !== '')
}

describe.each([
  ['llama', async () => llamaConfig(await storyModel())],
  ['simulated', async () => simulatedConfig()],
] as const)('%s over HTTP', (kind, config) => {
  let running: RunningServer
  beforeAll(async () => {
    running = await startServer(await config())
  })
  afterAll(() => running.close())

  it('answers a chat in one piece, with usage in the body and in the header', async () => {
    const response = await post(running.url, CHAT, { model: 'any', messages: hello, max_tokens: 8, temperature: 0 })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-strata-simulated')).toBe(kind === 'simulated' ? '1' : null)
    const counts = JSON.parse(response.headers.get('x-strata-usage')!)
    const body = (await response.json()) as OpenAI.ChatCompletion
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'any',
      choices: [{ index: 0, finish_reason: 'length', logprobs: null }],
    })
    expect(body.id).toMatch(/^chatcmpl-/)
    expect(body.choices[0]!.message).toMatchObject({ role: 'assistant', refusal: null })
    expect(body.system_fingerprint).toMatch(kind === 'simulated' ? /^simulated$/ : /^fp_[0-9a-f]{12}$/)
    expect(body.usage).toMatchObject({ completion_tokens: 8, prompt_tokens: counts.prompt_tokens })
    expect(counts).toMatchObject({ completion_tokens: 8, cached_tokens: body.usage!.prompt_tokens_details!.cached_tokens })
  })

  it('streams: the role first, the text, the reason, the usage when asked, our count, and the end', async () => {
    const response = await post(running.url, CHAT, {
      model: 'any',
      messages: hello,
      max_completion_tokens: 6,
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const all = events(await response.text())
    expect(all.at(-1)).toBe('data: [DONE]')
    expect(all.at(-2)).toMatch(/^: strata-usage \{"prompt_tokens":\d+,"completion_tokens":6,"cached_tokens":\d+\}$/)
    const chunks = all.slice(0, -2).map((event) => JSON.parse(event.replace(/^data: /, '')) as OpenAI.ChatCompletionChunk)
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '', refusal: null })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } })
    expect(chunks.at(-2)!.choices[0]).toMatchObject({ delta: {}, finish_reason: 'length' })
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull()
  })

  it('streams without usage unless asked, and always sends the count', async () => {
    const text = await (await post(running.url, CHAT, { model: 'any', messages: hello, max_tokens: 3, stream: true })).text()
    expect(text).not.toContain('"usage"')
    expect(text).toContain('\n\n: strata-usage {')
  })

  it('gives several choices, each with its index', async () => {
    const whole = await postJson(running.url, CHAT, { model: 'any', messages: hello, max_tokens: 5, n: 3, seed: 1 })
    expect(whole.choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2])
    expect(whole.usage.completion_tokens).toBe(15)
    const text = await (await post(running.url, CHAT, { model: 'any', messages: hello, max_tokens: 5, n: 3, seed: 1, stream: true })).text()
    const parts = ['', '', '']
    for (const event of events(text)) {
      if (!event.startsWith('data: {')) continue
      const [choice] = (JSON.parse(event.slice(6)) as OpenAI.ChatCompletionChunk).choices
      parts[choice!.index] += choice!.delta.content ?? ''
    }
    expect(parts).toEqual(whole.choices.map(({ message }: { message: { content: string } }) => message.content))
  })

  describe.each([
    ['openai', OpenAI],
    ['openai, one major before', PreviousOpenAI],
  ] as const)('the %s client', (_, Client) => {
    // Both majors have the calls that are made here.
    const client = () => new (Client as typeof OpenAI)({ apiKey: 'unused', baseURL: `${running.url}/v1`, maxRetries: 0 })

    it('chats, streams and accumulates', async () => {
      const whole = await client().chat.completions.create({ model: 'any', messages: hello, max_tokens: 10, temperature: 0 })
      const stream = client().chat.completions.stream({ model: 'any', messages: hello, max_tokens: 10, temperature: 0 })
      const final = await stream.finalChatCompletion()
      expect(final.choices[0]!.message.content).toBe(whole.choices[0]!.message.content)
    })

    it('parses structured output', async () => {
      const completion = await client().chat.completions.parse({
        model: 'any',
        messages: hello,
        max_tokens: 150,
        temperature: 0,
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'pet',
            strict: true,
            schema: {
              type: 'object',
              properties: { kind: { enum: ['cat', 'dog'] }, legs: { type: 'integer', minimum: 0, maximum: 4 } },
              required: ['kind', 'legs'],
              additionalProperties: false,
            },
          },
        },
      })
      const pet = JSON.parse(completion.choices[0]!.message.content!) as { kind: string; legs: number }
      expect(['cat', 'dog']).toContain(pet.kind)
      expect(pet.legs).toBeLessThanOrEqual(4)
    })

    it('calls a tool, and goes on with its result', async () => {
      const common = { model: 'any', max_tokens: 150, temperature: 0, tools: [weather] }
      const stream = client().chat.completions.stream({ ...common, messages: hello, tool_choice: 'required' })
      const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0]!
      expect(finish_reason).toBe('tool_calls')
      const [call] = message.tool_calls!
      if (call?.type !== 'function') throw new Error('no function was called')
      expect(JSON.parse(call.function.arguments)).toHaveProperty('city')
      const next = await client().chat.completions.create({
        ...common,
        messages: [...hello, message, { role: 'tool', tool_call_id: call.id, content: 'sunny' }],
        tool_choice: 'none',
        max_tokens: 5,
      })
      expect(next.choices[0]!.message.content).not.toBe('')
    })

    it('completes plain prompts, several at once', async () => {
      const completion = await client().completions.create({
        model: 'any',
        prompt: ['Once upon', 'The big dog'],
        max_tokens: 6,
        n: 2,
        logprobs: 2,
        temperature: 0,
      })
      expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
      const { logprobs, text } = completion.choices[0]!
      expect(logprobs!.tokens!.join('')).toBe(text)
      expect(Object.keys(logprobs!.top_logprobs![0]!).length).toBeGreaterThan(0)
    })

    it('turns our refusals into its own errors', async () => {
      const wrong = client().chat.completions.create({ model: 'any', messages: hello, audio: { format: 'mp3', voice: 'x' } })
      await expect(wrong).rejects.toMatchObject({ status: 400, param: 'audio', code: 'unsupported_parameter' })
    })
  })

  it.each([
    [{ best: 1 }, 'best'],
    [{ messages: [] }, 'messages'],
    [{ temperature: 3 }, 'temperature'],
    [{ logit_bias: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [i, 1])) }, 'logit_bias'],
    [{ stop: Array.from({ length: 10_000 }, (_, i) => `s${i}`) }, 'stop'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { $ref: '#' } } } },
      'response_format.json_schema.schema.$ref',
    ],
  ])('refuses %j quickly, naming the parameter', async (over, param) => {
    const start = performance.now()
    const response = await post(running.url, CHAT, { model: 'any', messages: hello, ...over })
    expect(response.status).toBe(400)
    expect(((await response.json()) as { error: { param: string } }).error.param).toBe(param)
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  it.each([
    ['not json', 'invalid_json'],
    ['[]', 'invalid_json'],
    [`{"model":"a","messages":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'invalid_value'],
  ])('refuses a broken body', async (body, code) => {
    const response = await post(running.url, CHAT, body)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code, type: 'invalid_request_error' } })
  })

  it('takes the last of duplicate keys, as JSON.parse does', async () => {
    const body = '{"model":"first","model":"last","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}'
    expect(await (await post(running.url, CHAT, body)).json()).toMatchObject({ model: 'last' })
  })

  it('answers unknown paths and methods in OpenAI’s shape', async () => {
    expect((await fetch(`${running.url}/v1/responses`)).status).toBe(404)
    expect((await post(running.url, '/v1/nothing', {})).status).toBe(404)
    const get = await fetch(`${running.url}${CHAT}`)
    expect(get.status).toBe(405)
    expect(await get.json()).toMatchObject({ error: { code: 'method_not_allowed' } })
  })

  it('lists its model, and tells health, load and metrics', async () => {
    expect(await (await fetch(`${running.url}/v1/models`)).json()).toMatchObject({
      object: 'list',
      data: [{ id: 'test', object: 'model' }],
    })
    expect(await (await fetch(`${running.url}/health`)).json()).toEqual({ status: 'ready' })
    expect(await load(running.url)).toMatchObject({ running: 0, waiting: 0 })
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    expect(metrics).toMatch(/^strata_engine_ready\{instance="test-v1-0",version="test-v1"\} 1$/m)
    expect(metrics).toMatch(/^strata_engine_completion_tokens_total\{[^}]*\} [1-9]\d*$/m)
  })

  it('frees the slot of a client that vanishes in mid-stream', async () => {
    const controller = new AbortController()
    const response = await post(running.url, CHAT, { model: 'any', messages: hello, max_tokens: 200, stream: true }, controller.signal)
    await response.body!.getReader().read()
    expect((await load(running.url)).running).toBe(1)
    controller.abort()
    expect(await until(async () => (await load(running.url)).running === 0)).toBeLessThan(2_000)
  })

  it('frees the slot of a client that vanishes before the first token', async () => {
    const controller = new AbortController()
    const asked = post(
      running.url,
      CHAT,
      { model: 'any', messages: [{ role: 'user', content: 'one '.repeat(230) }], stream: true },
      controller.signal,
    )
    await until(async () => (await load(running.url)).running === 1)
    controller.abort()
    // A machine that was slow to look may have got its first token by now; the slot is free either way.
    await asked.catch(() => undefined)
    await until(async () => (await load(running.url)).running === 0, 5_000)
  })
})

describe('the queue in front of an engine', () => {
  it('lets so many wait, refuses the next with 429 and Retry-After, and serves the rest in turn', async () => {
    const running = await startServer(simulatedConfig({ sequences: 1, maxWaiting: 1, timeToFirstToken: '100ms', answerTokens: 5 }))
    const ask = () => post(running.url, CHAT, { model: 'any', messages: hello })
    const first = ask()
    await until(async () => (await load(running.url)).running === 1)
    const second = ask()
    await until(async () => (await load(running.url)).waiting === 1)
    const third = await ask()
    expect(third.status).toBe(429)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await third.json()).toMatchObject({ error: { code: 'engine_overloaded', type: 'rate_limit_error' } })
    expect([(await first).status, (await second).status]).toEqual([200, 200])
    await running.close()
  })

  it('forgets a client that leaves the line', async () => {
    const running = await startServer(simulatedConfig({ sequences: 1, timeToFirstToken: '300ms' }))
    const first = post(running.url, CHAT, { model: 'any', messages: hello })
    await until(async () => (await load(running.url)).running === 1)
    const controller = new AbortController()
    const second = post(running.url, CHAT, { model: 'any', messages: hello }, controller.signal)
    await until(async () => (await load(running.url)).waiting === 1)
    controller.abort()
    await expect(second).rejects.toThrow()
    await until(async () => (await load(running.url)).waiting === 0)
    expect((await first).status).toBe(200)
    await running.close()
  })
})

describe('a reader that stops', () => {
  it('holds the engine back, and is cut off after a while', async () => {
    const running = await startServer(
      simulatedConfig({ tokensPerSecond: 1_000_000, answerTokens: 100_000, contextSize: 1_000_000, timeToFirstToken: '0s' }),
      { stallTimeoutMs: 400 },
    )
    const { port } = new URL(running.url)
    const body = JSON.stringify({ model: 'any', messages: hello, stream: true })
    const socket = connect(Number(port), '127.0.0.1')
    socket.pause()
    socket.write(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    await until(async () => (await load(running.url)).running === 1)
    const written = await until(async () => (await load(running.url)).running === 0, 5_000)
    expect(written).toBeGreaterThan(300)
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    const tokens = Number(/completion_tokens_total\{[^}]*\} (\d+)/.exec(metrics)![1])
    expect(tokens).toBeLessThan(90_000)
    socket.destroy()
    await running.close()
  })
})

describe('an engine that drains', () => {
  it('lets running answers end, refuses new ones, and says so', async () => {
    const running = await startServer(simulatedConfig({ tokensPerSecond: 100, answerTokens: 30 }))
    const response = await post(running.url, CHAT, { model: 'any', messages: hello, stream: true })
    const drained = running.server.drain(5_000)
    expect((await response.text()).endsWith('data: [DONE]\n\n')).toBe(true)
    await drained
    await expect(fetch(`${running.url}/health`)).rejects.toThrow()
  })

  it('ends what is still running after its time with an error event and no [DONE]', async () => {
    const running = await startServer(simulatedConfig({ tokensPerSecond: 10, answerTokens: 1_000 }))
    const response = await post(running.url, CHAT, { model: 'any', messages: hello, stream: true })
    await running.server.drain(200)
    const text = await response.text()
    const last = JSON.parse(events(text).at(-1)!.slice('data: '.length)) as { error: { code: string } }
    expect(last.error.code).toBe('engine_stopping')
    expect(text).not.toContain('[DONE]')
  })
})

describe('an engine that is still loading', () => {
  it('says so, and refuses requests until it is ready', async () => {
    const server = new EngineServer(simulatedConfig(), silent)
    const listening = await server.listen()
    const url = 'port' in listening ? `http://127.0.0.1:${listening.port}` : ''
    const health = await fetch(`${url}/health`)
    expect([health.status, await health.json()]).toEqual([503, { status: 'loading' }])
    const refused = await post(url, CHAT, { model: 'any', messages: hello })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    server.failed('no memory')
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'failed', message: 'no memory' })
    await server.close()
  })
})

describe('an engine on a Unix socket', () => {
  const socketPath = join(tmpdir(), `strata-engine-test-${process.pid}.sock`)
  const health = () =>
    new Promise((resolve) => {
      httpRequest({ socketPath, path: '/health' }, (response) => resolve(response.statusCode))
        .on('error', (error) => resolve((error as NodeJS.ErrnoException).code))
        .end()
    })

  it('replaces a stale file, lets only its user in, and leaves nothing behind', async () => {
    writeFileSync(socketPath, '')
    const running = await startServer({ ...simulatedConfig(), listen: { socketPath } })
    expect(statSync(socketPath).mode & 0o777).toBe(0o600)
    expect(await health()).toBe(200)
    await running.close()
    expect(await health()).toBe('ENOENT')
  })

  it('keeps its name when its predecessor is through with draining', async () => {
    const predecessor = await startServer({ ...simulatedConfig(), listen: { socketPath } })
    const successor = await startServer({ ...simulatedConfig(), listen: { socketPath } })
    await predecessor.server.drain(100)
    await predecessor.close()
    expect(await health()).toBe(200)
    await successor.close()
  })
})

describe('an embedding engine over HTTP', () => {
  it('answers in floats and in base64, and counts', async () => {
    const running = await startServer(llamaConfig(await storyModel(), {}, { task: 'embedding' }))
    const client = new OpenAI({ apiKey: 'unused', baseURL: `${running.url}/v1` })
    // The client asks for base64 by itself, and decodes it.
    const decoded = await client.embeddings.create({ model: 'any', input: ['a red ball', 'a dog'] })
    const floats = await client.embeddings.create({ model: 'any', input: 'a red ball', encoding_format: 'float' })
    expect(decoded.data[0]!.embedding).toHaveLength(288)
    for (const [i, value] of floats.data[0]!.embedding.entries()) expect(decoded.data[0]!.embedding[i]).toBeCloseTo(value, 5)
    expect(floats.usage.prompt_tokens).toBe(floats.usage.total_tokens)
    await expect(client.embeddings.create({ model: 'any', input: 'x', dimensions: 5 })).rejects.toMatchObject({ param: 'dimensions' })
    await expect(client.chat.completions.create({ model: 'any', messages: hello })).rejects.toMatchObject({ code: 'unsupported_model' })
    await running.close()
  })
})
