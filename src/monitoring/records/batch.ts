/**
 * Lines that wait to be written, as bytes. As strings they would outlive the youngest generation, and every collection would copy all
 * that wait; bytes lie outside of the heap.
 */
const PAGE_BYTES = 64 * 1024

export class Batch {
  lines = 0
  bytes = 0
  #full: Buffer[] = []
  #page: Buffer | undefined
  #used = 0

  add(line: string): void {
    // UTF-8 takes at most three bytes for what a string counts as one.
    const most = line.length * 3
    if (this.#page === undefined || this.#used + most > this.#page.length) {
      this.#turn()
      this.#page = Buffer.allocUnsafeSlow(Math.max(PAGE_BYTES, most))
    }
    const count = this.#page.write(line, this.#used)
    this.#used += count
    this.bytes += count
    this.lines += 1
  }

  /** All there is, in order; the batch is empty afterwards. */
  take(): { readonly text: Buffer; readonly lines: number } {
    this.#turn()
    const text = this.#full.length === 1 ? this.#full[0]! : Buffer.concat(this.#full)
    const { lines } = this
    this.#full = []
    this.#page = undefined
    this.lines = 0
    this.bytes = 0
    return { text, lines }
  }

  #turn(): void {
    if (this.#page && this.#used > 0) this.#full.push(this.#page.subarray(0, this.#used))
    this.#used = 0
  }
}
