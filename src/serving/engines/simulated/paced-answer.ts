/** One simulated answer: its pieces handed out when they are due, to a reader who may be slower than that. */
import { AnswerWriter } from '../answer-writer.ts'
import { Channel } from '../channel.ts'
import type { FinishReason, GenerationEvent, TokenLogprob } from '../engine.ts'
import type { Wheel } from './wheel.ts'

export interface Piece {
  readonly kind: 'text' | 'arguments' | 'call'
  readonly text: string
}

export interface PacedAnswerOptions {
  readonly pieces: readonly Piece[]
  readonly maxTokens: number
  readonly stop: readonly string[]
  /** Milliseconds, drawn anew for each delay. */
  firstDelay(): number
  nextDelay(): number
  logprob(text: string): TokenLogprob | undefined
  onToken(): void
}

/** Events an answer may be ahead of its reader. */
const AHEAD = 32
/** What is due within this time goes out together, milliseconds. */
const TOGETHER = 1

export class PacedAnswer {
  readonly #wheel: Wheel
  readonly #options: PacedAnswerOptions
  readonly #channel: Channel<GenerationEvent>
  readonly #writer: AnswerWriter
  #due: number
  #written = 0
  #stalled = false
  #over = false

  constructor(wheel: Wheel, options: PacedAnswerOptions) {
    this.#wheel = wheel
    this.#options = options
    this.#channel = new Channel(AHEAD, () => this.#resume())
    this.#writer = new AnswerWriter((event) => this.#channel.push(event), options.stop, undefined)
    this.#due = performance.now() + options.firstDelay()
    wheel.at(this.#due, this.#turn)
  }

  get tokens(): number {
    return this.#written
  }

  events(): AsyncGenerator<GenerationEvent, void, undefined> {
    return this.#channel.read()
  }

  /** Ends it at once, with an error unless it was over already. */
  fail(error: unknown): void {
    this.#over = true
    this.#channel.fail(error)
  }

  readonly #turn = (): void => {
    const now = performance.now()
    while (!this.#over && this.#due <= now + TOGETHER) {
      if (this.#channel.full) {
        this.#stalled = true
        return
      }
      this.#next()
      this.#due += this.#options.nextDelay()
    }
    if (!this.#over) this.#wheel.at(this.#due, this.#turn)
  }

  /** A reader who was slow is not owed the tokens of the meantime in one rush. */
  #resume(): void {
    if (!this.#stalled || this.#over) return
    this.#stalled = false
    this.#due = Math.max(this.#due, performance.now())
    this.#wheel.at(this.#due, this.#turn)
  }

  #next(): void {
    const { pieces, maxTokens, onToken } = this.#options
    if (this.#written === 0) this.#channel.push({ type: 'begin', cachedTokens: 0 })
    const piece = pieces[this.#written]!
    this.#written++
    onToken()
    if (!this.#write(piece)) return this.#end('stop')
    const last = this.#written === pieces.length
    if (!last && this.#written < maxTokens) return
    this.#writer.finish()
    this.#end(!last ? 'length' : piece.kind === 'text' ? 'stop' : 'tool_calls')
  }

  /** False: a stop string was found. */
  #write({ kind, text }: Piece): boolean {
    if (kind === 'text') return this.#writer.write(text, this.#options.logprob(text)) !== 'stopped'
    this.#channel.push(kind === 'call' ? { type: 'toolCall', name: text } : { type: 'toolArguments', text })
    return true
  }

  #end(reason: FinishReason): void {
    this.#over = true
    this.#channel.push({ type: 'end', reason, completionTokens: this.#written })
    this.#channel.end()
  }
}
