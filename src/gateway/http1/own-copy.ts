/**
 * A copy in memory of its own, for what may be held for long: one out of Node's pool keeps all 64 KiB of the pool alive, and many slow clients
 * would each have some.
 */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
