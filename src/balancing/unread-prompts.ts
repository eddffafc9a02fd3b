/**
 * The prompts that an instance has been sent and has not read yet, as far as a gateway can tell.
 *
 * Servers read prompts one after the other (chunked prefill, first come first served: Agrawal et al. 2024, Sarathi-Serve), so a request waits for the
 * prompts in front of it whatever number of answers runs. Two long prompts that meet in one instance are why first tokens are late while other instances
 * have nothing to read; the number of requests in flight does not show it.
 *
 * A stream says by its first token that its prompt is read. An answer in one piece does not; its prompt is taken for read after as long as streams of
 * the same version have shown that so much takes. Where no stream has shown anything, such a prompt is not counted. Sizes are in any one unit.
 */

/** A prompt counts for no more than so many common ones: pictures are long in bytes, and not in tokens. */
const MOST = 8
/** What came of the last few hundred prompts. */
const KEPT_SIZE = 1 - 1 / 256
const KEPT_PACE = 1 - 1 / 100

/** How long a version's prompts are, and how long reading them takes: the same for all of its instances. */
export class PromptPace {
  #sizes = 0
  #prompts = 0
  #readMs = 0
  #readSize = 0

  /** Takes a prompt into the mean. Returns what it counts for. */
  meet(size: number): number {
    this.#sizes = this.#sizes * KEPT_SIZE + size
    this.#prompts = this.#prompts * KEPT_SIZE + 1
    return Math.min(size, MOST * this.meanSize)
  }

  saw(size: number, ms: number): void {
    this.#readMs = this.#readMs * KEPT_PACE + ms
    this.#readSize = this.#readSize * KEPT_PACE + size
  }

  get meanSize(): number {
    return this.#prompts === 0 ? 0 : this.#sizes / this.#prompts
  }

  /** Undefined where none has been seen. */
  msFor(size: number): number | undefined {
    return this.#readSize === 0 ? undefined : (size / this.#readSize) * this.#readMs
  }
}

export interface Prompt {
  readonly size: number
  readonly streams: boolean
}

/** Of one instance. Times are monotonic milliseconds. */
export class UnreadPrompts {
  readonly #pace: PromptPace
  readonly #queue: Prompt[] = []
  /** When the first of the queue came to its turn. */
  #since = 0
  #size = 0

  constructor(pace: PromptPace) {
    this.#pace = pace
  }

  add(size: number, streams: boolean, now: number): Prompt {
    const prompt = { size: this.#pace.meet(size), streams }
    if (!streams && this.#pace.msFor(size) === undefined) return prompt
    this.#forgetRead(now)
    if (this.#queue.length === 0) this.#since = now
    this.#queue.push(prompt)
    this.#size += prompt.size
    return prompt
  }

  /** Its first token has come, so that those before it of which nothing is heard have been read too. */
  read(prompt: Prompt, now: number): void {
    this.#forgetRead(now)
    const place = this.#queue.indexOf(prompt)
    if (place === -1) return
    if (place === 0 && prompt.streams) this.#pace.saw(prompt.size, now - this.#since)
    const before = this.#queue.splice(0, place + 1)
    before.pop()
    const unheard = before.filter(({ streams }) => streams)
    if (unheard.length > 0) this.#queue.unshift(...unheard)
    this.#begin(unheard.length === 0 ? now : this.#since)
  }

  /** It is over. Of others that says nothing: what is refused is over at once, and out of its turn. */
  drop(prompt: Prompt, now: number): void {
    const place = this.#queue.indexOf(prompt)
    if (place === -1) return
    this.#queue.splice(place, 1)
    this.#begin(place === 0 ? now : this.#since)
  }

  /** In common prompts. */
  outstanding(now: number): number {
    this.#forgetRead(now)
    // What was common when it came may have been uncommonly long.
    return this.#size === 0 ? 0 : Math.min(this.#size / this.#pace.meanSize, MOST * this.#queue.length)
  }

  #begin(since: number): void {
    this.#since = since
    this.#size = this.#queue.reduce((sum, { size }) => sum + size, 0)
  }

  /** Those at the head of which nothing will be heard, and whose time is over. */
  #forgetRead(now: number): void {
    for (let first = this.#queue[0]; first && !first.streams; first = this.#queue[0]) {
      const until = this.#since + this.#pace.msFor(first.size)!
      if (until > now) return
      this.#queue.shift()
      this.#begin(until)
    }
  }
}
