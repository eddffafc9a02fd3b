/**
 * The layer of node-llama-cpp below its public surface: batches, samplers and the cells of the KV cache.
 *
 * The public generators sample once at each position, behind a lock each; this engine decides itself what stands in a batch (prefill
 * slices next to decoding neighbours), looks at probabilities before it samples, and changes the grammar in the middle of an answer.
 * The library is pinned to one exact version for that; `bindingOf` refuses another one in words instead of failing somewhere inside.
 */
import type { Llama, LlamaContext, LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp'
import { StrataError } from '../../../kernel/errors.ts'

export interface NativeContext {
  initBatch(size: number): void
  /** Positions in the batch of the tokens whose logits were asked for. */
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logits: Uint32Array): Uint32Array
  /** Runs on a thread of its own. Rejects when there is no room, and on a failed evaluation. */
  decodeBatch(): Promise<void>
  sampleToken(logits: number, sampler: NativeSampler): Promise<number>
  /** With the candidates that are left, most probable first, as token and probability by turns, or with the probability of the token. */
  sampleToken(
    logits: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
  ): Promise<[token: number, probabilities: number[] | undefined, confidence: number | undefined]>
  /** Clears the sequence's cells. */
  disposeSequence(sequence: number): void
  /** False where this kind of model cannot forget a part. */
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean
  getSequenceKvCacheMinPosition(sequence: number): number
}

export interface NativeGrammarState {
  readonly __brand?: 'grammar state'
}

export interface SamplerConfig {
  temperature: number
  minP?: number
  topK?: number
  topP?: number
  seed?: number
  repeatPenalty?: number
  repeatPenaltyMaxTokens?: number
  repeatPenaltyTokens?: Uint32Array
  repeatPenaltyPresencePenalty?: number
  repeatPenaltyFrequencyPenalty?: number
  tokenBiasKeys?: Uint32Array
  tokenBiasValues?: Float32Array
  grammarEvaluationState?: NativeGrammarState
}

export interface NativeSampler {
  applyConfig(config: SamplerConfig): void
  dispose(): void
}

export interface NativeSamplerClass {
  new (model: unknown): NativeSampler
  acceptGrammarEvaluationStateToken(state: NativeGrammarState, token: number): void
  canBeNextTokenForGrammarEvaluationState(state: NativeGrammarState, token: number): boolean
}

export interface Binding {
  readonly context: NativeContext
  readonly Sampler: NativeSamplerClass
  newSampler(): NativeSampler
  /** `model.tokens` names one of them; a vocabulary may have several tokens that end an answer. */
  grammarState(state: LlamaGrammarEvaluationState): NativeGrammarState
}

export function bindingOf(llama: Llama, model: LlamaModel, context: LlamaContext): Binding {
  const { _bindings } = llama as unknown as { _bindings?: { AddonSampler?: NativeSamplerClass } }
  const { _model } = model as unknown as { _model?: unknown }
  const { _ctx } = context as unknown as { _ctx?: NativeContext }
  const Sampler = _bindings?.AddonSampler
  if (!Sampler || !_model || typeof _ctx?.addToBatch !== 'function')
    throw new StrataError('engine_incompatible', 'The installed node-llama-cpp is not the version that this engine was built for.', {
      advice: 'Install the exact version that package.json names.',
    })
  return {
    context: _ctx,
    Sampler,
    newSampler: () => new Sampler(_model),
    grammarState: (state) => (state as unknown as { _state: NativeGrammarState })._state,
  }
}
