/**
 * Writes request records to NDJSON segments. A line is appended to memory; every 100 ms the lines go to disk in one write, so a killed
 * process loses at most that. What a request says before its end is written with them only while it is not over: a short one costs one line,
 * not two. A request is never held: when the disk refuses or falls behind, records are dropped and counted.
 */
import { closeSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync, write, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { digits } from '../../kernel/digits.ts'
import { diskProblem } from '../../kernel/disk.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import { Batch } from './batch.ts'
import { type Interim, Interims } from './interims.ts'
import { type NewFeedback, type NewFinished, type NewProgress, type NewRecord, type NewStarted, recordLine } from './line.ts'

export interface RecordWriter {
  begin(record: () => NewStarted): Interim
  /** It comes after the one that says that the request has begun. */
  progress(record: () => NewProgress): Interim
  /** What has not been written of the request by now is not any more. */
  finish(record: NewFinished, beginning?: Interim, progress?: Interim): void
  /** Of no request that is running: it stands alone. */
  feedback(record: NewFeedback): void
  /** Records that found no place since the start. */
  dropped(): number
  /** Why the disk takes none now, in words. */
  trouble(): string | undefined
  /** Writes what is left. */
  close(): Promise<void>
}

const FLUSH_MS = 100
const SEGMENT_BYTES = 16 * 1024 * 1024
const SEGMENT_MS = 60 * 60 * 1000
const KEPT_BYTES = 1024 * 1024 * 1024
const MOST_PENDING_BYTES = 32 * 1024 * 1024
/** Records become lines so many at a time: between two requests the processor has forgotten how that goes. */
const TOGETHER = 32
const PROBE_MS = 1_000
/** As much as a batch of records may be: a disk with room for less is still full. */
const PROBE = Buffer.alloc(64 * 1024)

export function createRecordWriter(options: {
  folder: string
  gateway: string
  boot: string
  log: Log
  clock?: Clock
  segmentBytes?: number
  keptBytes?: number
}): RecordWriter {
  const clock = options.clock ?? systemClock
  const folder = join(options.folder, options.gateway)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let seq = 0
  let segment = 0
  let file: number | undefined
  let written = 0
  let openedAt = 0
  const pending = new Batch()
  const begun = new Interims()
  const progressing = new Interims()
  let inFlight: Promise<void> | undefined
  let dropped = 0
  let triedAt = 0
  const writing = recurring(
    options.log,
    clock,
    'request records cannot be written; they are dropped and counted until the disk takes them again',
    'request records are written again',
  )
  const head = `"gateway":${JSON.stringify(options.gateway)},"boot":${JSON.stringify(options.boot)}`

  const inWords = (error: unknown) => messageOf(diskProblem(error, folder) ?? error)
  const complain = (error: unknown, lost: number) => {
    dropped += lost
    triedAt = clock.monotonic()
    writing.failed(inWords(error), { folder })
  }

  const segmentPath = () => join(folder, `${options.boot}-${String(segment).padStart(6, '0')}.ndjson`)
  const openSegment = (): number => {
    segment += 1
    file = openSync(segmentPath(), 'a', 0o600)
    written = 0
    openedAt = clock.monotonic()
    removeOldest(folder, basename(segmentPath()), options.keptBytes ?? KEPT_BYTES)
    return file
  }

  /** Without requests nothing is written, and nobody would learn that the disk has room again. */
  const probe = () => {
    if (writing.trouble === undefined || clock.monotonic() - triedAt < PROBE_MS) return
    triedAt = clock.monotonic()
    const path = join(folder, 'probe')
    try {
      writeFileSync(path, PROBE)
      writing.worked()
    } catch (error) {
      writing.failed(inWords(error), { folder })
    }
    removeQuietly(path)
  }

  const currentFile = (): number => {
    const full =
      written >= (options.segmentBytes ?? SEGMENT_BYTES) ||
      (file !== undefined && written > 0 && clock.monotonic() - openedAt >= SEGMENT_MS)
    if (file !== undefined && full) {
      closeSync(file)
      file = undefined
    }
    return file ?? openSegment()
  }

  const writeBatch = (target: number, batch: ReturnType<Batch['take']>) =>
    new Promise<void>((resolve) => {
      const writeFrom = (offset: number) => {
        write(target, batch.text, offset, batch.text.length - offset, null, (error, bytes) => {
          if (!error && offset + bytes < batch.text.length) return writeFrom(offset + bytes)
          if (error) {
            // What went out of this batch may end in a torn line; a fresh segment keeps the damage to it.
            closeSync(target)
            file = undefined
            if (written + offset === 0) removeQuietly(segmentPath())
            complain(error, batch.lines)
          } else {
            written += batch.text.length
            writing.worked()
          }
          pending.giveBack(batch.text)
          resolve()
        })
      }
      writeFrom(0)
    })

  const records: NewRecord[] = []
  const times: number[] = []

  const append = (record: NewRecord) => {
    records.push(record)
    times.push(clock.now())
    if (records.length >= TOGETHER) makeLines()
  }

  const makeLines = () => {
    for (let i = 0; i < records.length; i++) {
      if (pending.bytes > MOST_PENDING_BYTES) {
        complain('the disk is too slow', records.length - i)
        break
      }
      seq += 1
      pending.add(recordLine(`${head},"seq":${digits(seq)},"time":"${isoTime(times[i]!)}"`, records[i]!))
    }
    records.length = times.length = 0
  }

  const appendUnfinished = () => {
    for (const { record } of begun.take()) append(record())
    for (const { record } of progressing.take()) append(record())
  }

  const flush = () => {
    appendUnfinished()
    makeLines()
    if (inFlight) return
    if (pending.lines === 0) return probe()
    const batch = pending.take()
    try {
      const target = currentFile()
      inFlight = writeBatch(target, batch).finally(() => {
        inFlight = undefined
      })
    } catch (error) {
      complain(error, batch.lines)
    }
  }
  const timer = setInterval(flush, FLUSH_MS)
  timer.unref()

  return {
    begin: (record) => begun.add(record),
    progress: (record) => progressing.add(record),
    finish(record, beginning, progress) {
      if (beginning) begun.drop(beginning)
      if (progress) progressing.drop(progress)
      append(record)
    },
    feedback: append,
    dropped: () => dropped,
    trouble: () => writing.trouble,
    async close() {
      clearInterval(timer)
      await inFlight
      flush()
      await inFlight
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

let lastMs = -1
let lastIso = ''

/** Under load many records share their millisecond. */
function isoTime(now: number): string {
  if (now !== lastMs) {
    lastMs = now
    lastIso = new Date(now).toISOString()
  }
  return lastIso
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It was not there, or the disk takes no change at all: then it stays, and is empty.
  }
}

/** Deletes the oldest segments until the folder holds at most `keptBytes`; names sort by boot time and number. */
function removeOldest(folder: string, current: string, keptBytes: number): void {
  const segments = readdirSync(folder)
    .filter((name) => name.endsWith('.ndjson') && name !== current)
    .sort()
    .map((name) => ({ path: join(folder, name), bytes: statSync(join(folder, name)).size }))
  let total = segments.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { path, bytes } of segments) {
    if (total <= keptBytes) break
    unlinkSync(path)
    total -= bytes
  }
}
