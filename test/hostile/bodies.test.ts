/**
 * Bodies that nobody means well with, at every endpoint of a gateway with real engines behind it. Allowed: an answer, whole, or the dialect's
 * 4xx; never a 5xx, a hang, a line in the gateway's log of errors, or the key. `seed.ts` says from what they are drawn.
 */
import { Agent, request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningServer, simulatedConfig, startServer } from '../engine/engines.ts'
import { API_KEY, entriesOf, instance, route, type TestGateway, testGateway, version } from '../gateway/harness.ts'
import { damaged, hostileText, mutated } from './mutations.ts'
import './seed.ts'

const RUNS = Number(process.env.STRATA_FUZZ_RUNS ?? 2_000)
const agent = new Agent({ keepAlive: true, maxSockets: 4 })
let engines: RunningServer[]
let gateway: TestGateway

beforeAll(async () => {
  const fast = { timeToFirstToken: '0ms', tokensPerSecond: 100_000, answerTokens: 8, sequences: 16, maxWaiting: 512 }
  engines = await Promise.all([startServer(simulatedConfig(fast)), startServer(simulatedConfig(fast, { task: 'embedding' }))])
  const [chat, embedding] = engines.map(({ url }) => Number(new URL(url).port)) as [number, number]
  gateway = await testGateway(
    entriesOf(
      route(),
      version(),
      instance(chat),
      route({ name: 'embedding', models: ['embedding'], targets: [{ version: 'embedding-v1', weight: 100 }] }),
      version({ name: 'embedding-v1', model: 'embedding', task: 'embedding' }),
      instance(embedding, { version: 'embedding-v1' }),
      // The same engine as a server elsewhere: bodies for it are written anew.
      route({ name: 'elsewhere', models: ['elsewhere'], targets: [{ version: 'elsewhere-v1', weight: 100 }] }),
      version({
        name: 'elsewhere-v1',
        model: 'elsewhere',
        source: {
          type: 'backend',
          protocol: 'openai',
          backend: 'there',
          down: false,
          address: `http://127.0.0.1:${chat}/v1`,
          model: 'assistant',
          maxConcurrent: 64,
          system: 'Be brief.',
          sampling: { temperature: 0.5, maxTokens: 6 },
        },
      }),
    ),
  )
})
afterAll(async () => {
  agent.destroy()
  await gateway.close()
  for (const engine of engines) await engine.close()
})

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

function post(path: string, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', 'content-length': body.length }
    const sent = request(
      { port: gateway.gateway.port, host: '127.0.0.1', method: 'POST', path, headers, agent, timeout: 20_000 },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            type: String(response.headers['content-type']),
            text: Buffer.concat(parts).toString('utf8'),
          }),
        )
      },
    )
    sent.on('timeout', () => sent.destroy(new Error(`${path} did not answer within 20 s`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

/** An answer is whole, and a refusal has OpenAI's shape. */
function check({ status, type, text }: Answer): void {
  expect(text).not.toContain(API_KEY)
  if (status === 200 && type.startsWith('text/event-stream')) {
    const events = text.split('\n\n').filter((event) => event !== '')
    expect(events.at(-1)).toBe('data: [DONE]')
    // A server elsewhere may send comments, which are no events.
    for (const event of events.slice(0, -1)) if (!event.startsWith(':')) JSON.parse(event.replace(/^data: /, ''))
    return
  }
  const body = JSON.parse(text)
  if (status === 202) return expect(body).toEqual({ object: 'feedback', request: REQUEST, score: expect.any(Number) })
  if (status === 200) {
    expect(['chat.completion', 'text_completion', 'list']).toContain(body.object)
    return
  }
  expect([400, 404, 405, 413, 415, 422, 429]).toContain(status)
  expect(body).toEqual({
    error: {
      message: expect.any(String),
      type: expect.any(String),
      param: body.error.param === null ? null : expect.any(String),
      code: expect.any(String),
    },
  })
}

const sampling = {
  temperature: 0.7,
  top_p: 0.9,
  frequency_penalty: 0,
  presence_penalty: 0,
  max_tokens: 5,
  n: 2,
  seed: 1,
  stop: ['a', 'b'],
  logit_bias: { 1: 5 },
  user: 'somebody',
  metadata: { a: 'b' },
}
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 10 },
    kind: { enum: ['a', 'b', 1] },
    when: { type: 'string', format: 'date-time' },
    list: { type: 'array', items: { $ref: '#/$defs/item' }, minItems: 1, maxItems: 3 },
    either: { anyOf: [{ type: 'null' }, { type: 'integer', minimum: 1, maximum: 9 }] },
  },
  required: ['name', 'list'],
  additionalProperties: false,
  $defs: { item: { type: 'object', properties: { next: { anyOf: [{ $ref: '#/$defs/item' }, { type: 'null' }] } } } },
}
const tools = [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters: schema, strict: true } }]
const user = { role: 'user', content: 'Hello' }
const conversation = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: [{ type: 'text', text: 'Hello' }], name: 'me' },
  { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }] },
  { role: 'tool', content: 'seen', tool_call_id: 'c1' },
]
const REQUEST = 'req_01KB00000000000000000000AB'
const endpoints: Record<string, readonly object[]> = {
  '/v1/chat/completions': [
    { model: 'assistant', messages: [user], ...sampling },
    { model: 'assistant', messages: [user], stream: true, stream_options: { include_usage: true }, max_completion_tokens: 4 },
    { model: 'assistant', messages: conversation, tools, tool_choice: 'auto', parallel_tool_calls: false },
    { model: 'assistant', messages: [user], tools, tool_choice: { type: 'function', function: { name: 'look' } }, stream: true },
    { model: 'assistant', messages: [user], response_format: { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } } },
    { model: 'assistant@v1', messages: [user], logprobs: true, top_logprobs: 3, response_format: { type: 'text' } },
  ],
  '/v1/completions': [
    { model: 'assistant', prompt: 'Hello', ...sampling },
    { model: 'assistant', prompt: ['Hello', 'World'], stream: true, logprobs: 2, echo: false },
    { model: 'assistant', prompt: [1, 2, 3], max_tokens: 3, best_of: 1 },
  ],
  '/v1/embeddings': [
    { model: 'embedding', input: 'Hello' },
    { model: 'embedding', input: ['Hello', 'World'], encoding_format: 'base64', dimensions: 384 },
    { model: 'embedding', input: [[1, 2], [3]], user: 'somebody' },
  ],
  '/v1/feedback': [
    { request: REQUEST, rating: 'up', comment: 'Hello' },
    { request: REQUEST, rating: 'down', score: 0.2 },
    { request: REQUEST, score: 1, comment: null },
  ],
}
const calls = fc.constantFrom(...Object.keys(endpoints)).chain((path) => {
  const documents = fc
    .tuple(fc.constantFrom(...endpoints[path]!), fc.boolean())
    .map(([document, elsewhere]) =>
      elsewhere && (path === '/v1/chat/completions' || path === '/v1/completions') ? { ...document, model: 'elsewhere' } : document,
    )
  const worded = fc
    .tuple(documents, hostileText)
    .map(([document, text]) => JSON.parse(JSON.stringify(document).replaceAll('"Hello"', () => JSON.stringify(text))) as object)
  const text = fc.oneof({ weight: 3, arbitrary: mutated(documents, 2) }, mutated(documents, 6), mutated(worded, 1))
  return fc.record({
    path: fc.constant(path),
    body: fc.oneof({ weight: 4, arbitrary: text.map((each) => Buffer.from(each)) }, damaged(text)),
  })
})

it.each(Object.entries(endpoints).flatMap(([path, bodies]) => bodies.map((body) => [path, body] as const)))(
  '%s takes %j',
  async (path, body) => {
    const answer = await post(path, Buffer.from(JSON.stringify(body)))
    check(answer)
    expect(answer.status).toBe(path === '/v1/feedback' ? 202 : 200)
  },
)

it(`${RUNS} bodies`, { timeout: 240_000 }, async () => {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 4, maxLength: 4 }), async (all) => {
      await Promise.all(
        all.map(async ({ path, body }) => {
          const answer = await post(path, body)
          if (answer.status < 300) taken += 1
          check(answer)
        }),
      )
    }),
    { numRuns: RUNS / 4, interruptAfterTimeLimit: 200_000, markInterruptAsFailure: true },
  )
  // Were all of them refused at the door, nothing would have been tried.
  expect(taken).toBeGreaterThan(RUNS / 20)
  const after = await post('/v1/completions', Buffer.from(JSON.stringify({ model: 'assistant', prompt: 'Hello' })))
  expect(after.status).toBe(200)
})
