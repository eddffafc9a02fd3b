/**
 * The engine that runs a model: a GGUF file through llama.cpp, in this process. What is asked is checked and turned into tokens and a
 * grammar first (`prepare`); then the batch loop writes the answer.
 */
import { getLlama, type Llama, LlamaGrammarEvaluationState, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { messageOf, StrataError } from '../../../kernel/errors.ts'
import { sha256Hex } from '../../../kernel/ids.ts'
import type { Log } from '../../../kernel/log.ts'
import type { LlamaParameters } from '../../../resources/model-version.ts'
import { invalidParameter, RequestRefused } from '../../../wire/openai/refusal.ts'
import { Channel } from '../channel.ts'
import type { EngineConfig } from '../config.ts'
import type { Engine, EngineCounters, GenerateRequest, Generation, GenerationEvent, Prompt } from '../engine.ts'
import { Rate } from '../rate.ts'
import { schemaGrammar } from '../schema-grammar.ts'
import { answerGrammar, callable, callGrammar } from '../tool-calls.ts'
import { Answer } from './answer.ts'
import { BatchLoop } from './batch-loop.ts'
import { type Binding, bindingOf, type NativeGrammarState } from './binding.ts'
import { ChatTemplate, type PromptPiece } from './chat-template.ts'
import { LlamaEmbedder } from './embedder.ts'
import { Sequences } from './sequences.ts'
import { TokenSampler } from './token-sampler.ts'
import { Vocabulary } from './vocabulary.ts'

const ENGINE_VERSION = 'node-llama-cpp 3.21.1'
/** Events an answer may be ahead of its reader. */
const AHEAD = 32

type LlamaConfig = EngineConfig & { engine: { kind: 'llama' } }

export async function loadLlama(config: LlamaConfig, log: Log): Promise<Engine> {
  const { weightsPath, weightsSha256, parameters } = config.engine
  const llama = await getLlama({
    gpu: parameters.gpu === 'auto' ? 'auto' : false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.warn,
    logger: (level, message) =>
      log[level === LlamaLogLevel.error || level === LlamaLogLevel.fatal ? 'error' : 'debug'](message.trim(), { from: 'llama.cpp' }),
  })
  const model = await llama.loadModel({ modelPath: weightsPath }).catch((error: unknown) => {
    throw new StrataError('weights_unusable', `llama.cpp cannot load ${weightsPath}: ${messageOf(error)}`, {
      advice: 'Is it a GGUF file of a model that this version of llama.cpp knows?',
      cause: error,
    })
  })
  const fingerprint = `fp_${sha256Hex(`${weightsSha256}\n${ENGINE_VERSION}`).slice(0, 12)}`
  const contextSize = Math.min(parameters.contextSize, model.trainContextSize)
  if (contextSize < parameters.contextSize)
    log.warn(`The context is ${contextSize} tokens, not ${parameters.contextSize}: the model was trained on no more.`)
  if (config.task === 'embedding') return LlamaEmbedder.load(llama, model, { fingerprint, contextSize, threads: threadsOf(parameters) })
  return LlamaEngine.load(llama, model, parameters, { fingerprint, contextSize, log })
}

function threadsOf(parameters: LlamaParameters): number {
  return parameters.threads ?? Math.max(1, Math.floor(navigator.hardwareConcurrency / 2))
}

class LlamaEngine implements Engine {
  readonly fingerprint: string
  readonly simulated = false
  readonly contextSize: number
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #binding: Binding
  readonly #vocabulary: Vocabulary
  readonly #template: ChatTemplate | undefined
  readonly #sequences: Sequences
  readonly #loop: BatchLoop
  readonly #kvTotal: number
  readonly #written = new Rate()
  #promptTokens = 0
  #cachedTokens = 0

  static async load(
    llama: Llama,
    model: LlamaModel,
    parameters: LlamaParameters,
    options: { fingerprint: string; contextSize: number; log: Log },
  ): Promise<Engine> {
    const context = await model.createContext({
      contextSize: options.contextSize,
      sequences: parameters.sequences,
      batchSize: Math.max(parameters.batchSize, parameters.sequences),
      threads: threadsOf(parameters),
    })
    const engine = new LlamaEngine(llama, model, bindingOf(llama, model, context), parameters, options)
    await engine.#warmUp()
    return engine
  }

  private constructor(
    llama: Llama,
    model: LlamaModel,
    binding: Binding,
    parameters: LlamaParameters,
    options: { fingerprint: string; contextSize: number; log: Log },
  ) {
    this.#llama = llama
    this.#model = model
    this.#binding = binding
    this.fingerprint = options.fingerprint
    this.contextSize = options.contextSize
    this.#kvTotal = options.contextSize * parameters.sequences
    this.#vocabulary = new Vocabulary(model)
    this.#template = this.#readTemplate(options.log)
    this.#sequences = new Sequences(parameters.sequences)
    this.#loop = new BatchLoop(binding.context, this.#sequences, Math.max(parameters.batchSize, parameters.sequences))
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
    const param = request.prompt.kind === 'chat' ? 'messages' : 'prompt'
    const read =
      request.prompt.kind === 'tokens'
        ? this.#checkTokens(request.prompt.tokens)
        : await this.#vocabulary.tokenize(this.#pieces(request.prompt), this.contextSize - 1)
    if ('tooMany' in read)
      throw new RequestRefused(
        400,
        'invalid_request_error',
        `This model's maximum context length is ${this.contextSize} tokens. However, your ${param === 'messages' ? 'messages' : 'prompt'} resulted in ${read.tooMany} tokens, and an answer needs at least one more. Please shorten the ${param}.`,
        { code: 'context_length_exceeded', param },
      )
    return this.#generation(read.tokens, request)
  }

  #checkTokens(tokens: readonly number[]): { tokens: number[] } | { tooMany: number } {
    const unknown = tokens.find((token) => token >= this.#vocabulary.size)
    if (unknown !== undefined)
      throw invalidParameter('prompt', `The token ${unknown} does not exist: the vocabulary has ${this.#vocabulary.size}.`)
    return tokens.length >= this.contextSize ? { tooMany: tokens.length } : { tokens: [...tokens] }
  }

  #pieces(prompt: Exclude<Prompt, { kind: 'tokens' }>): PromptPiece[] {
    if (prompt.kind === 'text') return [{ text: prompt.text, plain: false }]
    if (!this.#template)
      throw new RequestRefused(400, 'invalid_request_error', 'This model has no chat template, so it cannot chat. Use /v1/completions.', {
        code: 'unsupported_model',
        param: 'model',
      })
    return this.#template.render(prompt.messages, prompt.toolChoice === 'none' ? [] : prompt.tools)
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

  embed(): never {
    throw new RequestRefused(400, 'invalid_request_error', 'This model generates text; it has no embeddings.', {
      code: 'unsupported_model',
      param: 'model',
    })
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
    await this.#llama.dispose()
  }
}

/** Seeds are any integer for OpenAI, 32 bits for llama.cpp. */
function seed32(seed: number): number {
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32
}
