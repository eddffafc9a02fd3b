/**
 * Tokens to text, one at a time. A character may be spread over several tokens: what is not yet a whole one is held back, so that no
 * chunk ever ends in the middle of a character.
 */
import type { LlamaModel, Token } from 'node-llama-cpp'

/** Tokens before a piece that decide how it reads (a leading space, for instance). */
const CONTEXT = 4
/** A character has at most four bytes. Longer, and the model really has written bytes that are none. */
const LONGEST_CHARACTER = 4

export class Detokenizer {
  readonly #model: Pick<LlamaModel, 'detokenize'>
  #before: Token[]
  #pending: Token[] = []

  constructor(model: Pick<LlamaModel, 'detokenize'>, before: readonly number[]) {
    this.#model = model
    this.#before = before.slice(-CONTEXT) as Token[]
  }

  /** The text that `token` completes; empty when a character is still open. */
  push(token: number): string {
    this.#pending.push(token as Token)
    const text = this.#model.detokenize(this.#pending, false, this.#before)
    if (text.endsWith('\ufffd') && this.#pending.length < LONGEST_CHARACTER) return ''
    this.#settle()
    return text
  }

  /** What is left of an answer that ends in the middle of a character: nothing that could be shown. */
  flush(): string {
    const text = this.#pending.length === 0 ? '' : this.#model.detokenize(this.#pending, false, this.#before)
    this.#settle()
    return text.replace(/\ufffd+$/, '')
  }

  #settle(): void {
    this.#before = [...this.#before, ...this.#pending].slice(-CONTEXT)
    this.#pending = []
  }
}
