/** The engine for embedding models: texts to vectors of unit length, one input after the other. */
import type { Llama, LlamaEmbeddingContext, LlamaModel, Token } from 'node-llama-cpp'
import { invalidParameter, RequestRefused } from '../../../wire/openai/refusal.ts'
import type { Embeddings, Engine, EngineCounters } from '../engine.ts'

export class LlamaEmbedder implements Engine {
  readonly fingerprint: string
  readonly simulated = false
  readonly contextSize: number
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #context: LlamaEmbeddingContext
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
    this.fingerprint = options.fingerprint
    this.contextSize = options.contextSize
  }

  prepare(): never {
    throw new RequestRefused(400, 'invalid_request_error', 'This model makes embeddings; it does not generate text. Use /v1/embeddings.', {
      code: 'unsupported_model',
      param: 'model',
    })
  }

  async embed(inputs: readonly (string | readonly number[])[], dimensions: number | undefined, signal: AbortSignal): Promise<Embeddings> {
    const natural = this.#model.embeddingVectorSize
    if (dimensions !== undefined && dimensions !== natural)
      throw invalidParameter(
        'dimensions',
        `This model's embeddings have ${natural} dimensions and cannot be shortened.`,
        'unsupported_value',
      )
    const vocabulary = this.#model.fileInfo.metadata.tokenizer?.ggml.tokens.length ?? 0
    const prepared = inputs.map((input, i) => {
      const name = inputs.length === 1 ? 'input' : `input[${i}]`
      if (typeof input !== 'string' && input.some((token) => token >= vocabulary))
        throw invalidParameter(name, `It has a token that does not exist: the vocabulary has ${vocabulary}.`)
      const tokens = typeof input === 'string' ? this.#model.tokenize(input, false) : (input as Token[])
      const length = this.#context.calculateInputLength(tokens.slice())
      if (length >= this.contextSize)
        throw new RequestRefused(
          400,
          'invalid_request_error',
          `This model's maximum input is ${this.contextSize - 1} tokens. However, '${name}' has ${length}.`,
          {
            code: 'context_length_exceeded',
            param: 'input',
          },
        )
      return { tokens, length }
    })
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
    await this.#llama.dispose()
  }
}

export function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? [...vector] : vector.map((value) => value / length)
}
