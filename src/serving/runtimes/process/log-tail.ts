/**
 * The last lines of an instance's log: `engine-<id>.log`, and the one that was put aside before it where that has too few. Read from the end, for a log
 * may be longer than what is asked for by far.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../../kernel/errors.ts'
import { MOST_BYTES, MOST_LINE_BYTES, MOST_LINES } from '../log-bounds.ts'

const BLOCK_BYTES = 64 * 1024
const NEWLINE = 0x0a
/** An id names a file: it must not lead out of the folder. */
const INSTANCE_ID = /^[a-z0-9-]+$/

/** Oldest first; none where there is no such file. */
export async function lastLines(folder: string, id: string, lines: number): Promise<readonly string[]> {
  const most = Math.min(lines, MOST_LINES)
  if (most <= 0 || !INSTANCE_ID.test(id)) return []
  const path = join(folder, `engine-${id}.log`)
  const newest = await endOf(path, most, MOST_BYTES)
  const missing = most - newest.lines.length
  if (missing === 0 || newest.bytes >= MOST_BYTES) return newest.lines
  const older = await endOf(`${path}.1`, missing, MOST_BYTES - newest.bytes)
  return [...older.lines, ...newest.lines]
}

interface End {
  readonly lines: readonly string[]
  /** Read for them. */
  readonly bytes: number
}

const NOTHING: End = { lines: [], bytes: 0 }

async function endOf(path: string, most: number, mostBytes: number): Promise<End> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return NOTHING
    throw error
  }
  try {
    const { size } = await file.stat()
    const blocks: Buffer[] = []
    let from = size
    // One newline more than lines, for the last line has one too; another block where the last line has none.
    for (let newlines = 0; newlines <= most && from > 0 && size - from < mostBytes; ) {
      const length = Math.min(BLOCK_BYTES, from, mostBytes - (size - from))
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from - length)
      if (bytesRead < length) return NOTHING // it was made shorter meanwhile
      from -= length
      blocks.unshift(buffer)
      newlines += countNewlines(buffer)
    }
    const all = splitLines(Buffer.concat(blocks))
    // What begins in the middle of a line is none.
    const whole = from > 0 ? all.slice(1) : all
    return { lines: whole.slice(-most), bytes: size - from }
  } finally {
    await file.close()
  }
}

function countNewlines(block: Buffer): number {
  let count = 0
  for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, at + 1)) count += 1
  return count
}

function splitLines(text: Buffer): string[] {
  const lines: string[] = []
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf(NEWLINE, start)
    const next = newline < 0 ? text.length : newline
    const end = text[next - 1] === 0x0d && next > start ? next - 1 : next
    lines.push(text.toString('utf8', start, Math.min(end, start + MOST_LINE_BYTES)))
    start = next + 1
  }
  return lines
}
