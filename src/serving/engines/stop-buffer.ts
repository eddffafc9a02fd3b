/**
 * Finds the first of several strings in a text that arrives in pieces, and lets no part of it out: what could still become one is held
 * back until it is one, or cannot be any more. The first is the one that is complete first, so that it does not matter how the text is cut.
 */
export class StopBuffer {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** The text that is safe to pass on. When a stop was found: the text before it, `stop`, and what came after it. */
  push(text: string): { safe: string; stop?: string; rest: string } {
    const all = this.#held + text
    let at = -1
    let end = Number.POSITIVE_INFINITY
    let found: string | undefined
    for (const stop of this.#stops) {
      const index = all.indexOf(stop)
      const length = index + stop.length
      if (index === -1 || length > end || (length === end && index > at)) continue
      at = index
      end = length
      found = stop
    }
    if (found !== undefined) {
      this.#held = ''
      return { safe: all.slice(0, at), stop: found, rest: all.slice(end) }
    }
    const safe = all.length - this.#longestBeginning(all)
    this.#held = all.slice(safe)
    return { safe: all.slice(0, safe), rest: '' }
  }

  /** What is held when no more comes. */
  flush(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /** Length of the longest end of `text` that a stop begins with. */
  #longestBeginning(text: string): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) {
          longest = length
          break
        }
      }
    }
    return longest
  }
}
