import { createHash, randomBytes, randomFillSync } from 'node:crypto'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `length` random base62 characters (5.95 bits each), without modulo bias. */
export function randomBase62(length: number): string {
  let out = ''
  while (out.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < 248 && out.length < length) out += BASE62[byte % 62]
    }
  }
  return out
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const RANDOM_LENGTH = 16
/** Asking the system for randomness costs more than a whole id: it is fetched for many at once. */
const entropy = Buffer.alloc(256 * RANDOM_LENGTH)
let letters = ''
let spent = 0
let lastTime = -1
let lastPrefix = ''

/** A sortable id: 48 bits of milliseconds and 80 random bits, 26 characters of Crockford's base32 (the ULID layout). */
export function sortableId(now: number): string {
  if (now !== lastTime) {
    lastTime = now
    lastPrefix = ''
    let rest = now
    for (let i = 0; i < 10; i++) {
      lastPrefix = ALPHABET[rest % 32] + lastPrefix
      rest = Math.floor(rest / 32)
    }
  }
  if (spent === letters.length) {
    randomFillSync(entropy)
    for (let i = 0; i < entropy.length; i++) entropy[i] = ALPHABET.charCodeAt(entropy[i]! & 31)
    letters = entropy.toString('latin1')
    spent = 0
  }
  spent += RANDOM_LENGTH
  return lastPrefix + letters.slice(spent - RANDOM_LENGTH, spent)
}

/** When the request came that a gateway gave this id ("req_" and a sortable id), milliseconds since the epoch; undefined where no gateway makes such. */
export function timeOfRequestId(id: string): number | undefined {
  if (!/^req_[0-9A-HJKMNP-TV-Z]{26}$/.test(id)) return undefined
  let time = 0
  for (const digit of id.slice(4, 14)) time = time * 32 + ALPHABET.indexOf(digit)
  return time
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
