/**
 * One member of a gzipped tar file (an npm package), streamed. POSIX ustar with pax and GNU long names (pax(1), "ustar Interchange Format").
 */
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { archiveError } from './zip-member.ts'

const BLOCK = 512
const MAX_HEADER_BYTES = 1024 * 1024

/** Bytes of the member, and its size before the first of them. Throws `archive` when it is not there or the file is damaged. */
export async function openTarMember(path: string, name: string): Promise<{ bytes: number; chunks: AsyncIterable<Buffer>; close(): void }> {
  const raw = createReadStream(path, { highWaterMark: 1 << 20 })
  const unzipped = createGunzip()
  raw.on('error', (error) => unzipped.destroy(error)).pipe(unzipped)
  const reader = blockReader(unzipped)
  const close = () => {
    raw.destroy()
    unzipped.destroy()
  }
  try {
    let longName: string | undefined
    for (;;) {
      const header = await reader.take(BLOCK)
      if (!header || header.every((byte) => byte === 0)) throw archiveError(`it has no ${name}`)
      if (!checksumHolds(header)) throw archiveError('it is not a tar file, or damaged')
      const size = numberAt(header, 124, 12)
      const type = String.fromCharCode(header[156]!)
      const padded = Math.ceil(size / BLOCK) * BLOCK
      if (type === 'x' || type === 'L') {
        if (size > MAX_HEADER_BYTES) throw archiveError('one of its headers is too long')
        const text = ((await reader.take(padded)) ?? Buffer.alloc(0)).subarray(0, size)
        longName = type === 'L' ? textAt(text, 0, size) : (paxPath(text) ?? longName)
        continue
      }
      const prefix = header.toString('latin1', 257, 262) === 'ustar' ? textAt(header, 345, 155) : ''
      const own = longName ?? (prefix ? `${prefix}/${textAt(header, 0, 100)}` : textAt(header, 0, 100))
      longName = undefined
      if (own === name && (type === '0' || type === '\0')) return { bytes: size, chunks: contents(reader, size, close), close }
      await reader.skip(padded)
    }
  } catch (error) {
    close()
    throw error
  }
}

async function* contents(reader: BlockReader, size: number, close: () => void): AsyncGenerator<Buffer> {
  try {
    let left = size
    while (left > 0) {
      const chunk = await reader.some(left)
      if (!chunk) throw archiveError('it ends too early')
      left -= chunk.length
      yield chunk
    }
  } finally {
    close()
  }
}

interface BlockReader {
  /** Exactly `count` bytes; undefined at the end. */
  take(count: number): Promise<Buffer | undefined>
  /** At least one byte and at most `count`. */
  some(count: number): Promise<Buffer | undefined>
  skip(count: number): Promise<void>
}

function blockReader(source: AsyncIterable<Buffer>): BlockReader {
  const chunks = source[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  const some = async (count: number): Promise<Buffer | undefined> => {
    while (held.length === 0) {
      const next = await chunks.next().catch((error: unknown) => {
        throw archiveError('it is damaged', error)
      })
      if (next.done) return undefined
      held = next.value
    }
    const out = held.subarray(0, count)
    held = held.subarray(out.length)
    return out
  }
  return {
    some,
    async take(count) {
      const parts: Buffer[] = []
      for (let left = count; left > 0; ) {
        const part = await some(left)
        if (!part) return undefined
        parts.push(part)
        left -= part.length
      }
      return Buffer.concat(parts)
    },
    async skip(count) {
      for (let left = count; left > 0; ) {
        const part = await some(left)
        if (!part) throw archiveError('it ends too early')
        left -= part.length
      }
    },
  }
}

function textAt(block: Buffer, offset: number, length: number): string {
  const end = block.subarray(offset, offset + length).indexOf(0)
  return block.toString('utf8', offset, end === -1 ? offset + length : offset + end)
}

/** Octal digits, or base 256 when the first bit is set (GNU, for members above 8 GB). */
function numberAt(block: Buffer, offset: number, length: number): number {
  if (block[offset]! & 0x80) return Number(block.subarray(offset + 4, offset + length).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n))
  return Number.parseInt(textAt(block, offset, length).trim() || '0', 8)
}

function checksumHolds(header: Buffer): boolean {
  let sum = 0
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!
  return sum === numberAt(header, 148, 8)
}

/** `path` of a pax header: records "<length> key=value\n". */
function paxPath(text: Buffer): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text.toString('utf8'))?.[1]
}
