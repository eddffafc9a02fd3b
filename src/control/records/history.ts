/**
 * The requests that were, newest first, over all gateways, a page at a time. A page costs a bounded number of bytes read: when nothing was
 * found in them, it says how far back it has looked, and the next page goes on from there.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError, systemCode } from '../../kernel/errors.ts'
import { timeOfRequestId } from '../../kernel/ids.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { RecordFilter } from './record-filter.ts'
import { type FoundLine, type Position, readBlock, startingPosition } from './segment-reader.ts'

/** Where each gateway's segments are read on from; a gateway that is not named has nothing more. */
export type Cursor = Readonly<Record<string, Position>>

export interface HistoryPage {
  /** Newest first. */
  readonly items: readonly RequestRecord[]
  /** Undefined when there is nothing older. */
  readonly next?: Cursor
  /** Everything since then has been looked at, milliseconds since the epoch. */
  readonly reached?: number
}

export interface HistoryQuery {
  readonly filter: RecordFilter
  readonly limit: number
  readonly cursor?: Cursor
  /** Most bytes to read. */
  readonly budget?: number
}

const BUDGET_BYTES = 64 * 1024 * 1024

interface Source {
  readonly folder: string
  readonly gateway: string
  found: FoundLine[]
  next: Position | undefined
  /** A block at least is read of each, so that every page gets somewhere. */
  begun: boolean
  /** Nothing newer than this is still to be found here beyond `found`. */
  reached: number
}

export async function readHistory(records: string, query: HistoryQuery): Promise<HistoryPage> {
  const { filter, limit } = query
  const sources = await openSources(records, query)
  let left = query.budget ?? BUDGET_BYTES
  const items: RequestRecord[] = []
  while (items.length < limit) {
    // One that has found nothing yet might still have the newest: it reads on before anything is taken.
    const behind = latest(
      sources.filter(({ found, next }) => found.length === 0 && next !== undefined),
      ({ reached }) => reached,
    )
    if (behind && (left > 0 || !behind.begun)) {
      behind.begun = true
      const block = await readBlock(behind.folder, behind.next!, filter)
      left -= Math.max(1, block.bytes)
      behind.found = [...block.found]
      behind.next = block.next
      behind.reached = Math.min(behind.reached, block.reached)
      continue
    }
    const newest = latest(
      sources.filter(({ found }) => found.length > 0),
      ({ found }) => found[0]!.time,
    )
    if (!newest || (behind && newest.found[0]!.time < behind.reached)) break
    items.push(newest.found.shift()!.record)
  }
  const next = Object.fromEntries(
    sources.flatMap(({ gateway, found, next: position }) => {
      const at = found[0]?.at ?? position
      return at ? [[gateway, at]] : []
    }),
  )
  const reached = Math.max(...sources.filter(({ next: position }) => position !== undefined).map((source) => source.reached))
  return {
    items,
    ...(Object.keys(next).length > 0 ? { next } : {}),
    ...(Number.isFinite(reached) ? { reached } : {}),
  }
}

async function openSources(records: string, { filter, cursor }: HistoryQuery): Promise<Source[]> {
  const gateways = cursor ? Object.keys(cursor) : await foldersIn(records)
  return await Promise.all(
    gateways.map(async (gateway) => {
      const folder = join(records, gateway)
      const next = cursor ? cursor[gateway] : await startingPosition(folder, filter.to)
      return { folder, gateway, found: [], next, begun: false, reached: Number.POSITIVE_INFINITY }
    }),
  )
}

function latest<T>(all: readonly T[], time: (each: T) => number): T | undefined {
  let best: T | undefined
  for (const each of all) if (best === undefined || time(each) > time(best)) best = each
  return best
}

export async function foldersIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** A cursor as it travels: opaque to whoever gets it. */
export function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(Object.entries(cursor).map(([gateway, { segment, offset }]) => [gateway, segment, offset]))).toString(
    'base64url',
  )
}

export function readCursor(text: string): Cursor {
  try {
    const entries = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [unknown, unknown, unknown][]
    return Object.fromEntries(
      entries.map(([gateway, segment, offset]) => {
        const sane =
          /^[a-z0-9][a-z0-9.-]{0,62}$/.test(String(gateway)) &&
          /^[0-9A-Z]{26}-\d{6}\.ndjson$/.test(String(segment)) &&
          Number.isSafeInteger(offset) &&
          (offset as number) >= 0
        if (!sane) throw new Error('not one of ours')
        return [String(gateway), { segment: String(segment), offset: offset as number }]
      }),
    )
  } catch {
    throw new StrataError('invalid_request', '`cursor` is not one that a page has given.', { advice: 'Begin without it.' })
  }
}

const EARLY_MS = 2_000
const LATE_MS = [60_000, 600_000, 7_200_000]

/**
 * What there is to be shown of one request, its `finished` record first: ids carry the time at which it came, so that only the hours after it are
 * looked at. Feedback is found by its own id; when it was given is not in the id of the request that it is about.
 */
export async function findRequest(records: string, id: string): Promise<RequestRecord[]> {
  const began = timeOfRequestId(id)
  if (began === undefined) return []
  const found: RequestRecord[] = []
  let from = began - EARLY_MS
  for (const late of LATE_MS) {
    const filter: RecordFilter = {
      matches: (record) => record.id === id && record.type !== 'progress',
      needles: [`"id":"${id}"`],
      from,
      to: began + late,
    }
    const { items } = await readHistory(records, { filter, limit: 2 - found.length, budget: 4 * BUDGET_BYTES })
    found.push(...items)
    if (found.some(({ type }) => type !== 'started')) break
    from = began + late + 1
  }
  return found
}
