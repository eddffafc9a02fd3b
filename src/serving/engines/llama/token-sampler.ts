/** Chooses the next token of one answer, and tells the probabilities that the model gave before any of the choosing. */
import type { Sampling } from '../engine.ts'
import type { Binding, NativeGrammarState, NativeSampler, SamplerConfig } from './binding.ts'

export interface Sampled {
  readonly token: number
  readonly logprob?: number
  /** Most probable first. */
  readonly top?: readonly { readonly token: number; readonly logprob: number }[]
}

const COLDEST = 0.001

/** So many candidates are looked at for the chosen token's own probability before all of the vocabulary is. */
const CANDIDATES = 64

export class TokenSampler {
  readonly #binding: Binding
  readonly #sampler: NativeSampler
  readonly #config: SamplerConfig
  readonly #topLogprobs: number | undefined
  readonly #probes: { best: NativeSampler; candidates: NativeSampler } | undefined

  constructor(
    binding: Binding,
    sampling: Sampling,
    seed: number,
    contextSize: number,
    topLogprobs: number | undefined,
    grammar: NativeGrammarState | undefined,
  ) {
    this.#binding = binding
    this.#topLogprobs = topLogprobs
    this.#config = samplerConfig(sampling, seed, contextSize)
    this.#sampler = binding.newSampler()
    this.constrain(grammar, [])
    if (topLogprobs !== undefined) {
      this.#probes = { best: binding.newSampler(), candidates: binding.newSampler() }
      this.#probes.best.applyConfig({ temperature: 0 })
      this.#probes.candidates.applyConfig({ temperature: 1, topK: CANDIDATES, seed: 0 })
    }
  }

  /** From now on by `grammar`. `generated`: the tokens so far, for the penalties. */
  constrain(grammar: NativeGrammarState | undefined, generated: readonly number[]): void {
    const config = { ...this.#config }
    if (config.repeatPenaltyMaxTokens !== undefined) config.repeatPenaltyTokens = Uint32Array.from(generated)
    if (grammar) config.grammarEvaluationState = grammar
    this.#sampler.applyConfig(config)
  }

  async sample(logits: number): Promise<Sampled> {
    const { context } = this.#binding
    if (!this.#probes) return { token: await context.sampleToken(logits, this.#sampler) }
    // The greedy probe says the best token's probability over the whole vocabulary, the other one the ratios between the first few.
    const [, , best] = await context.sampleToken(logits, this.#probes.best, false, true)
    const [, candidates] = await context.sampleToken(logits, this.#probes.candidates, true, false)
    const token = await context.sampleToken(logits, this.#sampler)
    const ranked = rank(candidates!, Math.log(best!))
    let chosen = ranked.find((one) => one.token === token)
    if (!chosen) {
      const [, all] = await context.sampleToken(logits, this.#probes.best, true, false)
      chosen = rank(all!, Math.log(best!)).find((one) => one.token === token)
    }
    return { token, logprob: chosen?.logprob ?? -9999, top: ranked.slice(0, this.#topLogprobs) }
  }

  dispose(): void {
    this.#sampler.dispose()
    this.#probes?.best.dispose()
    this.#probes?.candidates.dispose()
  }
}

function rank(pairs: readonly number[], bestLogprob: number): { token: number; logprob: number }[] {
  const ranked: { token: number; logprob: number }[] = []
  for (let i = 0; i < pairs.length; i += 2) ranked.push({ token: pairs[i]!, logprob: bestLogprob + Math.log(pairs[i + 1]! / pairs[1]!) })
  return ranked
}

/** What is off is left out: an absent sampler costs nothing. */
export function samplerConfig(sampling: Sampling, seed: number, contextSize: number): SamplerConfig {
  // So near to zero there is one candidate left, and what is divided by it overflows.
  const temperature = sampling.temperature < COLDEST ? 0 : sampling.temperature
  const config: SamplerConfig = { temperature }
  if (temperature > 0) {
    config.seed = seed
    if (sampling.topK > 0) config.topK = sampling.topK
    if (sampling.topP < 1) config.topP = sampling.topP
    if (sampling.minP > 0) config.minP = sampling.minP
  }
  if (sampling.frequencyPenalty !== 0 || sampling.presencePenalty !== 0) {
    config.repeatPenalty = 1
    config.repeatPenaltyMaxTokens = contextSize
    config.repeatPenaltyFrequencyPenalty = sampling.frequencyPenalty
    config.repeatPenaltyPresencePenalty = sampling.presencePenalty
  }
  if (sampling.logitBias.size > 0) {
    config.tokenBiasKeys = Uint32Array.from(sampling.logitBias.keys())
    config.tokenBiasValues = Float32Array.from(sampling.logitBias.values())
  }
  return config
}
