/**
 * Lines that wait to be written, as bytes. As strings they would outlive the youngest generation, and every collection would copy all that
 * wait; bytes lie outside of the heap. They are used again: to the collector new ones for each batch weigh as much as they hold, and it
 * would go through the whole heap for them every few seconds.
 */
const FIRST_BYTES = 64 * 1024
/** More than this is held only while it is needed. */
const MOST_KEPT_BYTES = 4 * 1024 * 1024

export class Batch {
  lines = 0
  bytes = 0
  #held = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #spare: Buffer<ArrayBuffer> | undefined

  add(line: string): void {
    // UTF-8 takes at most three bytes for what a string counts as one.
    const most = this.bytes + line.length * 3
    if (most > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, 2 * this.#held.length))
      this.#held.copy(larger, 0, 0, this.bytes)
      this.#held = larger
    }
    this.bytes += this.#held.write(line, this.bytes)
    this.lines += 1
  }

  /** All there is, in order; the batch is empty afterwards. The bytes are the taker's until they are given back. */
  take(): { readonly text: Buffer<ArrayBuffer>; readonly lines: number } {
    const taken = { text: this.#held.subarray(0, this.bytes), lines: this.lines }
    this.#held = this.#spare ?? Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.#spare = undefined
    this.lines = 0
    this.bytes = 0
    return taken
  }

  /** What was taken has been written. */
  giveBack({ buffer }: Buffer<ArrayBuffer>): void {
    if (buffer.byteLength <= MOST_KEPT_BYTES) this.#spare = Buffer.from(buffer)
  }
}
