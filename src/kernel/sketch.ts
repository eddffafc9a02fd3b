/**
 * A mergeable latency sketch: counts in buckets whose bounds grow by a constant factor, after DDSketch (Masson, Rim, Lee: "DDSketch: a fast
 * and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019). A quantile is at most 2 % off; merging loses nothing,
 * which averages and stored percentiles cannot say.
 *
 * Meant for milliseconds: what is below 0.001 counts as zero, what is above 10^9 as 10^9, so there are at most about 700 buckets.
 */
const RELATIVE_ERROR = 0.02
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LOG_GAMMA = Math.log(GAMMA)
const SMALLEST = 0.001
const LARGEST = 1e9

export class Sketch {
  readonly #buckets = new Map<number, number>()
  #zeros = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Negative values and NaN are not latencies and are ignored. */
  add(value: number): this {
    if (!(value >= 0)) return this
    this.#count += 1
    if (value < SMALLEST) this.#zeros += 1
    else this.#put(Math.ceil(Math.log(Math.min(value, LARGEST)) / LOG_GAMMA), 1)
    return this
  }

  /** A new sketch of all values of both. */
  merge(other: Sketch): Sketch {
    const merged = new Sketch()
    for (const each of [this, other]) {
      merged.#zeros += each.#zeros
      merged.#count += each.#count
      for (const [bucket, count] of each.#buckets) merged.#put(bucket, count)
    }
    return merged
  }

  /** The value below which a share `q` (0 to 1) of the values lies, within 2 %; undefined of an empty sketch. */
  quantile(q: number): number | undefined {
    if (this.#count === 0) return undefined
    const rank = Math.min(1, Math.max(0, q)) * (this.#count - 1)
    let below = this.#zeros
    if (rank < below) return 0
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      below += count
      if (rank < below) return (2 * GAMMA ** bucket) / (GAMMA + 1)
    }
    return undefined // cannot be: the counts add up to #count
  }

  /** "zeros;bucket:count,bucket:count,…", buckets as differences to the one before. */
  serialize(): string {
    let last = 0
    const parts = [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([bucket, count]) => {
        const step = bucket - last
        last = bucket
        return `${step}:${count}`
      })
    return `${this.#zeros};${parts.join(',')}`
  }

  static parse(text: string): Sketch {
    const sketch = new Sketch()
    const [zeros, rest] = text.split(';')
    sketch.#zeros = Number(zeros)
    sketch.#count = sketch.#zeros
    let bucket = 0
    for (const part of rest ? rest.split(',') : []) {
      const [step, count] = part.split(':').map(Number)
      bucket += step!
      sketch.#put(bucket, count!)
      sketch.#count += count!
    }
    return sketch
  }

  #put(bucket: number, count: number): void {
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count)
  }
}
