/** How many in the last second, counted in tenths. */
export class Rate {
  readonly #tenths = new Float64Array(10)
  #at = 0
  #total = 0
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#at = this.#tenth()
  }

  get total(): number {
    return this.#total
  }

  get perSecond(): number {
    this.#advance()
    return this.#tenths.reduce((sum, count) => sum + count, 0)
  }

  add(count: number): void {
    this.#advance()
    this.#total += count
    this.#tenths[this.#at % 10]! += count
  }

  reset(): void {
    this.#tenths.fill(0)
    this.#total = 0
  }

  #tenth(): number {
    return Math.floor(this.#now() / 100)
  }

  #advance(): void {
    const now = this.#tenth()
    for (let passed = Math.min(10, now - this.#at); passed > 0; passed--) this.#tenths[(now - passed + 1) % 10] = 0
    this.#at = now
  }
}
