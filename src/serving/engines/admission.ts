/**
 * Who may run now. An engine has so many slots; who finds none waits in line, first come first served, and the line is bounded: a client
 * that is told 429 at once can go elsewhere, one that waits for minutes cannot.
 */
import { RequestRefused } from '../../wire/openai/refusal.ts'

export interface Slot {
  /** Gives it back; more than once does nothing. */
  release(): void
}

interface Waiting {
  admit(slot: Slot): void
}

export class Admission {
  readonly slots: number
  readonly maxWaiting: number
  #running = 0
  readonly #line: Waiting[] = []

  constructor(slots: number, maxWaiting: number) {
    this.slots = slots
    this.maxWaiting = maxWaiting
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#line.length
  }

  /**
   * `count` slots, each as soon as there is one. All of them are admitted to the line, or none: throws `RequestRefused` 429. `retryAfter`
   * is in seconds. An aborted wait rejects with the signal's reason and leaves the line.
   */
  enter(count: number, signal: AbortSignal, retryAfter: number): Promise<Slot>[] {
    if (count > this.slots + this.maxWaiting)
      throw new RequestRefused(
        400,
        'invalid_request_error',
        `This engine runs and queues at most ${this.slots + this.maxWaiting} answers at a time.`,
        {
          code: 'invalid_value',
          param: 'n',
        },
      )
    if (this.waiting + Math.max(0, count - (this.slots - this.#running)) > this.maxWaiting)
      throw new RequestRefused(
        429,
        'rate_limit_error',
        `The engine is busy: ${this.#running} requests run and ${this.waiting} wait. Try again in ${retryAfter} s.`,
        { code: 'engine_overloaded', retryAfter },
      )
    return Array.from({ length: count }, () => this.#one(signal))
  }

  #one(signal: AbortSignal): Promise<Slot> {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.#running < this.slots) {
      this.#running++
      return Promise.resolve(this.#slot())
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        admit: (slot) => {
          signal.removeEventListener('abort', leave)
          resolve(slot)
        },
      }
      const leave = () => {
        this.#line.splice(this.#line.indexOf(entry), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#line.push(entry)
    })
  }

  #slot(): Slot {
    let held = true
    return {
      release: () => {
        if (!held) return
        held = false
        const next = this.#line.shift()
        if (next) next.admit(this.#slot())
        else this.#running--
      },
    }
  }
}
