/** What the engine asks a model's vocabulary, on top of the library: prompts to tokens, and single tokens by name. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type LlamaModel, LlamaVocabularyType, type Token } from 'node-llama-cpp'
import { OPENING } from '../tool-calls.ts'
import type { PromptPiece } from './chat-template.ts'
import { tokenBytes } from './token-bytes.ts'

/** Texts longer than this are counted in parts first, so that a body of megabytes does not hold the process for seconds. */
const LONG_TEXT = 65_536

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

  constructor(model: LlamaModel) {
    this.#model = model
    const vocabulary = model.fileInfo.metadata.tokenizer?.ggml
    this.#pieces = vocabulary?.tokens ?? []
    this.size = this.#pieces.length
    const types: readonly number[] = vocabulary?.token_type ?? []
    this.controls = this.#pieces.filter((piece, i) => types[i] === CONTROL && piece.length > 1)
    const { vocabularyType } = model
    this.#kind = vocabularyType === LlamaVocabularyType.bpe ? 'bpe' : vocabularyType === LlamaVocabularyType.spm ? 'spm' : 'other'
    const opening = model.tokenize(OPENING, true)
    this.openingToken = opening.length === 1 ? opening[0] : undefined
  }

  /**
   * Tokens of a prompt, with the vocabulary's beginning mark where it wants one. Past `enough` tokens it stops and tells a count only,
   * which for a text in parts is exact to a token or two.
   */
  async tokenize(prompt: readonly PromptPiece[], enough: number): Promise<{ tokens: number[] } | { tooMany: number }> {
    let count = 0
    for (const { text, plain } of prompt) {
      for (let from = 0; text.length > LONG_TEXT && from < text.length; from += LONG_TEXT) {
        count += this.#model.tokenize(text.slice(from, from + LONG_TEXT), !plain).length
        await nextTurn()
      }
    }
    if (count > enough) return { tooMany: count }
    const tokens: number[] = []
    for (const { text, plain } of prompt) for (const token of this.#model.tokenize(text, !plain)) tokens.push(token)
    const { bos, shouldPrependBosToken } = this.#model.tokens
    if (bos !== null && (shouldPrependBosToken || tokens.length === 0) && tokens[0] !== bos) tokens.unshift(bos)
    return tokens.length > enough ? { tooMany: tokens.length } : { tokens }
  }

  describe(token: number): { token: string; bytes: readonly number[] } {
    const piece = this.#pieces[token]
    // Alone, SentencePiece would lose the space that a piece begins with.
    const text =
      this.#kind === 'spm' && piece?.includes('\u2581') ? piece.replaceAll('\u2581', ' ') : this.#model.detokenize([token as Token], true)
    return { token: text, bytes: tokenBytes(piece, text, this.#kind) }
  }
}
