/**
 * Events from a producer that runs by its own clock to a consumer that reads when it can. `full` tells the producer to wait: it is
 * asked, not blocked, since it serves others too.
 */
export class Channel<T> {
  readonly #capacity: number
  #items: T[] = []
  #ended: { error?: unknown } | undefined
  #wakeReader: (() => void) | undefined
  readonly #onRoom: () => void

  /** `onRoom` is called when a full channel has room again. */
  constructor(capacity: number, onRoom: () => void = () => undefined) {
    this.#capacity = capacity
    this.#onRoom = onRoom
  }

  get full(): boolean {
    return this.#items.length >= this.#capacity
  }

  push(item: T): void {
    if (this.#ended) return
    this.#items.push(item)
    this.#wake()
  }

  end(): void {
    this.#ended ??= {}
    this.#wake()
  }

  /** What is still unread is dropped. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#ended = { error }
    this.#items = []
    this.#wake()
  }

  #wake(): void {
    const wake = this.#wakeReader
    this.#wakeReader = undefined
    wake?.()
  }

  async *read(): AsyncGenerator<T, void, undefined> {
    while (true) {
      while (this.#items.length > 0) {
        const wasFull = this.full
        const item = this.#items.shift()!
        if (wasFull && !this.full) this.#onRoom()
        yield item
      }
      if (this.#ended) {
        if ('error' in this.#ended) throw this.#ended.error
        return
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
  }
}
