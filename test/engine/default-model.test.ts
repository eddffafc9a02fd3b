/** The model that Strata starts with, over HTTP, as a user meets it. */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultModel } from '../fixtures/weights.ts'
import { llamaConfig, load, post, postJson, type RunningServer, startServer, until } from './engines.ts'

const CHAT = '/v1/chat/completions'

describe('SmolLM2-135M-Instruct', () => {
  let running: RunningServer
  let client: OpenAI
  beforeAll(async () => {
    running = await startServer(
      llamaConfig(await defaultModel(), { contextSize: 2048, sequences: 4 }, { system: 'You are a helpful AI assistant.' }),
    )
    client = new OpenAI({ apiKey: 'unused', baseURL: `${running.url}/v1`, maxRetries: 0 })
  })
  afterAll(() => running.close())

  const ask = (content: string, over: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) =>
    client.chat.completions.create({ model: 'assistant', temperature: 0, messages: [{ role: 'user', content }], ...over })

  it('knows the capital of France', async () => {
    const completion = await ask('What is the capital of France?')
    expect(completion.choices[0]!.message.content).toContain('Paris')
    expect(completion.choices[0]!.finish_reason).toBe('stop')
  })

  it('puts the version’s system prompt before a conversation that brings none, and only then', async () => {
    const own = await ask('Hi', { max_tokens: 1 })
    const none = { role: 'system' as const, content: '' }
    const theirs = await ask('', { max_tokens: 1, messages: [none, { role: 'user', content: 'Hi' }] })
    expect(own.usage!.prompt_tokens - theirs.usage!.prompt_tokens).toBeGreaterThan(4)
    const developer = await ask('', {
      max_tokens: 1,
      messages: [
        { role: 'developer', content: '' },
        { role: 'user', content: 'Hi' },
      ],
    })
    expect(developer.usage!.prompt_tokens).toBe(theirs.usage!.prompt_tokens)
  })

  it('keeps the conversation so far', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the capital of France?' }]
    const first = await ask('', { messages })
    messages.push(first.choices[0]!.message, {
      role: 'user',
      content: [
        { type: 'text', text: 'And of ' },
        { type: 'text', text: 'Italy?' },
      ],
    })
    const second = await ask('', { messages })
    // All of the first round but the last token of its answer, which was chosen and never evaluated.
    expect(second.usage!.prompt_tokens_details!.cached_tokens).toBeGreaterThan(first.usage!.total_tokens - 4)
  })

  it('sends only whole characters', async () => {
    const stream = await client.chat.completions.create({
      model: 'assistant',
      temperature: 0,
      max_tokens: 40,
      stream: true,
      messages: [{ role: 'user', content: 'Repeat exactly: 🎉🎊🎈 ünïcödé 漢字' }],
    })
    let text = ''
    for await (const chunk of stream) {
      expect(chunk.choices[0]!.delta.content ?? '').not.toContain('\ufffd')
      text += chunk.choices[0]!.delta.content ?? ''
    }
    expect(text).toContain('🎉🎊🎈')
  })

  it('reads a control token that a user writes as plain text', async () => {
    const plain = await ask('hello', { max_tokens: 1 })
    const spelled = await ask('hello<|im_end|>', { max_tokens: 1 })
    expect(spelled.usage!.prompt_tokens - plain.usage!.prompt_tokens).toBeGreaterThan(3)
  })

  it('answers in JSON, and calls a tool that exists', async () => {
    const json = await ask('Describe a person with name and age, as JSON.', { response_format: { type: 'json_object' }, max_tokens: 200 })
    // How much it has to say is the model's own affair, and differs between processors by their rounding.
    const { finish_reason, message } = json.choices[0]!
    if (finish_reason === 'stop') expect(typeof JSON.parse(message.content!)).toBe('object')
    else expect([finish_reason, json.usage!.completion_tokens, message.content!.trimStart()[0]]).toEqual(['length', 200, '{'])
    const schema = {
      type: 'object',
      properties: { mood: { enum: ['glad', 'sad'] }, adult: { type: 'boolean' } },
      required: ['mood', 'adult'],
      additionalProperties: false,
    }
    const bounded = await ask('Describe a person.', { response_format: { type: 'json_schema', json_schema: { name: 'person', schema } } })
    expect(JSON.parse(bounded.choices[0]!.message.content!)).toEqual({
      mood: expect.stringMatching(/^(glad|sad)$/) as string,
      adult: expect.any(Boolean) as boolean,
    })
    const called = await ask('What is the weather in Paris?', {
      tool_choice: 'required',
      tools: ['get_time', 'get_weather'].map((name) => ({
        type: 'function',
        function: { name, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
      })),
    })
    const [call] = called.choices[0]!.message.tool_calls!
    expect(call?.type === 'function' && ['get_time', 'get_weather'].includes(call.function.name)).toBe(true)
  })

  it('answers health in a moment while it reads a long prompt, and lets go of it when the client leaves', async () => {
    const controller = new AbortController()
    const body = { model: 'assistant', messages: [{ role: 'user', content: 'word '.repeat(1_900) }], stream: true }
    const asked = post(running.url, CHAT, body, controller.signal)
    await until(async () => (await load(running.url)).kvUsedTokens > 128)
    const start = performance.now()
    expect((await fetch(`${running.url}/health`)).status).toBe(200)
    expect(performance.now() - start).toBeLessThan(1_000)
    controller.abort()
    await expect(asked).rejects.toThrow()
    await until(async () => (await load(running.url)).running === 0, 5_000)
    // Far from the end of the prompt: what was read is what is kept.
    expect((await load(running.url)).kvUsedTokens).toBeLessThan(1_500)
  })

  it('goes on writing beside a long prompt', async () => {
    const controller = new AbortController()
    const long = post(
      running.url,
      CHAT,
      { model: 'a', messages: [{ role: 'user', content: 'other '.repeat(1_900) }], max_tokens: 1 },
      controller.signal,
    )
    let read = false
    long.then(
      () => (read = true),
      () => {},
    )
    const stream = await client.chat.completions.create({
      model: 'assistant',
      temperature: 0,
      messages: [{ role: 'user', content: 'Tell me a long story.' }],
      max_tokens: 8,
      stream: true,
      stream_options: { include_usage: true },
    })
    // Tokens, not events: an event may carry several when its reader is slow.
    let written = 0
    for await (const chunk of stream) written = chunk.usage?.completion_tokens ?? written
    expect(read).toBe(false)
    expect(written).toBe(8)
    controller.abort()
    await expect(long).rejects.toThrow()
  })

  it('says how long a prompt was that does not fit', async () => {
    const { error } = await postJson(running.url, CHAT, { model: 'a', messages: [{ role: 'user', content: 'word '.repeat(3_000) }] })
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' })
    expect(error.message).toMatch(/is 2048 tokens.* resulted in 30\d\d tokens/)
  })
})
