/** What every engine does, whatever is behind it. Each engine's own test calls this with itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RequestRefused } from '../../wire/openai/refusal.ts'
import type { Engine, GenerateRequest, Generation, GenerationEvent, Sampling, Tool } from './engine.ts'
import { readSchema } from './json-schema/read.ts'

const SAMPLING: Sampling = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 1,
  logitBias: new Map(),
}

export function generateRequest(over: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    prompt: { kind: 'chat', messages: [{ role: 'user', content: 'Once upon a time' }], tools: [], toolChoice: 'none' },
    maxTokens: 24,
    sampling: SAMPLING,
    stop: [],
    topLogprobs: undefined,
    format: undefined,
    ...over,
  }
}

export async function collect(generation: Generation, signal = new AbortController().signal, choice = 0): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = []
  for await (const event of generation.run(choice, signal)) events.push(event)
  return events
}

export function textOf(events: readonly GenerationEvent[]): string {
  return events.map((event) => (event.type === 'text' ? event.text : '')).join('')
}

function endOf(events: readonly GenerationEvent[]) {
  const last = events.at(-1)
  if (last?.type !== 'end') throw new Error(`The last event is ${last?.type}.`)
  return last
}

const TOOL: Tool = {
  name: 'get_weather',
  definition: { type: 'function', function: { name: 'get_weather' } },
  parameters: readSchema(
    { type: 'object', properties: { city: { type: 'string', maxLength: 12 }, unit: { enum: ['C', 'F'] } }, required: ['city', 'unit'] },
    'parameters',
  ),
}

const PERSON = readSchema(
  {
    type: 'object',
    properties: { name: { type: 'string', maxLength: 10 }, age: { type: 'integer', minimum: 1, maximum: 120 } },
    required: ['name', 'age'],
  },
  'schema',
)

/** `load` starts an engine with at least two sequences and a context of at least 128 tokens. */
export function engineContract(name: string, load: () => Promise<Engine>): void {
  describe(`${name}: the engine contract`, () => {
    let engine: Engine

    beforeAll(async () => {
      engine = await load()
    }, 180_000)
    afterAll(() => engine.close())

    const generate = async (over: Partial<GenerateRequest> = {}) => collect(await engine.prepare(generateRequest(over)))

    it('begins, writes text, and ends with a reason and a count', async () => {
      const events = await generate()
      expect(events[0]?.type).toBe('begin')
      expect(events.slice(1, -1).every((event) => event.type === 'text' && event.text !== '')).toBe(true)
      expect(endOf(events)).toMatchObject({ reason: 'length', completionTokens: 24 })
      expect(textOf(events).length).toBeGreaterThan(20)
    })

    it('says the same for the same seed, also beside others, and something else for another choice', async () => {
      const hot = { sampling: { ...SAMPLING, temperature: 1, seed: 7 } }
      const generation = await engine.prepare(generateRequest(hot))
      const alone = textOf(await collect(generation))
      expect(textOf(await generate(hot))).toBe(alone)
      const other = await collect(generation, new AbortController().signal, 1)
      expect(textOf(other)).not.toBe(alone)
    })

    it('tells how many tokens the prompt has, and refuses one that does not fit, with both numbers', async () => {
      const short = await engine.prepare(generateRequest())
      expect(short.promptTokens).toBeGreaterThan(2)
      expect(short.promptTokens).toBeLessThan(20)
      const long = 'word '.repeat(engine.contextSize + 10)
      const refusal = await engine.prepare(generateRequest({ prompt: { kind: 'text', text: long } })).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(RequestRefused)
      expect((refusal as RequestRefused).body.error).toMatchObject({ code: 'context_length_exceeded', param: 'prompt' })
      expect((refusal as RequestRefused).message).toMatch(new RegExp(`is ${engine.contextSize} tokens.* resulted in \\d+ tokens`))
    })

    it('takes tokens for a prompt', async () => {
      const events = await generate({ prompt: { kind: 'tokens', tokens: [10, 11, 12] } })
      expect(endOf(events).completionTokens).toBeGreaterThan(0)
    })

    it('ends at the end of the context', async () => {
      const words = Math.floor(engine.contextSize * 0.4)
      const generation = await engine.prepare(
        generateRequest({ prompt: { kind: 'text', text: 'one '.repeat(words) }, maxTokens: 10 * engine.contextSize }),
      )
      const { reason, completionTokens } = endOf(await collect(generation))
      expect(completionTokens).toBeLessThanOrEqual(engine.contextSize - generation.promptTokens)
      if (reason === 'length') expect(completionTokens).toBe(engine.contextSize - generation.promptTokens)
    })

    it('stops at a stop string and shows no part of it', async () => {
      const whole = textOf(await generate())
      for (const stop of [whole.slice(9, 14), whole.slice(12, 13), whole.slice(3, 22)]) {
        const events = await generate({ stop: ['never said', stop] })
        expect(textOf(events)).toBe(whole.slice(0, whole.indexOf(stop)))
        expect(endOf(events).reason).toBe('stop')
      }
    })

    it('shows what only looked like the beginning of a stop string', async () => {
      const whole = textOf(await generate())
      const events = await generate({ stop: [`${whole.slice(-6)} and then never`, `${whole.slice(5, 9)}#`] })
      expect(textOf(events)).toBe(whole)
    })

    it('tells log-probabilities that belong to the text', async () => {
      const events = await generate({ topLogprobs: 3, maxTokens: 8 })
      const logprobs = events.flatMap((event) => (event.type === 'text' ? event.logprobs : []))
      expect(logprobs).toHaveLength(8)
      expect(
        Buffer.from(logprobs.flatMap(({ bytes }) => bytes))
          .toString()
          .trimStart(),
      ).toBe(textOf(events).trimStart())
      for (const { logprob, top } of logprobs) {
        expect(logprob).toBeLessThanOrEqual(0)
        expect(top).toHaveLength(3)
        expect(top[0]!.logprob).toBeGreaterThanOrEqual(top[1]!.logprob)
      }
    })

    it('keeps to a schema, and stops when the value is complete', async () => {
      const events = await generate({ format: PERSON, maxTokens: 120 })
      const value = JSON.parse(textOf(events)) as { name: unknown; age: number }
      expect(Object.keys(value)).toEqual(['name', 'age'])
      expect(value.age).toBeGreaterThanOrEqual(1)
      expect(value.age).toBeLessThanOrEqual(120)
      expect(endOf(events).reason).toBe('stop')
    })

    it.each(['required', { name: 'get_weather' }] as const)('calls a tool when it must (%j)', async (toolChoice) => {
      const prompt = {
        kind: 'chat',
        messages: [{ role: 'user', content: 'Weather?' }],
        tools: [{ ...TOOL, name: 'get_weather' }],
        toolChoice,
      } as const
      const events = await generate({ prompt, maxTokens: 120 })
      expect(events.filter(({ type }) => type === 'toolCall')).toEqual([{ type: 'toolCall', name: 'get_weather' }])
      const json = events.map((event) => (event.type === 'toolArguments' ? event.text : '')).join('')
      const value = JSON.parse(json) as { city: unknown; unit: string }
      expect(typeof value.city).toBe('string')
      expect(['C', 'F']).toContain(value.unit)
      expect(endOf(events).reason).toBe('tool_calls')
    })

    it('refuses log-probabilities where a grammar decides, by name', async () => {
      const refused = engine.prepare(generateRequest({ topLogprobs: 1, format: PERSON }))
      await expect(refused).rejects.toMatchObject({ status: 400, body: { error: { param: 'logprobs' } } })
    })

    it('ends when its signal aborts, with the reason, and can run again', async () => {
      const controller = new AbortController()
      const reason = new Error('gone')
      const events: GenerationEvent[] = []
      const run = async () => {
        const generation = await engine.prepare(generateRequest({ maxTokens: 100 }))
        for await (const event of generation.run(0, controller.signal)) {
          events.push(event)
          if (event.type === 'text') controller.abort(reason)
        }
      }
      await expect(run()).rejects.toBe(reason)
      expect(events.length).toBeLessThan(40)
      expect(endOf(await generate()).completionTokens).toBe(24)
    })

    it('gives up an answer that is no longer read', async () => {
      const generation = await engine.prepare(generateRequest({ maxTokens: 100 }))
      for await (const event of generation.run(0, new AbortController().signal)) if (event.type === 'text') break
      expect(endOf(await generate()).completionTokens).toBe(24)
    })

    it('does not run ahead of a reader that waits', async () => {
      const before = engine.counters().completionTokens
      const generation = await engine.prepare(generateRequest({ maxTokens: 100 }))
      const events = generation.run(0, new AbortController().signal)[Symbol.asyncIterator]()
      await events.next()
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      expect(engine.counters().completionTokens - before).toBeLessThanOrEqual(40)
      await events.return?.()
    })

    it('writes several answers at the same time', async () => {
      const generation = await engine.prepare(generateRequest())
      const open = new AbortController().signal
      const both = await Promise.all([collect(generation, open, 0), collect(generation, open, 0)])
      expect(textOf(both[0])).toBe(textOf(both[1]))
    })

    it('has no embeddings where it generates', async () => {
      await expect(engine.embed(['text'], undefined, new AbortController().signal)).rejects.toMatchObject({
        status: 400,
        body: { error: { param: 'model' } },
      })
    })
  })
}
