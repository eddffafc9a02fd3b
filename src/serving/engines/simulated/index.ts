/**
 * The engine without a model: it takes the time that one would take, keeps to every form that is asked for, and says in every answer that
 * it is simulated. For capacity planning, tests and demonstrations.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SimulatedParameters } from '../../../resources/model-version.ts'
import { durationMs, sizeBytes } from '../../../resources/scalars.ts'
import { invalidParameter, RequestRefused } from '../../../wire/openai/refusal.ts'
import { AnswerWriter } from '../answer-writer.ts'
import { Channel } from '../channel.ts'
import type { EngineConfig } from '../config.ts'
import type {
  Embeddings,
  Engine,
  EngineCounters,
  FinishReason,
  GenerateRequest,
  Generation,
  GenerationEvent,
  Prompt,
  Tool,
} from '../engine.ts'
import { Rate } from '../rate.ts'
import { instanceOf } from '../schema-instance.ts'
import { callable } from '../tool-calls.ts'
import { Wheel } from './wheel.ts'
import { answerPieces, embeddingOf, hash32, piecesOf, randomFrom, someWords } from './words.ts'

type SimulatedConfig = EngineConfig & { engine: { kind: 'simulated' } }

/** Events an answer may be ahead of its reader. */
const AHEAD = 32
const DIMENSIONS = 384

export async function loadSimulated(config: SimulatedConfig): Promise<Engine> {
  const { parameters } = config.engine
  const memory = Buffer.alloc(sizeBytes(parameters.memory), 1)
  await sleep(durationMs(parameters.startupTime))
  return new SimulatedEngine(config, memory)
}

type Piece = { readonly kind: 'text' | 'arguments' | 'call'; readonly text: string }

class SimulatedEngine implements Engine {
  readonly fingerprint: string
  readonly simulated = true
  readonly contextSize: number
  readonly #embeds: boolean
  readonly #parameters: SimulatedParameters
  /** Held, not used: the process shall have the size that is asked for. */
  readonly #memory: Buffer
  readonly #wheel = new Wheel()
  readonly #written = new Rate()
  readonly #failures: () => number
  readonly #timeToFirstToken: number
  #requests = 0
  #promptTokens = 0
  #kvUsed = 0

  constructor(config: SimulatedConfig, memory: Buffer) {
    const { parameters, standsInFor } = config.engine
    this.fingerprint = standsInFor === undefined ? 'simulated' : `simulated-standing-in-for-${standsInFor}`
    this.contextSize = parameters.contextSize
    this.#embeds = config.task === 'embedding'
    this.#parameters = parameters
    this.#memory = memory
    this.#timeToFirstToken = durationMs(parameters.timeToFirstToken)
    this.#failures = randomFrom(parameters.seed)
  }

  async prepare(request: GenerateRequest): Promise<Generation> {
    if (this.#embeds)
      throw new RequestRefused(
        400,
        'invalid_request_error',
        'This model makes embeddings; it does not generate text. Use /v1/embeddings.',
        {
          code: 'unsupported_model',
          param: 'model',
        },
      )
    const { prompt, format, topLogprobs } = request
    const text = promptText(prompt)
    const promptTokens = prompt.kind === 'tokens' ? prompt.tokens.length : Math.max(1, piecesOf(text).length)
    if (promptTokens >= this.contextSize) {
      const param = prompt.kind === 'chat' ? 'messages' : 'prompt'
      throw new RequestRefused(
        400,
        'invalid_request_error',
        `This model's maximum context length is ${this.contextSize} tokens. However, your ${param} resulted in ${promptTokens} tokens, and an answer needs at least one more. Please shorten the ${param}.`,
        { code: 'context_length_exceeded', param },
      )
    }
    const tools = prompt.kind === 'chat' ? callable(prompt.tools, prompt.toolChoice) : []
    const forced = prompt.kind === 'chat' && tools.length > 0 && prompt.toolChoice !== 'auto'
    if (topLogprobs !== undefined && (forced || format))
      throw invalidParameter(
        'logprobs',
        "'logprobs' together with a response format or a forced tool call is not supported.",
        'unsupported_parameter',
      )
    // Left to choose, it calls a tool when a person speaks and answers when a tool has.
    const calls = tools.length > 0 && (forced || (prompt.kind === 'chat' && prompt.messages.at(-1)?.role === 'user'))
    const slow = this.#requests < this.#parameters.warmup ? 2 : 1
    this.#requests++
    const fails = this.#failures() < this.#parameters.errorRate
    const make = (choice: number): Piece[] =>
      this.#pieces(request, calls ? tools[0] : undefined, hash32(`${choice}\0${request.sampling.seed ?? ''}\0${text}`))
    const first = make(0)
    return {
      promptTokens,
      run: (choice, signal) =>
        this.#run(request, {
          promptTokens,
          pieces: choice === 0 ? first : make(choice),
          slow,
          fails,
          signal,
          seed: hash32(`${choice}\0${text}`),
        }),
    }
  }

  #pieces(request: GenerateRequest, tool: Tool | undefined, seed: number): Piece[] {
    const random = randomFrom(seed)
    if (tool) {
      const json = instanceOf(tool.parameters, someWords(random, 32))
      return [{ kind: 'call', text: tool.name }, ...piecesOf(json).map((text): Piece => ({ kind: 'arguments', text }))]
    }
    const pieces = request.format
      ? piecesOf(instanceOf(request.format, someWords(random, 32)))
      : answerPieces(random, this.#parameters.answerTokens)
    return pieces.map((text): Piece => ({ kind: 'text', text }))
  }

  async *#run(
    request: GenerateRequest,
    options: { promptTokens: number; pieces: readonly Piece[]; slow: number; fails: boolean; signal: AbortSignal; seed: number },
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const { promptTokens, pieces, slow, signal } = options
    signal.throwIfAborted()
    this.#promptTokens += promptTokens
    const random = randomFrom(options.seed ^ this.#parameters.seed)
    const delay = (ms: number) => ms * slow * (1 + this.#parameters.jitter * (random() * 2 - 1))
    const between = 1000 / this.#parameters.tokensPerSecond
    const room = Math.min(request.maxTokens ?? Number.POSITIVE_INFINITY, this.contextSize - promptTokens)
    let stalled = false
    const channel = new Channel<GenerationEvent>(AHEAD, () => {
      if (!stalled) return
      stalled = false
      // A reader who was slow is not owed the tokens of the meantime in one rush.
      due = Math.max(due, performance.now())
      this.#wheel.at(due, tick)
    })
    const writer = new AnswerWriter((event) => channel.push(event), request.stop, undefined)
    let next = 0
    let due = performance.now() + delay(this.#timeToFirstToken)
    let over = false

    const end = (reason: FinishReason) => {
      over = true
      channel.push({ type: 'end', reason, completionTokens: next })
      channel.end()
    }
    const write = ({ kind, text }: Piece): boolean => {
      if (kind === 'call') channel.push({ type: 'toolCall', name: text })
      else if (kind === 'arguments') channel.push({ type: 'toolArguments', text })
      else
        return (
          writer.write(text, request.topLogprobs === undefined ? undefined : logprobOf(text, random, request.topLogprobs)) !== 'stopped'
        )
      return true
    }
    const tick = () => {
      const now = performance.now()
      while (!over && due <= now + 1) {
        if (channel.full) {
          stalled = true
          return
        }
        if (next === 0) channel.push({ type: 'begin', cachedTokens: 0 })
        const piece = pieces[next]!
        next++
        this.#written.add(1)
        this.#kvUsed++
        if (!write(piece)) return end('stop')
        if (next < pieces.length && next < room) {
          due += delay(between)
          continue
        }
        writer.finish()
        return end(next < pieces.length ? 'length' : piece.kind === 'text' ? 'stop' : 'tool_calls')
      }
      if (!over) this.#wheel.at(due, tick)
    }
    const abort = () => {
      over = true
      channel.fail(signal.reason)
    }
    const fail = () => {
      over = true
      channel.fail(
        new RequestRefused(500, 'server_error', 'A simulated failure: this engine fails a share of its requests, as its errorRate says.', {
          code: 'simulated_error',
        }),
      )
    }
    this.#kvUsed += promptTokens
    signal.addEventListener('abort', abort, { once: true })
    this.#wheel.at(due, options.fails ? fail : tick)
    try {
      for await (const event of channel.read()) yield event
    } finally {
      over = true
      signal.removeEventListener('abort', abort)
      this.#kvUsed -= promptTokens + next
    }
  }

  async embed(inputs: readonly (string | readonly number[])[], dimensions: number | undefined, signal: AbortSignal): Promise<Embeddings> {
    if (!this.#embeds)
      throw new RequestRefused(400, 'invalid_request_error', 'This model generates text; it has no embeddings.', {
        code: 'unsupported_model',
        param: 'model',
      })
    if (dimensions !== undefined && dimensions !== DIMENSIONS)
      throw invalidParameter(
        'dimensions',
        `This model's embeddings have ${DIMENSIONS} dimensions and cannot be shortened.`,
        'unsupported_value',
      )
    await sleep(this.#timeToFirstToken, undefined, { signal })
    const promptTokens = inputs.reduce((sum, input) => sum + (typeof input === 'string' ? piecesOf(input).length : input.length), 0)
    this.#promptTokens += promptTokens
    return { vectors: inputs.map((input) => embeddingOf(typeof input === 'string' ? input : input.join(' '), DIMENSIONS)), promptTokens }
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
    this.#memory.fill(0, 0, 0)
  }
}

function promptText(prompt: Prompt): string {
  if (prompt.kind === 'text') return prompt.text
  if (prompt.kind === 'tokens') return prompt.tokens.join(' ')
  return prompt.messages
    .map((message) => `${message.role}: ${typeof message.content === 'string' ? message.content : JSON.stringify(message.content ?? '')}`)
    .join('\n')
}

function logprobOf(text: string, random: () => number, top: number) {
  const one = (token: string, logprob: number) => ({ token, bytes: [...Buffer.from(token)], logprob })
  let logprob = -0.05 - random()
  const first = one(text, logprob)
  const others = someWords(random, Math.max(0, top - 1)).map((word) => {
    logprob -= 0.2 + random()
    return one(` ${word}`, logprob)
  })
  return { ...first, top: top === 0 ? [] : [first, ...others] }
}
