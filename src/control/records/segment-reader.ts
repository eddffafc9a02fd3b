/**
 * Reads the segments of one gateway from the newest line to the oldest, a block at a time. Segments may hold a gigabyte, and a page of a list
 * is two hundred lines: so a place in time is found by halving, a line without what is looked for is never parsed, and whoever reads can stop
 * after any block and go on from there later.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../kernel/errors.ts'
import { isRequestRecord, type RequestRecord, SEGMENT_NAME } from '../../monitoring/request-records.ts'

/** Everything in older segments, and in this one before `offset`, is still to be read. */
export interface Position {
  readonly segment: string
  readonly offset: number
}

export interface FoundLine {
  readonly record: RequestRecord
  readonly time: number
  /** Reading from here finds this line again first. */
  readonly at: Position
}

export interface Block {
  /** Newest first. */
  readonly found: readonly FoundLine[]
  readonly bytes: number
  /** No line that is still to be read is newer. */
  readonly reached: number
  /** Undefined at the end. */
  readonly next: Position | undefined
}

export interface LineTest {
  readonly matches: (record: RequestRecord) => boolean
  readonly needles: readonly string[]
  readonly from?: number
  readonly to?: number
}

const BLOCK_BYTES = 512 * 1024
const HEAD_BYTES = 256
/** Finding a place in time stops halving here: reading the rest costs less than another jump. */
const CLOSE_ENOUGH_BYTES = 256 * 1024
const NEWLINE = 10

/** Segment names, oldest first: the boot's id sorts by time, then the number. */
export async function segmentsOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => SEGMENT_NAME.test(name)).sort()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Where to begin so that nothing until `to` is missed; undefined when there is nothing that old. */
export async function startingPosition(folder: string, to: number | undefined): Promise<Position | undefined> {
  const segments = await segmentsOf(folder)
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i]!
    const offset = await reading(join(folder, segment), async (file) => {
      const { size } = await file.stat()
      if (to === undefined) return size
      const first = await timeAfter(file, 0, size)
      return first === undefined || first > to ? undefined : await offsetAfter(file, size, to)
    })
    if (offset !== undefined) return { segment, offset }
  }
  return undefined
}

/** Reads one block back from `position`. */
export async function readBlock(folder: string, position: Position, test: LineTest): Promise<Block> {
  const path = join(folder, position.segment)
  const start = Math.max(0, position.offset - BLOCK_BYTES)
  const buffer = Buffer.allocUnsafe(position.offset - start)
  const bytesRead = (await reading(path, async (file) => (await file.read(buffer, 0, buffer.length, start)).bytesRead)) ?? 0
  const block = buffer.subarray(0, bytesRead)
  // The first line of a block that does not begin the file may be cut: the next block ends with it.
  const cut = start === 0 ? 0 : block.indexOf(NEWLINE) + 1
  const lines = block.subarray(cut)
  const reached = timeOf(lines) ?? Number.POSITIVE_INFINITY
  const found = test.needles.every((needle) => lines.includes(needle)) ? search(lines, start + cut, position.segment, test) : []
  const rest = cut === bytesRead ? start : start + cut // no record is longer than a block: not one of our lines
  const next = rest > 0 ? { segment: position.segment, offset: rest } : undefined
  const over = test.from !== undefined && reached < test.from
  return { found, bytes: bytesRead, reached, next: over ? undefined : (next ?? (await older(folder, position.segment))) }
}

async function older(folder: string, segment: string): Promise<Position | undefined> {
  const before = (await segmentsOf(folder)).filter((name) => name < segment).at(-1)
  if (before === undefined) return undefined
  const size = await reading(join(folder, before), async (file) => (await file.stat()).size)
  return { segment: before, offset: size ?? 0 }
}

function search(lines: Buffer, offset: number, segment: string, { matches, needles, from, to }: LineTest): FoundLine[] {
  const found: FoundLine[] = []
  // What comes after the last line's end is being written, or was never finished.
  let end = lines.lastIndexOf(NEWLINE)
  while (end > 0) {
    const begin = lines.lastIndexOf(NEWLINE, end - 1) + 1
    const line = lines.subarray(begin, end)
    const time = timeOf(line)
    if (time !== undefined && (from === undefined || time >= from) && (to === undefined || time <= to)) {
      if (needles.every((needle) => line.includes(needle))) {
        const record = parsed(line)
        if (record && matches(record)) found.push({ record, time, at: { segment, offset: offset + end + 1 } })
      }
    }
    end = begin - 1
  }
  return found
}

function parsed(line: Buffer): RequestRecord | undefined {
  try {
    const record = JSON.parse(line.toString('utf8')) as RequestRecord
    return isRequestRecord(record) ? record : undefined
  } catch {
    return undefined // torn by a killed gateway; the follower has said so
  }
}

/** Every line begins with where and when it was written: no need to parse it to know that. */
function timeOf(line: Buffer): number | undefined {
  const head = line.toString('latin1', 0, Math.min(HEAD_BYTES, line.length))
  const at = head.indexOf('"time":"')
  if (at === -1) return undefined
  const time = Date.parse(head.slice(at + 8, head.indexOf('"', at + 8)))
  return Number.isNaN(time) ? undefined : time
}

/** An offset after which everything is newer than `to`; not the smallest one. */
async function offsetAfter(file: FileHandle, size: number, to: number): Promise<number> {
  let low = 0
  let high = size
  while (high - low > CLOSE_ENOUGH_BYTES) {
    const middle = Math.floor((low + high) / 2)
    const time = await timeAfter(file, middle, size)
    if (time === undefined || time > to) high = middle
    else low = middle
  }
  return await lineEndAfter(file, high, size)
}

/** Time of the first line that begins after `offset`. */
async function timeAfter(file: FileHandle, offset: number, size: number): Promise<number | undefined> {
  const buffer = Buffer.allocUnsafe(Math.min(CLOSE_ENOUGH_BYTES, size - offset))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
  const text = buffer.subarray(0, bytesRead)
  return timeOf(text.subarray(offset === 0 ? 0 : text.indexOf(NEWLINE) + 1))
}

async function lineEndAfter(file: FileHandle, offset: number, size: number): Promise<number> {
  if (offset >= size) return size
  const buffer = Buffer.allocUnsafe(Math.min(CLOSE_ENOUGH_BYTES, size - offset))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
  const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE)
  return end === -1 ? size : offset + end + 1
}

/** Undefined when the file has been deleted meanwhile: it was the oldest. */
async function reading<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return await read(file)
  } finally {
    await file.close()
  }
}
