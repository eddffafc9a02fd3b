/**
 * A copy for what may be held for long: one out of Node's pool keeps all 64 KiB of the pool alive, and many slow clients would each have some.
 * Short ones share a little memory: making some for each costs more than to read a request's head.
 */
const SHARED_BYTES = 8 * 1024
/** A longer one has memory of its own. */
const SHORT_BYTES = 1024

let shared = Buffer.allocUnsafeSlow(SHARED_BYTES)
let taken = 0

/** Keeps at most 8 KiB alive beyond the bytes themselves. */
export function ownCopy(bytes: Buffer): Buffer {
  const { length } = bytes
  if (length > SHORT_BYTES) {
    const copy = Buffer.allocUnsafeSlow(length)
    bytes.copy(copy)
    return copy
  }
  if (taken + length > SHARED_BYTES) {
    shared = Buffer.allocUnsafeSlow(SHARED_BYTES)
    taken = 0
  }
  const copy = shared.subarray(taken, taken + length)
  bytes.copy(copy)
  taken += length
  return copy
}
