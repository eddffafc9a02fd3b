/**
 * Thousands of delays on one timer. Node's own timers cost a few microseconds and an object each; here a delay is an entry in the list of
 * the five milliseconds in which it is due, and one timer walks over the lists.
 */
const STEP = 5

export class Wheel {
  readonly #due = new Map<number, (() => void)[]>()
  #timer: NodeJS.Timeout | undefined
  /** Last step that was walked over. */
  #at = 0
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Calls back at `time` (by the clock of the constructor, milliseconds), up to one step later. */
  at(time: number, callback: () => void): void {
    if (!this.#timer) this.#at = Math.floor(this.#now() / STEP)
    const step = Math.max(this.#at + 1, Math.ceil(time / STEP))
    const list = this.#due.get(step)
    if (list) list.push(callback)
    else this.#due.set(step, [callback])
    this.#timer ??= setTimeout(this.#turn, STEP)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due.clear()
  }

  readonly #turn = (): void => {
    const now = Math.floor(this.#now() / STEP)
    // Far jumps (a process that was stopped) must not walk over millions of empty steps.
    const steps = now - this.#at > this.#due.size ? [...this.#due.keys()].filter((step) => step <= now).sort((a, b) => a - b) : undefined
    const run = (step: number) => {
      const list = this.#due.get(step)
      if (!list) return
      this.#due.delete(step)
      for (const callback of list) callback()
    }
    if (steps) steps.forEach(run)
    else for (let step = this.#at + 1; step <= now; step++) run(step)
    this.#at = now
    this.#timer = this.#due.size > 0 ? setTimeout(this.#turn, STEP) : undefined
  }
}
