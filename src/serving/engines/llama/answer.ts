/** One answer in the batch loop: tokens become text, text becomes events, and something says when it is over. */
import type { LlamaModel, Token } from 'node-llama-cpp'
import { AnswerWriter } from '../answer-writer.ts'
import type { Channel } from '../channel.ts'
import type { FinishReason, GenerationEvent, TokenLogprob } from '../engine.ts'
import { OPENING } from '../tool-calls.ts'
import type { Job } from './batch-loop.ts'
import type { Binding, NativeGrammarState } from './binding.ts'
import { Detokenizer } from './detokenizer.ts'
import type { Sampled, TokenSampler } from './token-sampler.ts'

export interface AnswerOptions {
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly stop: readonly string[]
  /** The grammar that holds from the first token on. */
  readonly grammar: NativeGrammarState | undefined
  /** Makes the grammar of a tool call's JSON; absent where none may come. */
  readonly callGrammar: (() => NativeGrammarState) | undefined
  /** A call is written by `grammar` already. */
  readonly callByGrammar: boolean
  /** The vocabulary's own token for the opening mark, where it has one: it reads as nothing otherwise. */
  readonly openingToken: number | undefined
  describe(token: number): { token: string; bytes: readonly number[] }
  onBegin(cachedTokens: number): void
  onToken(): void
  /** The sequence is free. */
  onEnd(): void
}

export class Answer implements Job {
  readonly prompt: readonly number[]
  readonly signal: AbortSignal
  readonly #model: LlamaModel
  readonly #binding: Binding
  readonly #sampler: TokenSampler
  readonly #channel: Channel<GenerationEvent>
  readonly #options: AnswerOptions
  readonly #writer: AnswerWriter
  readonly #detokenizer: Detokenizer
  readonly #generated: number[] = []
  #grammar: NativeGrammarState | undefined

  constructor(
    model: LlamaModel,
    binding: Binding,
    sampler: TokenSampler,
    channel: Channel<GenerationEvent>,
    signal: AbortSignal,
    options: AnswerOptions,
  ) {
    this.prompt = options.prompt
    this.signal = signal
    this.#model = model
    this.#binding = binding
    this.#sampler = sampler
    this.#channel = channel
    this.#options = options
    this.#grammar = options.grammar
    this.#detokenizer = new Detokenizer(model, options.prompt)
    this.#writer = new AnswerWriter(
      (event) => channel.push(event),
      options.stop,
      options.callByGrammar || options.callGrammar ? OPENING : undefined,
    )
  }

  get paused(): boolean {
    return this.#channel.full
  }

  begin(cachedTokens: number): void {
    this.#options.onBegin(cachedTokens)
    this.#channel.push({ type: 'begin', cachedTokens })
  }

  sample(logits: number): Promise<Sampled> {
    return this.#sampler.sample(logits)
  }

  accept(sampled: Sampled): boolean {
    const { token } = sampled
    if (this.#model.isEogToken(token as Token)) return this.#over('stop')
    this.#generated.push(token)
    this.#options.onToken()
    const text = token === this.#options.openingToken ? OPENING : this.#detokenizer.push(token)
    const written = this.#writer.write(text, this.#logprob(sampled))
    if (written === 'stopped') return this.#finish('stop')
    if (written === 'called') return this.#finish('tool_calls')
    if (written === 'toolCallBegun' && !this.#options.callByGrammar) this.#constrainCall()
    if (this.#complete(text)) return this.#over('stop')
    if (this.#generated.length >= this.#options.maxTokens) return this.#over('length')
    return true
  }

  end(error?: unknown): void {
    this.#sampler.dispose()
    this.#options.onEnd()
    if (error === undefined) this.#channel.end()
    else this.#channel.fail(error)
  }

  /** From the opening mark on the call's own grammar holds. What came with the mark must have followed it too, or the call is only text. */
  #constrainCall(): void {
    const grammar = this.#options.callGrammar!()
    for (const token of this.#model.tokenize(this.#writer.unread, false)) {
      if (!this.#binding.Sampler.canBeNextTokenForGrammarEvaluationState(grammar, token)) return
      this.#binding.Sampler.acceptGrammarEvaluationStateToken(grammar, token)
    }
    this.#grammar = grammar
    this.#sampler.constrain(grammar, this.#generated)
  }

  /** A grammar that accepts the end has a whole value before it; only a number might still grow. */
  #complete(text: string): boolean {
    const eos = this.#model.tokens.eos ?? this.#model.tokens.eot
    if (!this.#grammar || eos === null || text === '' || /\d$/.test(text)) return false
    return this.#binding.Sampler.canBeNextTokenForGrammarEvaluationState(this.#grammar, eos)
  }

  /** No stop string, no call: what was held back is part of the answer. */
  #over(reason: FinishReason): false {
    const rest = this.#detokenizer.flush()
    if (rest !== '' && this.#writer.write(rest) === 'stopped') return this.#finish('stop')
    this.#writer.finish()
    return this.#finish(reason)
  }

  #finish(reason: FinishReason): false {
    this.#channel.push({ type: 'end', reason, completionTokens: this.#generated.length })
    return false
  }

  #logprob(sampled: Sampled): TokenLogprob | undefined {
    if (sampled.logprob === undefined) return undefined
    return {
      ...this.#options.describe(sampled.token),
      logprob: sampled.logprob,
      top: (sampled.top ?? []).map((one) => ({ ...this.#options.describe(one.token), logprob: one.logprob })),
    }
  }
}
