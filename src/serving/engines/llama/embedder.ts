/** The engine for embedding models: texts to vectors of unit length, one input after the other. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Llama, LlamaEmbeddingContext, LlamaModel, Token } from 'node-llama-cpp'
import { invalidParameter } from '../../../wire/openai/refusal.ts'
import type { Embeddings, Engine, EngineCounters } from '../engine.ts'
import { inputTooLong, NO_GENERATION, unsupportedModel } from '../refusals.ts'
import { Vocabulary } from './vocabulary.ts'

export class LlamaEmbedder implements Engine {
  readonly fingerprint: string
  readonly simulated = false
  readonly contextSize: number
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #context: LlamaEmbeddingContext
  readonly #vocabulary: Vocabulary
  #promptTokens = 0

  static async load(
    llama: Llama,
    model: LlamaModel,
    options: { fingerprint: string; contextSize: number; threads: number },
  ): Promise<Engine> {
    // An encoder sees its whole input at once: the batch must hold it.
    const context = await model.createEmbeddingContext({
      contextSize: options.contextSize,
      batchSize: options.contextSize,
      threads: options.threads,
    })
    await context.getEmbeddingFor('Hello')
    return new LlamaEmbedder(llama, model, context, options)
  }

  private constructor(
    llama: Llama,
    model: LlamaModel,
    context: LlamaEmbeddingContext,
    options: { fingerprint: string; contextSize: number },
  ) {
    this.#llama = llama
    this.#model = model
    this.#context = context
    this.#vocabulary = new Vocabulary(model)
    this.fingerprint = options.fingerprint
    this.contextSize = options.contextSize
  }

  async prepare(): Promise<never> {
    throw unsupportedModel(NO_GENERATION)
  }

  async embed(inputs: readonly (string | readonly number[])[], dimensions: number | undefined, signal: AbortSignal): Promise<Embeddings> {
    const natural = this.#model.embeddingVectorSize
    if (dimensions !== undefined && dimensions !== natural)
      throw invalidParameter(
        'dimensions',
        `This model's embeddings have ${natural} dimensions and cannot be shortened.`,
        'unsupported_value',
      )
    const prepared: { tokens: Token[]; length: number }[] = []
    for (const [i, input] of inputs.entries()) {
      prepared.push(this.#tokens(input, inputs.length === 1 ? 'input' : `input[${i}]`))
      await nextTurn()
    }
    const vectors: number[][] = []
    for (const { tokens } of prepared) {
      signal.throwIfAborted()
      const { vector } = await this.#context.getEmbeddingFor(tokens.slice())
      vectors.push(unit(vector))
    }
    const promptTokens = prepared.reduce((sum, { length }) => sum + length, 0)
    this.#promptTokens += promptTokens
    return { vectors, promptTokens }
  }

  #tokens(input: string | readonly number[], param: string): { tokens: Token[]; length: number } {
    const vocabulary = this.#vocabulary.size
    if (typeof input !== 'string' && input.some((token) => token >= vocabulary))
      throw invalidParameter(param, `'${param}' has a token that does not exist: the vocabulary has ${vocabulary}.`)
    const surely = typeof input === 'string' ? this.#vocabulary.surelyTooMany(input.length, this.contextSize) : undefined
    if (surely !== undefined) throw inputTooLong(param, this.contextSize, surely)
    const tokens = typeof input === 'string' ? this.#model.tokenize(input, false) : (input as Token[])
    const length = this.#context.calculateInputLength(tokens.slice())
    if (length >= this.contextSize) throw inputTooLong(param, this.contextSize, length)
    return { tokens, length }
  }

  counters(): EngineCounters {
    return {
      promptTokens: this.#promptTokens,
      cachedTokens: 0,
      completionTokens: 0,
      tokensPerSecond: 0,
      kvUsedTokens: 0,
      kvTotalTokens: this.contextSize,
    }
  }

  async close(): Promise<void> {
    await this.#context.dispose()
    await this.#model.dispose()
    await this.#llama.dispose()
  }
}

export function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? [...vector] : vector.map((value) => value / length)
}
