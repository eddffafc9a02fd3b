/** Request records as control sees them: a live stream, the most recent ones, the last minute's traffic, and usage rows in the store. */
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { Store } from '../../store/index.ts'
import { followRecords } from './follower.ts'
import { createTrafficWindow } from './traffic.ts'
import type { TrafficEvent } from './traffic-event.ts'

export interface RecordStream {
  /** The most recent records, oldest first. */
  recent(): readonly RequestRecord[]
  subscribe(listener: (record: RequestRecord) => void): () => void
  traffic(): TrafficEvent
  close(): Promise<void>
}

const RECENT = 2_000

export async function openRecords(options: { folder: string; store: Store; clock: Clock; log: Log }): Promise<RecordStream> {
  const { folder, store, clock, log } = options
  const listeners = new Set<(record: RequestRecord) => void>()
  const window = createTrafficWindow()
  let recent: RequestRecord[] = []
  const follower = await followRecords({
    folder,
    usage: store.usage,
    clock,
    log,
    onRecord(record, live) {
      recent.push(record)
      if (recent.length > 2 * RECENT) recent = recent.slice(-RECENT)
      if (Date.parse(record.time) > clock.now() - 90_000) window.add(record)
      if (live) for (const listener of listeners) listener(record)
    },
  })
  return {
    recent: () => recent.slice(-RECENT),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    traffic: () => window.event(clock.now()),
    close: () => follower.close(),
  }
}
