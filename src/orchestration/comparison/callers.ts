/** Callers that have come, in eight bytes each: all of them are stored again and again. Pure but for what it holds. */

export class Callers {
  readonly #hashes: Set<number>

  /** @param stored What {@link toJSON} has given. */
  constructor(stored = '') {
    const bytes = Buffer.from(stored, 'base64')
    this.#hashes = new Set(new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)))
  }

  get size(): number {
    return this.#hashes.size
  }

  has(caller: string): boolean {
    return this.#hashes.has(hash53(caller))
  }

  add(caller: string): void {
    this.#hashes.add(hash53(caller))
  }

  /** Forgets those that do not belong to the first part of all that there may be. */
  keepOnly(part: number): void {
    for (const hash of this.#hashes) if (!isIn(hash, part)) this.#hashes.delete(hash)
  }

  toJSON(): string {
    return Buffer.from(new Float64Array(this.#hashes).buffer).toString('base64')
  }
}

/** Whether a name is in the first part, in (0, 1], of all that there may be: by its hash, which knows nothing else of it. */
export function isAmong(name: string, part: number): boolean {
  return part >= 1 || isIn(hash53(name), part)
}

const isIn = (hash: number, part: number) => hash < part * 2 ** 53

/** Two FNV-1a of 32 bits, mixed as MurmurHash3 ends, so that each bit depends on each character. Of 50,000 names two are alike once in 7 million times. */
function hash53(text: string): number {
  let [a, b] = [0x811c9dc5, 0x01234567]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b)
  }
  return (mixed(a ^ (b >>> 7)) >>> 0) * 2 ** 21 + (mixed(b) >>> 11)
}

function mixed(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x ^ (x >>> 16)
}
