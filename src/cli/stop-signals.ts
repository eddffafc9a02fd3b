/** How a person or the system says stop: twice means now. */

/** npm and the terminal both hand a Ctrl-C on: what comes together is one. */
const SAME_SIGNAL_MS = 300

/** SIGINT, SIGTERM and SIGHUP: the first asks to stop, the second to stop now. */
export class StopSignals {
  readonly first: Promise<void>
  readonly second: Promise<void>
  /** Aborts with the first. */
  readonly asked: AbortSignal
  readonly #abort = new AbortController()
  readonly #signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  readonly #onSignal: () => void

  constructor() {
    const first = Promise.withResolvers<void>()
    const second = Promise.withResolvers<void>()
    let firstAt: number | undefined
    this.first = first.promise
    this.second = second.promise
    this.asked = this.#abort.signal
    this.#onSignal = () => {
      const now = performance.now()
      if (firstAt === undefined) {
        firstAt = now
        this.#abort.abort(new Error('stopped'))
        first.resolve()
      } else if (now - firstAt > SAME_SIGNAL_MS) second.resolve()
    }
    for (const signal of this.#signals) process.on(signal, this.#onSignal)
  }

  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#onSignal)
  }
}
