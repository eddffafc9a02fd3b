/** What the simulated engine says: words that follow from the prompt alone, so that runs repeat, under a first sentence that says what they are. */
import { createHash } from 'node:crypto'
import { randomFrom } from '../../../kernel/random.ts'
import type { TokenLogprob } from '../engine.ts'

const WORDS =
  'the a one each every load road river stone paper light water north south early late small wide quiet steady first second value table window garden letter number question answer reason pattern measure signal record branch field market station harbour morning evening winter summer copper silver amber linen cedar walnut moves holds turns carries follows reaches returns begins rests grows and or but then while before after near under over along between'.split(
    ' ',
  )

export function hash32(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32LE(0)
}

export const INTRODUCTION = 'This is a simulated answer; no model has read the question.'

/** Pieces of about four characters, as tokens of English are. Joined they are the text again. */
export function piecesOf(text: string): string[] {
  return text.match(/\s?[^\s]{1,6}|\s/gu) ?? []
}

/** An answer of exactly `count` pieces. */
export function answerPieces(random: () => number, count: number): string[] {
  const pieces = piecesOf(INTRODUCTION)
  let sentence = 0
  while (pieces.length < count) {
    const word = WORDS[Math.floor(random() * WORDS.length)]!
    const text = sentence === 0 ? ` ${word[0]!.toUpperCase()}${word.slice(1)}` : ` ${word}`
    sentence = sentence > 7 + random() * 6 ? 0 : sentence + 1
    pieces.push(...piecesOf(sentence === 0 ? `${text}.` : text))
  }
  return pieces.slice(0, count)
}

export function someWords(random: () => number, count: number): string[] {
  return Array.from({ length: count }, () => WORDS[Math.floor(random() * WORDS.length)]!)
}

/** A vector of unit length that follows from the text. */
export function embeddingOf(text: string, dimensions: number): number[] {
  const random = randomFrom(hash32(text)).uniform
  const vector = Array.from({ length: dimensions }, () => random() * 2 - 1)
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

/** Plausible, and the same each time: the piece itself is the most probable, other words follow. */
export function simulatedLogprob(text: string, random: () => number, top: number): TokenLogprob {
  const one = (token: string, logprob: number) => ({ token, bytes: [...Buffer.from(token)], logprob })
  let logprob = -0.05 - random()
  const first = one(text, logprob)
  const others = someWords(random, Math.max(0, top - 1)).map((word) => {
    logprob -= 0.2 + random()
    return one(` ${word}`, logprob)
  })
  return { ...first, top: top === 0 ? [] : [first, ...others] }
}
