/**
 * The port behind which an engine stands: text in, typed events out. The HTTP server in front is the same for all, so is the queue;
 * an engine only knows how to run one answer at a time on each of its sequences. The twins `llama` and `simulated` pass `engine.contract.ts`.
 */
import type { ChatRequestMessage, ChatTool } from '../../wire/openai/chat.ts'
import type { Schema } from './json-schema/schema.ts'

export interface Sampling {
  readonly temperature: number
  readonly topP: number
  /** 0: off. */
  readonly topK: number
  /** 0: off. */
  readonly minP: number
  readonly frequencyPenalty: number
  readonly presencePenalty: number
  /** Absent: another one each time. */
  readonly seed: number | undefined
  readonly logitBias: ReadonlyMap<number, number>
}

export type ToolChoice = 'none' | 'auto' | 'required' | { readonly name: string }

export interface Tool {
  readonly name: string
  /** As the client sent it: chat templates render it. */
  readonly definition: ChatTool
  /** Schema of the arguments, understood. */
  readonly parameters: Schema
}

export type Prompt =
  | {
      readonly kind: 'chat'
      readonly messages: readonly ChatRequestMessage[]
      readonly tools: readonly Tool[]
      readonly toolChoice: ToolChoice
    }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] }

export interface GenerateRequest {
  readonly prompt: Prompt
  /** Absent: to the end of the context. */
  readonly maxTokens: number | undefined
  readonly sampling: Sampling
  readonly stop: readonly string[]
  /** How many alternatives each token shall tell; absent: no log-probabilities at all. */
  readonly topLogprobs: number | undefined
  /** What the text must be an instance of. Absent: free text. */
  readonly format: Schema | undefined
}

export interface TokenLogprob {
  readonly token: string
  readonly bytes: readonly number[]
  /** Natural logarithm of the model's own probability, before temperature and the other sampling. */
  readonly logprob: number
  readonly top: readonly { readonly token: string; readonly bytes: readonly number[]; readonly logprob: number }[]
}

export type FinishReason = 'stop' | 'length' | 'tool_calls'

export type GenerationEvent =
  /** The prompt is evaluated; so many of its tokens were still there from before. */
  | { readonly type: 'begin'; readonly cachedTokens: number }
  | { readonly type: 'text'; readonly text: string; readonly logprobs: readonly TokenLogprob[] }
  | { readonly type: 'toolCall'; readonly name: string }
  | { readonly type: 'toolArguments'; readonly text: string }
  | { readonly type: 'end'; readonly reason: FinishReason; readonly completionTokens: number }

/** A request that was understood and fits. Nothing has been evaluated yet. */
export interface Generation {
  readonly promptTokens: number
  /**
   * One answer, `choice` telling apart the several of one request. The caller holds a slot of the admission queue for it, and gives the
   * slot back when the iteration has ended; by then the engine's sequence is free. The signal ends it before the next token, in a
   * prefill within one slice; it then throws the signal's reason. An engine that is read slowly waits: it holds only a few events.
   */
  run(choice: number, signal: AbortSignal): AsyncIterable<GenerationEvent>
}

export interface Embeddings {
  /** Unit length each. */
  readonly vectors: readonly (readonly number[])[]
  readonly promptTokens: number
}

export interface EngineCounters {
  /** Since the start. */
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  /** Tokens generated in the last second. */
  readonly tokensPerSecond: number
  readonly kvUsedTokens: number
  readonly kvTotalTokens: number
}

export interface Engine {
  /** `system_fingerprint` of its answers. */
  readonly fingerprint: string
  readonly simulated: boolean
  /** Tokens that prompt and answer may have together. */
  readonly contextSize: number
  /** Throws `RequestRefused` for what this model cannot do and for a prompt that does not fit. */
  prepare(request: GenerateRequest): Promise<Generation>
  /** Throws `RequestRefused` where the model has no embeddings, or not of that size. */
  embed(inputs: readonly (string | readonly number[])[], dimensions: number | undefined, signal: AbortSignal): Promise<Embeddings>
  counters(): EngineCounters
  close(): Promise<void>
}
