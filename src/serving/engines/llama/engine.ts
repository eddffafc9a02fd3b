/**
 * The engine that runs a model. What is asked is checked and turned into tokens and a grammar first (`prepare`); then the batch loop writes
 * the answer.
 */
import { type Llama, type LlamaContext, LlamaGrammarEvaluationState, type LlamaModel } from 'node-llama-cpp'
import { messageOf } from '../../../kernel/errors.ts'
import type { Log } from '../../../kernel/log.ts'
import { invalidParameter } from '../../../wire/openai/refusal.ts'
import { Channel } from '../channel.ts'
import type { Engine, EngineCounters, GenerateRequest, Generation, GenerationEvent, Prompt } from '../engine.ts'
import { schemaGrammar } from '../json-schema/grammar.ts'
import { Rate } from '../rate.ts'
import { NO_EMBEDDINGS, promptTooLong, unsupportedModel } from '../refusals.ts'
import { answerGrammar, callable, callGrammar } from '../tool-calls.ts'
import { Answer } from './answer.ts'
import { BatchLoop } from './batch-loop.ts'
import { type Binding, bindingOf, type NativeGrammarState } from './binding.ts'
import { ChatTemplate, PromptOverflow, type PromptPiece, textOf } from './chat-template.ts'
import { Sequences } from './sequences.ts'
import { TokenSampler } from './token-sampler.ts'
import { Vocabulary } from './vocabulary.ts'

/** Events an answer may be ahead of its reader. */
const AHEAD = 32

export interface LlamaEngineOptions {
  readonly fingerprint: string
  readonly contextSize: number
  readonly sequences: number
  readonly batchSize: number
  readonly threads: number
  /** Native work is done in the order in which it is queued. */
  readonly inOrder: boolean
  readonly log: Log
}

export class LlamaEngine implements Engine {
  readonly fingerprint: string
  readonly simulated = false
  readonly contextSize: number
  readonly #llama: Llama
  readonly #model: LlamaModel
  /** Kept although its binding does the work: collected, it would never be disposed of, and its model neither. */
  readonly #context: LlamaContext
  readonly #binding: Binding
  readonly #vocabulary: Vocabulary
  readonly #template: ChatTemplate | undefined
  readonly #sequences: Sequences
  readonly #loop: BatchLoop
  readonly #kvTotal: number
  readonly #written = new Rate()
  #promptTokens = 0
  #cachedTokens = 0

  static async load(llama: Llama, model: LlamaModel, options: LlamaEngineOptions): Promise<Engine> {
    const { contextSize, sequences, batchSize, threads } = options
    const context = await model.createContext({ contextSize, sequences, batchSize, threads })
    const engine = new LlamaEngine(llama, model, context, options)
    await engine.#warmUp()
    return engine
  }

  private constructor(llama: Llama, model: LlamaModel, context: LlamaContext, options: LlamaEngineOptions) {
    this.#llama = llama
    this.#model = model
    this.#context = context
    this.#binding = bindingOf(llama, model, context)
    this.fingerprint = options.fingerprint
    this.contextSize = options.contextSize
    this.#kvTotal = options.contextSize * options.sequences
    this.#vocabulary = new Vocabulary(model)
    this.#template = this.#readTemplate(options.log)
    this.#sequences = new Sequences(options.sequences)
    this.#loop = new BatchLoop(this.#binding.context, this.#sequences, options.batchSize, options.inOrder)
  }

  #readTemplate(log: Log): ChatTemplate | undefined {
    const source = this.#model.fileInfo.metadata.tokenizer?.chat_template
    if (!source) return undefined
    const { bosString, eosString } = this.#model.tokens
    try {
      return new ChatTemplate(source, { bos: bosString ?? '', eos: eosString ?? '' }, this.#vocabulary.controls)
    } catch (error) {
      log.error('The chat template in the weights cannot be read; chat is refused.', { error: messageOf(error) })
      return undefined
    }
  }

  /** The first evaluation allocates and reads the weights in: better before `ready` than in somebody's first request. */
  async #warmUp(): Promise<void> {
    const tokens = this.#model.tokenize('Hello', false)
    const generation = await this.#generation(tokens, {
      prompt: { kind: 'tokens', tokens },
      maxTokens: 1,
      sampling: { temperature: 0, topP: 1, topK: 0, minP: 0, frequencyPenalty: 0, presencePenalty: 0, seed: 0, logitBias: new Map() },
      stop: [],
      topLogprobs: undefined,
      format: undefined,
    })
    for await (const _ of generation.run(0, new AbortController().signal));
    this.#promptTokens = 0
    this.#written.reset()
  }

  async prepare(request: GenerateRequest): Promise<Generation> {
    for (const token of request.sampling.logitBias.keys()) {
      if (token >= this.#vocabulary.size)
        throw invalidParameter('logit_bias', `The token ${token} does not exist: the vocabulary has ${this.#vocabulary.size}.`)
    }
    const read = await this.#read(request.prompt)
    if ('tooMany' in read) throw promptTooLong(request.prompt, this.contextSize, read.tooMany)
    if (read.tokens.length === 0) throw invalidParameter('prompt', 'The prompt is empty, and this model has no token to begin with.')
    return this.#generation(read.tokens, request)
  }

  #read(prompt: Prompt): Promise<{ tokens: number[] } | { tooMany: number }> | { tokens: number[] } | { tooMany: number } {
    if (prompt.kind === 'tokens') return this.#checkTokens(prompt.tokens)
    // A message has at least one token: there is no need to render tens of thousands of them to see that they do not fit.
    if (prompt.kind === 'chat' && prompt.messages.length > this.contextSize) return { tooMany: prompt.messages.length }
    const most = this.contextSize - 1
    const characters = prompt.kind === 'text' ? prompt.text.length : charactersOf(prompt.messages)
    const tooMany = this.#vocabulary.surelyTooMany(characters, most)
    if (tooMany !== undefined) return { tooMany }
    try {
      return this.#vocabulary.tokenize(this.#pieces(prompt), most)
    } catch (error) {
      if (error instanceof PromptOverflow) return { tooMany: characters }
      throw error
    }
  }

  #checkTokens(tokens: readonly number[]): { tokens: number[] } | { tooMany: number } {
    const unknown = tokens.find((token) => token >= this.#vocabulary.size)
    if (unknown !== undefined)
      throw invalidParameter('prompt', `The token ${unknown} does not exist: the vocabulary has ${this.#vocabulary.size}.`)
    return tokens.length >= this.contextSize ? { tooMany: tokens.length } : { tokens: [...tokens] }
  }

  #pieces(prompt: Exclude<Prompt, { kind: 'tokens' }>): PromptPiece[] {
    if (prompt.kind === 'text') return [{ text: prompt.text, plain: false }]
    if (!this.#template) throw unsupportedModel('This model has no chat template, so it cannot chat. Use /v1/completions.')
    return this.#template.render(prompt.messages, prompt.toolChoice === 'none' ? [] : prompt.tools, this.contextSize)
  }

  async #generation(tokens: readonly number[], request: GenerateRequest): Promise<Generation> {
    const { prompt, format, topLogprobs } = request
    const tools = prompt.kind === 'chat' ? callable(prompt.tools, prompt.toolChoice) : []
    const mustCall = prompt.kind === 'chat' && tools.length > 0 && prompt.toolChoice !== 'auto'
    const fromStart = mustCall
      ? answerGrammar(tools, undefined)
      : format && tools.length > 0
        ? answerGrammar(tools, format)
        : format
          ? schemaGrammar(format)
          : undefined
    if (fromStart !== undefined && topLogprobs !== undefined)
      throw invalidParameter(
        'logprobs',
        "'logprobs' together with a response format or a forced tool call is not supported.",
        'unsupported_parameter',
      )
    // Built now, so that a grammar that cannot be is a refusal and not a broken answer.
    const param = format ? 'response_format' : 'tools'
    const grammar = fromStart === undefined ? undefined : await this.#grammar(fromStart, param)
    const call = fromStart === undefined && tools.length > 0 ? await this.#grammar(callGrammar(tools), param) : undefined
    return {
      promptTokens: tokens.length,
      run: (choice, signal) =>
        this.#run(tokens, request, { choice, signal, grammar, call, callByGrammar: tools.length > 0 && grammar !== undefined }),
    }
  }

  /** A grammar as something that makes fresh states of itself: each answer walks through one of its own. */
  async #grammar(text: string, param: string): Promise<() => NativeGrammarState> {
    const grammar = await this.#llama.createGrammar({ grammar: text }).catch((error: unknown) => {
      throw invalidParameter(param, `The schema makes no usable grammar: ${messageOf(error)}`, 'invalid_schema')
    })
    return () => this.#binding.grammarState(new LlamaGrammarEvaluationState({ model: this.#model, grammar }))
  }

  async *#run(
    tokens: readonly number[],
    request: GenerateRequest,
    options: {
      choice: number
      signal: AbortSignal
      grammar: (() => NativeGrammarState) | undefined
      call: (() => NativeGrammarState) | undefined
      callByGrammar: boolean
    },
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const { signal, choice } = options
    signal.throwIfAborted()
    const { sampling } = request
    const seed = (sampling.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : seed32(sampling.seed) + choice) % 2 ** 32
    const grammar = options.grammar?.()
    const channel = new Channel<GenerationEvent>(AHEAD, this.#loop.wake)
    const sampler = new TokenSampler(this.#binding, sampling, seed, this.contextSize, request.topLogprobs, grammar)
    const room = this.contextSize - tokens.length
    // A reader who stops iterating is gone as well, whatever its signal says.
    const left = new AbortController()
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>()
    const answer = new Answer(this.#model, this.#binding, sampler, channel, AbortSignal.any([signal, left.signal]), {
      prompt: tokens,
      maxTokens: Math.min(request.maxTokens ?? room, room),
      stop: request.stop,
      grammar,
      callGrammar: options.call,
      callByGrammar: options.callByGrammar,
      openingToken: this.#vocabulary.openingToken,
      describe: (token) => this.#vocabulary.describe(token),
      onBegin: (cachedTokens) => {
        this.#promptTokens += tokens.length
        this.#cachedTokens += cachedTokens
      },
      onToken: () => this.#written.add(1),
      onEnd,
    })
    this.#loop.start(answer)
    try {
      for await (const event of channel.read()) yield event
    } finally {
      left.abort()
      await ended
    }
  }

  async embed(): Promise<never> {
    throw unsupportedModel(NO_EMBEDDINGS)
  }

  counters(): EngineCounters {
    return {
      promptTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      completionTokens: this.#written.total,
      tokensPerSecond: this.#written.perSecond,
      kvUsedTokens: this.#sequences.cellsUsed,
      kvTotalTokens: this.#kvTotal,
    }
  }

  async close(): Promise<void> {
    await this.#loop.close()
    await this.#context.dispose()
    await this.#model.dispose()
    await this.#llama.dispose()
  }
}

function charactersOf(messages: Extract<Prompt, { kind: 'chat' }>['messages']): number {
  return messages.reduce((sum, { content }) => sum + textOf(content).length, 0)
}

/** Seeds are any integer for OpenAI, 32 bits for llama.cpp. */
function seed32(seed: number): number {
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32
}
