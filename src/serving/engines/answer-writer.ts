/**
 * From pieces of text, as a model writes them, to the events of an answer: stop strings end it and never show, a tool call is told from
 * text by its opening mark, and each token's log-probability goes out with the text it belongs to.
 */
import type { GenerationEvent, TokenLogprob } from './engine.ts'
import { StopBuffer } from './stop-buffer.ts'
import { ToolCallReader } from './tool-calls.ts'

export type Written =
  /** Go on. */
  | 'open'
  /** A tool call has begun just now: what follows is its JSON, of which `unread` is there already. */
  | 'toolCallBegun'
  /** A stop string was found. */
  | 'stopped'
  /** The tool call is complete. */
  | 'called'

export class AnswerWriter {
  readonly #emit: (event: GenerationEvent) => void
  readonly #stops: StopBuffer
  readonly #opening: StopBuffer | undefined
  readonly #openingMark: string | undefined
  #call: ToolCallReader | undefined
  #logprobs: { logprob: TokenLogprob; end: number }[] = []
  #written = 0
  #shown = 0
  /** After `toolCallBegun`: the beginning of the call's JSON that came in the same piece. */
  unread = ''

  /** `opening`: the mark that begins a tool call; absent where none can come. */
  constructor(emit: (event: GenerationEvent) => void, stop: readonly string[], opening: string | undefined) {
    this.#emit = emit
    this.#stops = new StopBuffer(stop)
    this.#openingMark = opening
    this.#opening = opening === undefined ? undefined : new StopBuffer([opening])
  }

  write(text: string, logprob?: TokenLogprob): Written {
    this.#written += text.length
    if (logprob) this.#logprobs.push({ logprob, end: this.#written })
    if (this.#call) return this.#writeCall(text)
    if (!this.#opening) return this.#writeText(text)
    const { safe, stop, rest } = this.#opening.push(text)
    const state = this.#writeText(safe)
    if (stop === undefined || state === 'stopped') return state
    this.#showText(this.#stops.flush())
    this.#call = new ToolCallReader(this.#emit)
    this.unread = rest
    return this.#writeCall(rest) === 'called' ? 'called' : 'toolCallBegun'
  }

  /** No more comes: shows what was held back. */
  finish(): void {
    if (this.#call) {
      // The mark stood there, but what followed was no call: then all of it was text.
      if (!this.#call.begun) this.#showText(`${this.#openingMark}${this.#call.unread}`, true)
      return
    }
    const held = this.#opening?.flush() ?? ''
    if (held !== '' && this.#writeText(held) === 'stopped') return
    this.#showText(this.#stops.flush(), true)
  }

  #writeText(text: string): Written {
    if (text === '') return 'open'
    const { safe, stop } = this.#stops.push(text)
    this.#showText(safe)
    return stop === undefined ? 'open' : 'stopped'
  }

  #writeCall(text: string): Written {
    return this.#call!.read(text) ? 'called' : 'open'
  }

  #showText(text: string, last = false): void {
    this.#shown += text.length
    const ready = this.#logprobs.findIndex(({ end }) => end > this.#shown)
    const count = last || ready === -1 ? this.#logprobs.length : ready
    if (text === '' && !(last && count > 0)) return
    const logprobs = this.#logprobs.splice(0, count).map(({ logprob }) => logprob)
    this.#emit({ type: 'text', text, logprobs })
  }
}
