/** OpenAI's own npm client, unchanged, the newest and one major before, against the gateway with the real default model. */
import OpenAI7 from 'openai'
import OpenAI6 from 'openai-previous'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultModel } from '../fixtures/weights.ts'
import { llamaAssistant } from '../harness/manifests.ts'
import { type System, startSystem } from '../harness/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ bootstrap: llamaAssistant(await defaultModel(), { system: 'You are a helpful AI assistant.' }) })
})
afterAll(() => system?.stop())

const QUESTION = [{ role: 'user' as const, content: 'What is the capital of France?' }]

describe.each([
  ['openai 7', OpenAI7],
  ['openai 6', OpenAI6 as unknown as typeof OpenAI7],
])('%s', (_name, OpenAI) => {
  const client = (apiKey = system.apiKey) => new OpenAI({ baseURL: `${system.gatewayUrl}/v1`, apiKey, maxRetries: 0 })

  it('asks and gets Paris', async () => {
    const answer = await client().chat.completions.create({ model: 'assistant', temperature: 0, messages: QUESTION })
    expect(answer.choices[0]!.message.content).toContain('Paris')
    expect(answer.choices[0]!.finish_reason).toBe('stop')
    expect(answer.usage!.total_tokens).toBe(answer.usage!.prompt_tokens + answer.usage!.completion_tokens)
  })

  it('streams the same answer, with usage', async () => {
    const stream = await client().chat.completions.create({
      model: 'assistant',
      temperature: 0,
      messages: QUESTION,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let usage = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage = chunk.usage?.completion_tokens ?? usage
    }
    expect(text).toContain('Paris')
    expect(usage).toBeGreaterThan(3)
  })

  it('follows the stream helper to its final message', async () => {
    const runner = client().chat.completions.stream({ model: 'assistant', temperature: 0, messages: QUESTION })
    const final = await runner.finalChatCompletion()
    expect(final.choices[0]!.message.content).toContain('Paris')
  })

  it('aborts a stream in the middle without an error of its own', async () => {
    const stream = await client().chat.completions.create({ model: 'assistant', messages: QUESTION, stream: true, max_tokens: 400 })
    let chunks = 0
    for await (const _chunk of stream) {
      chunks += 1
      if (chunks === 3) break
    }
    expect(chunks).toBe(3)
  })

  it('calls a tool through tool_choice', async () => {
    const answer = await client().chat.completions.create({
      model: 'assistant',
      temperature: 0,
      messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
          },
        },
      ],
      tool_choice: 'required',
    })
    const [call] = answer.choices[0]!.message.tool_calls!
    expect(answer.choices[0]!.finish_reason).toBe('tool_calls')
    if (call?.type !== 'function') throw new Error('not a function call')
    expect(call.function.name).toBe('weather')
    expect(typeof (JSON.parse(call.function.arguments) as { city: string }).city).toBe('string')
  })

  it('gets JSON of the schema that it asks for', async () => {
    const answer = await client().chat.completions.create({
      model: 'assistant',
      temperature: 0,
      messages: [{ role: 'user', content: 'Paris: name and population as JSON.' }],
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'city',
          strict: true,
          schema: {
            type: 'object',
            properties: { name: { type: 'string' }, population: { type: 'integer' } },
            required: ['name', 'population'],
            additionalProperties: false,
          },
        },
      },
      max_tokens: 120,
    })
    const parsed = JSON.parse(answer.choices[0]!.message.content!) as { name: unknown; population: unknown }
    expect(typeof parsed.name).toBe('string')
    expect(Number.isInteger(parsed.population)).toBe(true)
  })

  it('gets log-probabilities and several choices', async () => {
    const answer = await client().chat.completions.create({
      model: 'assistant',
      temperature: 0,
      messages: QUESTION,
      n: 2,
      logprobs: true,
      top_logprobs: 2,
      max_tokens: 4,
    })
    expect(answer.choices).toHaveLength(2)
    const first = answer.choices[0]!.logprobs!.content![0]!
    expect(first.logprob).toBeLessThanOrEqual(0)
    expect(first.top_logprobs).toHaveLength(2)
  })

  it('completes plain text', async () => {
    const answer = await client().completions.create({
      model: 'assistant',
      prompt: 'The capital of France is',
      temperature: 0,
      max_tokens: 5,
    })
    expect(answer.choices[0]!.text).toContain('Paris')
  })

  it('says what a user thought of an answer', async () => {
    const answer = await client().chat.completions.create({ model: 'assistant', messages: QUESTION, max_tokens: 2 })
    const request = answer._request_id
    const given = await client().post('/feedback', { body: { request, rating: 'up', comment: 'Quite so.' } })
    expect(given).toMatchObject({ object: 'feedback', request, score: 1 })
    await expect(client().post('/feedback', { body: { request, rating: 'good' } })).rejects.toMatchObject({ status: 400, param: 'rating' })
  })

  it('lists models', async () => {
    const names: string[] = []
    for await (const model of client().models.list()) names.push(model.id)
    expect(names).toEqual(['assistant'])
    expect((await client().models.retrieve('assistant')).id).toBe('assistant')
  })

  it('throws its own typed errors', async () => {
    await expect(client('sk-wrong').chat.completions.create({ model: 'assistant', messages: QUESTION })).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    )
    await expect(client().chat.completions.create({ model: 'nope', messages: QUESTION })).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    const refused = client().chat.completions.create({ model: 'assistant', messages: QUESTION, temperature: 9 })
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'temperature' })
    await expect(refused).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    const long = client().chat.completions.create({ model: 'assistant', messages: [{ role: 'user', content: 'word '.repeat(5000) }] })
    await expect(long).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' })
  })
})
