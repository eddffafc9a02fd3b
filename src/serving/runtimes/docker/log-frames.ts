/**
 * The lines in a stream of Docker's log frames: a byte for the stream (1 stdout, 2 stderr), three of nothing, four of length, the text. A line that is
 * longer than 16 KiB comes in several frames, and lines of both streams lie between each other.
 */
import { MOST_BYTES, MOST_LINE_BYTES } from '../log-bounds.ts'

const HEADER_BYTES = 8

export async function readLogLines(frames: AsyncIterable<Uint8Array>): Promise<string[]> {
  const lines: string[] = []
  let bytes = 0
  let first = 0
  const keep = (line: Buffer) => {
    const end = line.at(-1) === 0x0d ? line.length - 1 : line.length
    const text = line.toString('utf8', 0, Math.min(end, MOST_LINE_BYTES))
    lines.push(text)
    bytes += text.length
    while (bytes > MOST_BYTES) bytes -= lines[first++]!.length
  }
  const open = new Map<number, Buffer>()
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of frames) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    let at = 0
    while (rest.length - at >= HEADER_BYTES && rest.length - at >= HEADER_BYTES + rest.readUInt32BE(at + 4)) {
      const stream = rest[at]!
      const length = rest.readUInt32BE(at + 4)
      let text = Buffer.concat([open.get(stream) ?? Buffer.alloc(0), rest.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length)])
      for (let end = text.indexOf(0x0a); end >= 0; end = text.indexOf(0x0a)) {
        keep(text.subarray(0, end))
        text = text.subarray(end + 1)
      }
      open.set(stream, text.length > MOST_LINE_BYTES ? text.subarray(0, MOST_LINE_BYTES) : text)
      at += HEADER_BYTES + length
    }
    rest = rest.subarray(at)
  }
  for (const text of open.values()) if (text.length > 0) keep(text)
  return lines.slice(first)
}
