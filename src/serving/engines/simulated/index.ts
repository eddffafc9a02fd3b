/**
 * The engine without a model: it takes the time that one would take, keeps to every form that is asked for, and says in every answer that
 * it is simulated. For capacity planning, tests and demonstrations.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { randomFrom } from '../../../kernel/random.ts'
import type { SimulatedParameters } from '../../../resources/model-version.ts'
import { durationMs, sizeBytes } from '../../../resources/scalars.ts'
import { invalidParameter, RequestRefused } from '../../../wire/openai/refusal.ts'
import type { EngineConfig } from '../config.ts'
import type { Embeddings, Engine, EngineCounters, GenerateRequest, Generation, GenerationEvent, Prompt, Tool } from '../engine.ts'
import { instanceOf } from '../json-schema/instance.ts'
import { requireMemory } from '../memory.ts'
import { Rate } from '../rate.ts'
import { inputTooLong, NO_EMBEDDINGS, NO_GENERATION, promptTooLong, unsupportedModel } from '../refusals.ts'
import { callable } from '../tool-calls.ts'
import { PacedAnswer, type Piece } from './paced-answer.ts'
import { Wheel } from './wheel.ts'
import { answerPieces, embeddingOf, hash32, piecesOf, simulatedLogprob, someWords } from './words.ts'

type SimulatedConfig = EngineConfig & { engine: { kind: 'simulated' } }

const DIMENSIONS = 384
/** In UTF-16 units. */
const LONGEST_PIECE = 14

export async function loadSimulated(config: SimulatedConfig): Promise<Engine> {
  const { parameters } = config.engine
  const held = sizeBytes(parameters.memory)
  requireMemory(`${config.version.name} (parameters.memory)`, { mapped: 0, held }, 'Set a smaller `parameters.memory`.')
  const memory = Buffer.alloc(held, 1)
  await sleep(durationMs(parameters.startupTime))
  return new SimulatedEngine(config, memory)
}

/** What is drawn once for a request, before its choices run. */
interface Draw {
  readonly promptTokens: number
  /** 2 while the engine is still warming up. */
  readonly slowness: number
  readonly fails: boolean
}

class SimulatedEngine implements Engine {
  readonly fingerprint: string
  readonly simulated = true
  readonly contextSize: number
  readonly #embeds: boolean
  readonly #parameters: SimulatedParameters
  readonly #wheel = new Wheel()
  readonly #written = new Rate()
  readonly #failures: () => number
  readonly #timeToFirstToken: number
  /** Held, not used: the process shall have the size that is asked for. */
  readonly memory: Buffer
  #requests = 0
  #promptTokens = 0
  #kvUsed = 0

  constructor(config: SimulatedConfig, memory: Buffer) {
    const { parameters, standsInFor } = config.engine
    this.fingerprint = standsInFor === undefined ? 'simulated' : `simulated-standing-in-for-${standsInFor}`
    this.contextSize = parameters.contextSize
    this.#embeds = config.task === 'embedding'
    this.#parameters = parameters
    this.memory = memory
    this.#timeToFirstToken = durationMs(parameters.timeToFirstToken)
    this.#failures = randomFrom(parameters.seed).uniform
  }

  async prepare(request: GenerateRequest): Promise<Generation> {
    if (this.#embeds) throw unsupportedModel(NO_GENERATION)
    const { prompt, format, topLogprobs, sampling } = request
    if (prompt.kind === 'tokens' && prompt.tokens.length >= this.contextSize)
      throw promptTooLong(prompt, this.contextSize, prompt.tokens.length)
    const text = promptText(prompt)
    // A piece has at most seven characters: there is no need to cut megabytes into them to see that they do not fit.
    if (text.length > this.contextSize * LONGEST_PIECE) throw promptTooLong(prompt, this.contextSize, Math.round(text.length / 4))
    const promptTokens = prompt.kind === 'tokens' ? prompt.tokens.length : Math.max(1, piecesOf(text).length)
    if (promptTokens >= this.contextSize) throw promptTooLong(prompt, this.contextSize, promptTokens)
    const tool = calledTool(prompt)
    const forced = prompt.kind === 'chat' && prompt.toolChoice !== 'auto' && prompt.toolChoice !== 'none'
    if (topLogprobs !== undefined && (forced || format))
      throw invalidParameter(
        'logprobs',
        "'logprobs' together with a response format or a forced tool call is not supported.",
        'unsupported_parameter',
      )
    const seedOf = (choice: number) => hash32(`${choice}\0${sampling.seed ?? ''}\0${text}`)
    // Made now, so that a schema without an instance is a refusal and not a broken answer.
    const first = this.#pieces(request, tool, seedOf(0))
    const draw = this.#draw(promptTokens)
    return {
      promptTokens,
      run: (choice, signal) => {
        const seed = seedOf(choice)
        return this.#run(request, choice === 0 ? first : this.#pieces(request, tool, seed), draw, seed, signal)
      },
    }
  }

  #draw(promptTokens: number): Draw {
    return {
      promptTokens,
      slowness: this.#requests++ < this.#parameters.warmup ? 2 : 1,
      fails: this.#failures() < this.#parameters.errorRate,
    }
  }

  #pieces(request: GenerateRequest, tool: Tool | undefined, seed: number): Piece[] {
    const random = randomFrom(seed).uniform
    if (tool) {
      const json = instanceOf(tool.parameters, someWords(random, 32))
      return [{ kind: 'call', text: tool.name }, ...piecesOf(json).map((text): Piece => ({ kind: 'arguments', text }))]
    }
    const pieces = request.format
      ? piecesOf(instanceOf(request.format, someWords(random, 32)))
      : // One more than are asked for, so that it shows whether the answer was cut.
        answerPieces(random, Math.min(this.#parameters.answerTokens, (request.maxTokens ?? Number.POSITIVE_INFINITY) + 1))
    return pieces.map((text): Piece => ({ kind: 'text', text }))
  }

  async *#run(
    request: GenerateRequest,
    pieces: readonly Piece[],
    draw: Draw,
    seed: number,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    signal.throwIfAborted()
    const { promptTokens, slowness, fails } = draw
    const { jitter, tokensPerSecond } = this.#parameters
    const { topLogprobs } = request
    const random = randomFrom(seed ^ this.#parameters.seed).uniform
    const jittered = (ms: number) => ms * slowness * (1 + jitter * (random() * 2 - 1))
    const answer = new PacedAnswer(this.#wheel, {
      pieces,
      maxTokens: Math.min(request.maxTokens ?? Number.POSITIVE_INFINITY, this.contextSize - promptTokens),
      stop: request.stop,
      firstDelay: () => jittered(this.#timeToFirstToken),
      nextDelay: () => jittered(1000 / tokensPerSecond),
      logprob: (text) => (topLogprobs === undefined ? undefined : simulatedLogprob(text, random, topLogprobs)),
      onToken: () => {
        this.#written.add(1)
        this.#kvUsed++
      },
    })
    const abort = () => answer.fail(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (fails) answer.fail(simulatedFailure())
    this.#promptTokens += promptTokens
    this.#kvUsed += promptTokens
    try {
      yield* answer.events()
    } finally {
      answer.fail(new Error('The reader has left.'))
      signal.removeEventListener('abort', abort)
      this.#kvUsed -= promptTokens + answer.tokens
    }
  }

  async embed(inputs: readonly (string | readonly number[])[], dimensions: number | undefined, signal: AbortSignal): Promise<Embeddings> {
    if (!this.#embeds) throw unsupportedModel(NO_EMBEDDINGS)
    if (dimensions !== undefined && dimensions !== DIMENSIONS)
      throw invalidParameter(
        'dimensions',
        `This model's embeddings have ${DIMENSIONS} dimensions and cannot be shortened.`,
        'unsupported_value',
      )
    inputs.forEach((input, i) => {
      const tokens = typeof input !== 'string' ? input.length : input.length > this.contextSize * LONGEST_PIECE ? input.length / 4 : 0
      if (tokens >= this.contextSize)
        throw inputTooLong(inputs.length === 1 ? 'input' : `input[${i}]`, this.contextSize, Math.round(tokens))
    })
    const { promptTokens, slowness, fails } = this.#draw(
      inputs.reduce((sum, input) => sum + (typeof input === 'string' ? piecesOf(input).length : input.length), 0),
    )
    await sleep(this.#timeToFirstToken * slowness, undefined, { signal })
    if (fails) throw simulatedFailure()
    this.#promptTokens += promptTokens
    return {
      vectors: inputs.map((input) => embeddingOf(typeof input === 'string' ? input : input.join(' '), DIMENSIONS)),
      promptTokens,
    }
  }

  counters(): EngineCounters {
    return {
      promptTokens: this.#promptTokens,
      cachedTokens: 0,
      completionTokens: this.#written.total,
      tokensPerSecond: this.#written.perSecond,
      kvUsedTokens: this.#kvUsed,
      kvTotalTokens: this.contextSize * this.#parameters.sequences,
    }
  }

  async close(): Promise<void> {
    this.#wheel.close()
  }
}

/** Left to choose, it calls a tool when a person speaks and answers in text when a tool has. */
function calledTool(prompt: Prompt): Tool | undefined {
  if (prompt.kind !== 'chat') return undefined
  const [tool] = callable(prompt.tools, prompt.toolChoice)
  return prompt.toolChoice !== 'auto' || prompt.messages.at(-1)?.role === 'user' ? tool : undefined
}

function simulatedFailure(): RequestRefused {
  return new RequestRefused(500, 'server_error', 'A simulated failure: this engine fails a share of its requests, as its errorRate says.', {
    code: 'simulated_error',
  })
}

function promptText(prompt: Prompt): string {
  if (prompt.kind === 'text') return prompt.text
  if (prompt.kind === 'tokens') return prompt.tokens.join(' ')
  return prompt.messages
    .map(({ role, content }) => `${role}: ${typeof content === 'string' ? content : JSON.stringify(content ?? '')}`)
    .join('\n')
}
