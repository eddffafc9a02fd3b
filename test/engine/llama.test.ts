/** What only a real model can show: prefixes kept, probabilities exact, characters whole. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getLlama } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, generateRequest, textOf } from '../../src/serving/engines/engine.contract.ts'
import type { Engine, GenerateRequest, GenerationEvent } from '../../src/serving/engines/engine.ts'
import { loadLlama } from '../../src/serving/engines/llama/index.ts'
import { storyModel } from '../fixtures/weights.ts'
import { llamaConfig, silent } from './engines.ts'

const open = () => new AbortController().signal

function begin(events: readonly GenerationEvent[]): number {
  const [first] = events
  return first?.type === 'begin' ? first.cachedTokens : -1
}

describe('llama with stories15M', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await loadLlama(llamaConfig(await storyModel()), silent)
  })
  afterAll(() => engine.close())

  const say = async (text: string, over: Partial<GenerateRequest> = {}) =>
    collect(await engine.prepare(generateRequest({ prompt: { kind: 'text', text }, ...over })), open())

  it('writes the story that this model always writes', async () => {
    expect(textOf(await say('Once upon a time'))).toBe(
      ', there was a little girl named Lily. She loved to play outside in the sunshine. One day,',
    )
  })

  it('keeps the beginning that a prompt repeats, and finds the sequence that has it', async () => {
    const fox = `The fox went to the river. ${'It was a sunny day. '.repeat(6)}`
    const bear = `A bear lived in a cave. ${'He liked honey very much. '.repeat(6)}`
    await say(fox)
    await Promise.all([say(fox), say(bear)])
    const [again, changed] = [await say(bear), await say(`${bear} Then`)]
    const { promptTokens } = await engine.prepare(generateRequest({ prompt: { kind: 'text', text: bear } }))
    expect(begin(again)).toBe(promptTokens - 1)
    expect(begin(changed)).toBeGreaterThanOrEqual(promptTokens - 1)
    expect(begin(await say('Something else'))).toBeLessThanOrEqual(1)
  })

  it('says the same whether the prompt was kept or not', async () => {
    const hot = { sampling: { ...generateRequest().sampling, temperature: 0.9, topP: 0.9, topK: 40, seed: 11 } }
    const fresh = textOf(await say('The little dog', hot))
    const kept = textOf(await say('The little dog', hot))
    await say('Something quite different')
    expect([kept, textOf(await say('The little dog', hot))]).toEqual([fresh, fresh])
  })

  it('tells the log-probabilities that llama.cpp computes, to four decimals', async () => {
    const weights = await storyModel()
    const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false })
    const model = await llama.loadModel({ modelPath: weights.path })
    const context = await model.createContext({ contextSize: 256, threads: 1 })
    const sequence = context.getSequence()
    const prompt = [model.tokens.bos!, ...model.tokenize('Once upon a time')]
    const expected: { logprob: number; top: number[] }[] = []
    for await (const { token, probabilities } of sequence.evaluateWithMetadata(
      prompt,
      { probabilities: true },
      { temperature: 0, topK: 0 },
    )) {
      const top = [...probabilities.values()].slice(0, 5).map(Math.log)
      expected.push({ logprob: Math.log(probabilities.get(token)!), top })
      if (expected.length === 6) break
    }
    await llama.dispose()
    const events = await say('Once upon a time', { topLogprobs: 5, maxTokens: 6 })
    const logprobs = events.flatMap((event) => (event.type === 'text' ? event.logprobs : []))
    for (const [i, { logprob, top }] of logprobs.entries()) {
      expect(logprob).toBeCloseTo(expected[i]!.logprob, 4)
      for (const [k, one] of top.entries()) expect(one.logprob).toBeCloseTo(expected[i]!.top[k]!, 4)
    }
  })

  it('tells the same log-probabilities whatever the temperature, also of an improbable token', async () => {
    const cold = await say('Once upon a time', { topLogprobs: 20, maxTokens: 1 })
    const [first] = cold.flatMap((event) => (event.type === 'text' ? event.logprobs : []))
    const sampling = { ...generateRequest().sampling, temperature: 2, logitBias: new Map([[31_000, 60]]) }
    const hot = await say('Once upon a time', { topLogprobs: 20, maxTokens: 1, sampling })
    const [biased] = hot.flatMap((event) => (event.type === 'text' ? event.logprobs : []))
    expect(biased!.top.map(({ logprob }) => logprob)).toEqual(first!.top.map(({ logprob }) => logprob))
    expect(biased!.logprob).toBeLessThan(first!.top.at(-1)!.logprob)
    expect(biased!.logprob).toBeGreaterThan(-60)
  })

  it('obeys logit_bias and penalties', async () => {
    const plain = textOf(await say('Once upon a time', { maxTokens: 60 }))
    const { sampling } = generateRequest()
    const banned = await say('Once upon a time', {
      topLogprobs: 0,
      maxTokens: 1,
      sampling: { ...sampling, logitBias: new Map([[29892, -100]]) },
    })
    expect(textOf(banned)).not.toBe(',')
    const penalised = textOf(
      await say('Once upon a time', { maxTokens: 60, sampling: { ...sampling, frequencyPenalty: 2, presencePenalty: 2 } }),
    )
    const repeats = (text: string) => {
      const words = text.split(/\W+/)
      return words.length - new Set(words).size
    }
    expect(repeats(penalised)).toBeLessThan(repeats(plain))
  })

  it('reads a long prompt in slices, and lets go of it after one of them', async () => {
    const controller = new AbortController()
    const generation = await engine.prepare(generateRequest({ prompt: { kind: 'text', text: 'one '.repeat(240) }, maxTokens: 2 }))
    const run = collect(generation, controller.signal)
    // The first slice, of 128 tokens, is on its way; the second must not begin. The mark at the beginning was kept from before.
    await new Promise((resolve) => setImmediate(resolve))
    controller.abort(new Error('gone'))
    await expect(run).rejects.toThrow('gone')
    expect(begin(await say('one '.repeat(240), { maxTokens: 1 }))).toBeLessThanOrEqual(1 + 128)
  })

  it('fits any schema within the bounds into a grammar', async () => {
    const { readSchema } = await import('../../src/serving/engines/json-schema/read.ts')
    const wide = {
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: 9 }, (_, i) => [`p${i}`, { type: 'array', maxItems: 1000, items: { type: 'string' } }]),
      ),
    }
    const deep = Array.from({ length: 10 }).reduce<unknown>((items) => ({ type: 'array', minItems: 1000, maxItems: 1000, items }), {
      type: 'string',
    })
    const values = { enum: Array.from({ length: 1000 }, (_, i) => `value ${i} "quoted" \\ \n and more`) }
    const tuple = { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'null' }], items: false, minItems: 1 }
    for (const schema of [wide, deep, values, tuple, true, { type: ['object', 'null'] }])
      await engine.prepare(generateRequest({ format: readSchema(schema, 'schema') }))
  })
})

describe('llama with stories15M for embeddings', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await loadLlama(llamaConfig(await storyModel(), {}, { task: 'embedding' }), silent)
  })
  afterAll(() => engine.close())

  it('makes vectors of unit length that follow from the text', async () => {
    const { vectors, promptTokens } = await engine.embed(['a red ball', 'the big dog', 'a red ball'], 288, open())
    expect(vectors[0]).toEqual(vectors[2])
    expect(vectors[0]).not.toEqual(vectors[1])
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 6)
    expect(promptTokens).toBeGreaterThan(9)
  })

  it('refuses other dimensions, inputs that are too long, and text generation', async () => {
    await expect(engine.embed(['x'], 100, open())).rejects.toMatchObject({ body: { error: { param: 'dimensions' } } })
    await expect(engine.embed(['word '.repeat(300)], undefined, open())).rejects.toMatchObject({
      body: { error: { code: 'context_length_exceeded' } },
    })
    await expect(engine.prepare(generateRequest())).rejects.toMatchObject({ body: { error: { param: 'model' } } })
  })
})

it('what is no model is refused in one line, with its first bytes escaped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-llama-'))
  try {
    const path = join(folder, 'notes.gguf')
    writeFileSync(path, '---\ntitle: no model\n')
    await expect(loadLlama(llamaConfig({ path, sha256: 'a'.repeat(64) }), silent)).rejects.toMatchObject({
      code: 'weights_unusable',
      line: `llama.cpp cannot load ${path}: Invalid GGUF magic. Expected "GGUF" but got "---\\n". Is it a GGUF file of a model that this version of llama.cpp knows?`,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
