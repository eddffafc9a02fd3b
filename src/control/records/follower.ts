/**
 * Follows the record segments of all gateways: every line once to the subscribers, and folded once into the usage rows and what else is kept.
 *
 * The mark of a gateway (segment and byte) moves in the transaction that adds its usage and stores the kept folds, so a control that dies
 * between the two counts nothing twice. A last line without its end stays until it has one; when a newer segment is there it never will (the
 * gateway was killed) and is skipped.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf, systemCode } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { recurring } from '../../kernel/recurring.ts'
import { isRequestRecord, type RequestRecord } from '../../monitoring/request-records.ts'
import type { Store } from '../../store/index.ts'
import { foldersIn } from './history.ts'
import type { KeptFold } from './kept-fold.ts'
import type { KeyUses } from './key-uses.ts'
import { segmentsOf } from './segment-reader.ts'
import { createUsageFold, type UsageFold } from './usage-fold.ts'

export interface Follower {
  close(): Promise<void>
}

export interface FollowerOptions {
  /** `STRATA_HOME/records` */
  readonly folder: string
  readonly usage: Pick<Store['usage'], 'fold' | 'marks'>
  /** Goes into the store with the usage. */
  readonly keyUses?: KeyUses
  /** Go into the store whichever gateway's mark moves. */
  readonly kept?: readonly KeptFold[]
  readonly clock: Clock
  readonly log: Log
  /**
   * `live`: read as it was written, and not caught up from before this control's start. `counted`: behind the mark, so that nobody has had it
   * before; others are shown again to fill what is kept in memory.
   */
  onRecord(record: RequestRecord, live: boolean, counted: boolean): void
}

const POLL_MS = 200
const FOLD_MS = 3_000
const CHUNK_BYTES = 1024 * 1024
/** Some fifteen records. A scheduler lets whoever runs go on for up to three milliseconds while a request waits for the same processor. */
const SLICE_MS = 0.25
const REST_MS = 1
/** Whoever is still reading after this is behind, and rests no more. */
const RESTED_MS = 1_000
/** Of what was read before this start: enough for the first page of a tail. */
const LOOK_BACK_BYTES = 256 * 1024

interface Gateway {
  readonly name: string
  segment: string
  /** Everything before it is in `fold` or in the database. */
  offset: number
  file?: FileHandle
  readonly fold: UsageFold
  foldedAt: number
  moved: boolean
}

export async function followRecords(options: FollowerOptions): Promise<Follower> {
  const { folder, usage, clock, log, kept = [] } = options
  const gateways = new Map<string, Gateway>()
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let caughtUp = false
  /** Until when this pass rests between slices (monotonic). The first never does: it catches up. */
  let restsUntil = 0
  /** What was read last; one gateway is read at a time. */
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)

  const track = (name: string, segment: string, offset: number): Gateway => {
    const gateway: Gateway = { name, segment, offset, fold: createUsageFold(), foldedAt: clock.monotonic(), moved: false }
    gateways.set(name, gateway)
    return gateway
  }

  const take = (gateway: Gateway, line: string, counted: boolean) => {
    let record: RequestRecord
    try {
      record = JSON.parse(line) as RequestRecord
    } catch {
      return log.warn('a line of the request records is not JSON; skipped', { gateway: gateway.name, segment: gateway.segment })
    }
    if (!isRequestRecord(record)) return
    if (counted) {
      if (record.type === 'finished') gateway.fold.add(record)
      options.keyUses?.add(record)
      for (const fold of kept) fold.add(record)
    }
    options.onRecord(record, caughtUp && counted, counted)
  }

  /** Takes lines one after the other, and rests in between: under load there are a thousand at a time, and the gateways need the same processors. */
  const takeAll = async (gateway: Gateway, lines: Buffer) => {
    let since = clock.monotonic()
    const mayRest = (now: number) => !closed && now < restsUntil && now - since >= SLICE_MS
    for (let from = 0; from < lines.length; ) {
      const next = lines.indexOf(10, from)
      const end = next === -1 ? lines.length : next
      if (end > from) take(gateway, lines.toString('utf8', from, end), true)
      from = end + 1
      if (!mayRest(clock.monotonic())) continue
      await sleep(REST_MS)
      since = clock.monotonic()
    }
  }

  /** Reads what is new; true when there may be more at once. */
  const read = async (gateway: Gateway): Promise<boolean> => {
    const segments = await segmentsOf(join(folder, gateway.name))
    const next = segments.find((segment) => segment > gateway.segment)
    if (gateway.segment !== '' && !segments.includes(gateway.segment)) return next === undefined ? false : advance(gateway, next) // deleted: too old
    if (gateway.segment === '') return next === undefined ? false : advance(gateway, next)
    gateway.file ??= await open(join(folder, gateway.name, gateway.segment), 'r')
    const { bytesRead } = await gateway.file.read(buffer, 0, CHUNK_BYTES, gateway.offset)
    const end = buffer.subarray(0, bytesRead).lastIndexOf(10)
    if (end === -1) {
      if (bytesRead === CHUNK_BYTES)
        gateway.offset += bytesRead // no record is that long: not one of our lines
      else if (next !== undefined) return advance(gateway, next)
      return bytesRead === CHUNK_BYTES
    }
    await takeAll(gateway, buffer.subarray(0, end))
    gateway.offset += end + 1
    gateway.moved = true
    return bytesRead === CHUNK_BYTES || next !== undefined
  }

  const advance = async (gateway: Gateway, segment: string): Promise<boolean> => {
    await gateway.file?.close()
    gateway.file = undefined
    gateway.segment = segment
    gateway.offset = 0
    gateway.moved = true
    return true
  }

  const commit = async (gateway: Gateway) => {
    if (!gateway.moved) return
    const rows = gateway.fold.take()
    const uses = options.keyUses?.take() ?? []
    const taken = kept.map((fold) => ({ fold, changed: fold.take() }))
    const mark = { gateway: gateway.name, segment: gateway.segment, offset: gateway.offset }
    gateway.moved = false
    gateway.foldedAt = clock.monotonic()
    try {
      await usage.fold(rows, mark, uses, new Map(taken.flatMap(({ changed }) => [...changed])))
    } catch (error) {
      gateway.fold.putBack(rows)
      options.keyUses?.putBack(uses)
      for (const { fold, changed } of taken) fold.putBack(changed)
      gateway.moved = true
      throw error
    }
  }

  const pass = async () => {
    if (caughtUp) restsUntil = clock.monotonic() + RESTED_MS
    for (const name of await foldersIn(folder)) if (!gateways.has(name)) track(name, '', 0)
    // A store that takes nothing must not keep the live tail from what is read, nor one gateway's trouble the others' records.
    const errors: unknown[] = []
    const commitIfDue = async (gateway: Gateway) => {
      if (clock.monotonic() - gateway.foldedAt > FOLD_MS) await commit(gateway).catch((error: unknown) => errors.push(error))
    }
    for (const gateway of gateways.values()) {
      try {
        while (!closed && (await read(gateway))) await commitIfDue(gateway)
      } catch (error) {
        errors.push(error)
      }
      await commitIfDue(gateway)
    }
    caughtUp = true
    if (errors.length > 0) throw errors[0]
  }

  const passing = recurring(
    log,
    clock,
    'request records are not counted at the moment; they are as soon as it is possible again',
    'request records are counted again',
  )
  let running: Promise<void> = Promise.resolve()
  const loop = () => {
    running = pass()
      .then(passing.worked, (error: unknown) => passing.failed(messageOf(error)))
      .then(() => {
        if (!closed) timer = setTimeout(loop, POLL_MS)
      })
  }

  for (const { gateway: name, segment, offset } of await usage.marks()) {
    const gateway = track(name, segment, offset)
    for (const line of await before(join(folder, name, segment), offset)) take(gateway, line, false)
  }
  loop()

  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await running
      for (const gateway of gateways.values()) {
        // What cannot be stored now stands behind the mark and is read again at the next start.
        await commit(gateway).catch((error: unknown) => passing.failed(messageOf(error)))
        await gateway.file?.close()
      }
    },
  }
}

/** The last whole lines before `offset`. */
async function before(path: string, offset: number): Promise<string[]> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
  try {
    const from = Math.max(0, offset - LOOK_BACK_BYTES)
    const buffer = Buffer.alloc(offset - from)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from)
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n')
    return (from === 0 ? lines : lines.slice(1)).filter(Boolean)
  } finally {
    await file.close()
  }
}
