import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ownCopy } from './own-copy.ts'

test('copies share nothing but memory, and keep little of it alive', () => {
  const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(1_100), fc.nat(20_000)), { maxLength: 60 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const source = Buffer.alloc(20_000)
      const copies = lengths.map((length, i) => {
        source.fill(i)
        return ownCopy(source.subarray(0, length))
      })
      source.fill(255)
      for (const [i, copy] of copies.entries()) {
        expect(copy.equals(Buffer.alloc(lengths[i]!, i))).toBe(true)
        expect(copy.buffer.byteLength).toBeLessThanOrEqual(Math.max(8 * 1024, copy.length))
      }
    }),
  )
})
