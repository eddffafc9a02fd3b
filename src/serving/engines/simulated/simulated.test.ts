import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulatedParameters } from '../../../resources/model-version.ts'
import type { EngineConfig } from '../config.ts'
import { collect, engineContract, generateRequest, textOf } from '../engine.contract.ts'
import type { Engine } from '../engine.ts'
import { loadSimulated } from './index.ts'
import { INTRODUCTION } from './words.ts'

function config(parameters: Record<string, unknown> = {}, more: Partial<EngineConfig> = {}) {
  return {
    id: 'sim-0',
    listen: { host: '127.0.0.1', port: 0 },
    version: { name: 'sim-v1', model: 'sim', version: 'v1' },
    task: 'chat' as const,
    prompt: {},
    sampling: {},
    drainTimeoutMs: 1_000,
    ...more,
    engine: {
      kind: 'simulated' as const,
      parameters: simulatedParameters.parse({ timeToFirstToken: '5ms', tokensPerSecond: 2_000, contextSize: 512, ...parameters }),
    },
  }
}

engineContract('simulated', () => loadSimulated(config()))

describe('simulated', () => {
  const open: Engine[] = []
  const load = async (parameters: Record<string, unknown>, more?: Partial<EngineConfig>) => {
    const engine = await loadSimulated(config(parameters, more))
    open.push(engine)
    return engine
  }
  afterAll(() => Promise.all(open.map((engine) => engine.close())))

  it('says that no model has answered, in its text and in its fingerprint', async () => {
    const engine = await load({})
    expect(textOf(await collect(await engine.prepare(generateRequest())))).toContain(INTRODUCTION.slice(0, 40))
    expect(engine.fingerprint).toBe('simulated')
    const standIn = await loadSimulated({ ...config(), engine: { ...config().engine, standsInFor: 'assistant-v1' } })
    expect(standIn.fingerprint).toBe('simulated-standing-in-for-assistant-v1')
    await standIn.close()
  })

  it('takes its time: to the first token and between tokens, twice as long while it warms up', async () => {
    const engine = await load({ timeToFirstToken: '100ms', tokensPerSecond: 100, warmup: 1 })
    const timed = async () => {
      const generation = await engine.prepare(generateRequest({ maxTokens: 11 }))
      const start = performance.now()
      let first = 0
      for await (const event of generation.run(0, new AbortController().signal))
        if (event.type === 'begin') first = performance.now() - start
      return { first, all: performance.now() - start }
    }
    const cold = await timed()
    const warm = await timed()
    // A busy machine may take longer, never less.
    expect(warm.first).toBeGreaterThan(95)
    expect(warm.all).toBeGreaterThan(190)
    expect(cold.first).toBeGreaterThan(190)
    expect(cold.all).toBeGreaterThan(385)
    expect(warm.all).toBeLessThan(cold.all)
  })

  it('fails the share of requests that it is told to, the same ones each time', async () => {
    const outcomes = async () => {
      const engine = await load({ errorRate: 0.3, timeToFirstToken: '0s', tokensPerSecond: 1e6, seed: 3 })
      const results: boolean[] = []
      for (let i = 0; i < 60; i++) {
        const generation = await engine.prepare(generateRequest({ maxTokens: 1 }))
        results.push(
          await collect(generation).then(
            () => true,
            () => false,
          ),
        )
      }
      return results
    }
    const first = await outcomes()
    const failed = first.filter((ok) => !ok).length
    expect(failed).toBeGreaterThan(8)
    expect(failed).toBeLessThan(30)
    expect(await outcomes()).toEqual(first)
  })

  it('holds the memory and takes the time to start that it is told to', async () => {
    const before = process.memoryUsage().rss
    const start = performance.now()
    await load({ memory: '64Mi', startupTime: '150ms' })
    expect(performance.now() - start).toBeGreaterThan(145)
    expect(process.memoryUsage().rss - before).toBeGreaterThan(40 * 2 ** 20)
  })

  it('paces a thousand streams at once', async () => {
    const engine = await load({ timeToFirstToken: '50ms', tokensPerSecond: 20, sequences: 1_000 })
    const start = performance.now()
    const generation = await engine.prepare(generateRequest({ maxTokens: 20 }))
    const signal = new AbortController().signal
    const all = await Promise.all(Array.from({ length: 1_000 }, () => collect(generation, signal)))
    expect(all.every((events) => events.at(-1)?.type === 'end')).toBe(true)
    // 50 ms and 19 tokens at 20 a second; what is above it is the machine.
    expect(performance.now() - start).toBeLessThan(1_000 + 8_000)
  })

  describe('for embeddings', () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await load({}, { task: 'embedding' })
    })

    it('makes vectors of unit length that follow from the text', async () => {
      const signal = new AbortController().signal
      const { vectors, promptTokens } = await engine.embed(['one', 'two', 'one'], undefined, signal)
      expect(vectors[0]).toEqual(vectors[2])
      expect(vectors[0]).not.toEqual(vectors[1])
      expect(Math.hypot(...vectors[0]!)).toBeCloseTo(1)
      expect(promptTokens).toBe(3)
    })

    it('refuses another size, and text generation', async () => {
      await expect(engine.embed(['x'], 7, new AbortController().signal)).rejects.toMatchObject({ body: { error: { param: 'dimensions' } } })
      await expect(engine.prepare(generateRequest())).rejects.toMatchObject({ body: { error: { param: 'model' } } })
    })
  })
})
