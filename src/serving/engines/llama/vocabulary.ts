/** What the engine asks a model's vocabulary, on top of the library: prompts to tokens, and single tokens by name. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type LlamaModel, LlamaVocabularyType, type Token } from 'node-llama-cpp'
import { OPENING } from '../tool-calls.ts'
import type { PromptPiece } from './chat-template.ts'
import { tokenBytes } from './token-bytes.ts'

/** Characters. Tokenising so many takes some ten milliseconds. */
const LONG_TEXT = 65_536

/** Of English, about. */
const CHARACTERS_A_TOKEN = 4

/** GGUF's `tokenizer.ggml.token_type`: 3 is a control token. */
const CONTROL = 3

export class Vocabulary {
  readonly #model: LlamaModel
  readonly #pieces: readonly string[]
  readonly #kind: 'bpe' | 'spm' | 'other'
  readonly size: number
  /** Spellings of the control tokens. */
  readonly controls: readonly string[]
  readonly openingToken: number | undefined
  /** Characters that one token can stand for at most. */
  readonly longestToken: number

  constructor(model: LlamaModel) {
    this.#model = model
    const vocabulary = model.fileInfo.metadata.tokenizer?.ggml
    this.#pieces = vocabulary?.tokens ?? []
    this.size = this.#pieces.length
    this.longestToken = this.#pieces.reduce((longest, { length }) => Math.max(longest, length), 1)
    const types: readonly number[] = vocabulary?.token_type ?? []
    this.controls = this.#pieces.filter((piece, i) => types[i] === CONTROL && piece.length > 1)
    const { vocabularyType } = model
    this.#kind = vocabularyType === LlamaVocabularyType.bpe ? 'bpe' : vocabularyType === LlamaVocabularyType.spm ? 'spm' : 'other'
    const opening = model.tokenize(OPENING, true)
    this.openingToken = opening.length === 1 ? opening[0] : undefined
  }

  /**
   * Tokens of a prompt, with the vocabulary's beginning mark where it wants one. Of a prompt of more than `most` tokens only a count is
   * told: of one that is far too long, what the first part of it lets expect.
   */
  async tokenize(prompt: readonly PromptPiece[], most: number): Promise<{ tokens: number[] } | { tooMany: number }> {
    const tooLong = this.surelyTooMany(
      prompt.reduce((sum, { text }) => sum + text.length, 0),
      most,
    )
    if (tooLong !== undefined) return { tooMany: tooLong }
    if (prompt.some(({ text }) => text.length > LONG_TEXT)) {
      const count = await this.#estimate(prompt, most)
      if (count > most) return { tooMany: count }
    }
    const tokens: number[] = []
    for (const { text, plain } of prompt) for (const token of this.#model.tokenize(text, !plain)) tokens.push(token)
    const { bos, shouldPrependBosToken } = this.#model.tokens
    if (bos !== null && (shouldPrependBosToken || tokens.length === 0) && tokens[0] !== bos) tokens.unshift(bos)
    return tokens.length > most ? { tooMany: tokens.length } : { tokens }
  }

  /** Of a text that cannot fit, whatever it says: about how many tokens it has. Costs nothing. */
  surelyTooMany(characters: number, most: number): number | undefined {
    return characters > most * this.longestToken ? Math.round(characters / CHARACTERS_A_TOKEN) : undefined
  }

  /** In parts, so that a body of megabytes does not hold the process for seconds, and no further than there is any doubt. */
  async #estimate(prompt: readonly PromptPiece[], most: number): Promise<number> {
    const length = prompt.reduce((sum, { text }) => sum + text.length, 0)
    let count = 0
    let seen = 0
    for (const { text, plain } of prompt) {
      for (let from = 0; from < text.length; from += LONG_TEXT) {
        const part = text.slice(from, from + LONG_TEXT)
        count += this.#model.tokenize(part, !plain).length
        seen += part.length
        if (count > 2 * most) return Math.round((count / seen) * length)
        await nextTurn()
      }
    }
    return count
  }

  describe(token: number): { token: string; bytes: readonly number[] } {
    const piece = this.#pieces[token]
    // Alone, SentencePiece would lose the space that a piece begins with.
    const text =
      this.#kind === 'spm' && piece?.includes('\u2581') ? piece.replaceAll('\u2581', ' ') : this.#model.detokenize([token as Token], true)
    return { token: text, bytes: tokenBytes(piece, text, this.#kind) }
  }
}
