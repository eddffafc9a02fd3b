/**
 * How many tokens a prompt has whose bytes alone are known: a request says its tokens when it has ended, and what it is to an instance has to be known
 * when it comes.
 */

/** Mean tokens of a prompt; how many it is the mean of; tokens a byte, where that is known. */
export type PromptLengthsState = readonly [mean: number, count: number, perByte?: number]

export const NO_PROMPTS: PromptLengthsState = [0, 0]

/** Prompts of late: means are of so many. */
const PROMPTS = 200
/** A body with pictures in it has many bytes and few tokens: no prompt is taken for more than so many common ones. */
const MOST = 8

export class PromptLengths {
  #state: PromptLengthsState

  constructor(state: PromptLengthsState) {
    this.#state = state
  }

  get state(): PromptLengthsState {
    return this.#state
  }

  /** Tokens of a prompt in a body of so many bytes; the mean where its bytes say nothing, 0 where nothing is known. */
  guess(bytes: number | undefined): number {
    const [mean, , perByte] = this.#state
    return bytes === undefined || perByte === undefined ? mean : Math.min(bytes * perByte, MOST * mean)
  }

  learn(tokens: number, bytes: number | undefined): void {
    const [mean, before, perByte] = this.#state
    const count = Math.min(PROMPTS, before + 1)
    const towards = (known: number, seen: number) => known + (seen - known) / count
    // By the means: a ratio of each prompt would count the short ones, whose bytes are mostly field names, as much as the long.
    const meanBytes = perByte === undefined || perByte === 0 ? bytes : mean / perByte
    const next = towards(mean, tokens)
    const ratio = bytes === undefined || meanBytes === undefined ? perByte : next / towards(meanBytes, bytes)
    this.#state = ratio === undefined ? [next, count] : [next, count, ratio]
  }
}
