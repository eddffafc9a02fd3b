/**
 * Request records as control sees them: a live stream, all that the disk still has, the last minute's traffic, the last
 * hour's refusals, and usage rows in the store.
 */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import type { RequestRecord } from '../../monitoring/request-records.ts'
import type { Store } from '../../store/index.ts'
import { followRecords } from './follower.ts'
import { type Cursor, findRequest, type HistoryPage, type HistoryQuery, readHistory } from './history.ts'
import type { KeptFold } from './kept-fold.ts'
import { createKeyUses, type KeyUses } from './key-uses.ts'
import { momentOf } from './moment.ts'
import { readRecordFilter } from './record-filter.ts'
import { createRefusals, type LimitRefusals } from './refusals.ts'
import { createTrafficWindow } from './traffic.ts'
import type { TrafficEvent } from './traffic-event.ts'

export interface RecordStream {
  /** Requests as they begin and end, and feedback: no `progress`. */
  subscribe(listener: (record: RequestRecord) => void): () => void
  history(query: HistoryQuery): Promise<HistoryPage>
  /** What is known of one request: its `finished` record, or else its `started` one. Of feedback, by its own id: that. */
  find(id: string): Promise<readonly RequestRecord[]>
  traffic(): TrafficEvent
  refusals(): Promise<readonly LimitRefusals[]>
  keyUses(): ReturnType<KeyUses['all']>
  close(): Promise<void>
}

const HOUR_MS = 3_600_000
const MOST_REFUSALS = 200_000
/** Of what was written before this start: a gigabyte is read in seconds when almost no line of it is parsed. */
const REFUSALS_BUDGET_BYTES = 1024 * 1024 * 1024

export interface RecordsOptions {
  readonly folder: string
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly kept?: readonly KeptFold[]
}

export async function openRecords(options: RecordsOptions): Promise<RecordStream> {
  const { folder, store, clock, log, kept } = options
  const listeners = new Set<(record: RequestRecord) => void>()
  const window = createTrafficWindow()
  const refusals = createRefusals()
  const { resources } = store
  const keyUses = createKeyUses(await store.usage.keyUses(), (namespace, name) => resources.get('ApiKey', namespace, name) !== undefined)
  const unsubscribe = resources.onChange((events) => {
    for (const { type, resource } of events)
      if (type === 'DELETED' && resource.kind === 'ApiKey') keyUses.forget(resource.metadata.namespace, resource.metadata.name)
  })
  const marks = await store.usage.marks()
  const follower = await followRecords({
    folder,
    usage: store.usage,
    keyUses,
    kept,
    clock,
    log,
    onRecord(record, live, counted) {
      if (momentOf(record) > clock.now() - 90_000) window.add(record)
      if (counted && record.type === 'finished') refusals.add(record)
      if (live && record.type !== 'progress') for (const listener of listeners) listener(record)
    },
  })

  /** What the last control had seen of the last hour; asked for once, when somebody wants to know. */
  let seenBefore: Promise<void> | undefined
  const recall = async () => {
    const cursor: Cursor = Object.fromEntries(marks.map(({ gateway, segment, offset }) => [gateway, { segment, offset }]))
    const filter = readRecordFilter({ type: 'finished', outcome: 'limited', from: String(clock.now() - HOUR_MS) }, clock.now())
    const { items } = await readHistory(folder, { filter, cursor, limit: MOST_REFUSALS, budget: REFUSALS_BUDGET_BYTES })
    for (const record of items) if (record.type === 'finished') refusals.add(record)
  }

  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    history: (query) => readHistory(folder, query),
    find: (id) => findRequest(folder, id),
    traffic: () => window.event(clock.now()),
    async refusals() {
      seenBefore ??= recall().catch((error: unknown) => {
        seenBefore = undefined
        log.warn('refusals from before this start could not be read; the next look tries again', { error: messageOf(error) })
      })
      await seenBefore
      return refusals.report(clock.now())
    },
    keyUses: () => keyUses.all(),
    close() {
      unsubscribe()
      return follower.close()
    },
  }
}
