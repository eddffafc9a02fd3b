/**
 * What the list shows: the newest requests as they finish, and older ones a page at a time. Lives outside of React, and tells it at most once a
 * frame. Bounded whatever comes: what does not fit is counted and can be read from the history. A control that restarts leaves no gap: what
 * came meanwhile is read from the disk, and when that is too much the list begins anew with the newest.
 */
import type { FinishedRecord } from '../../../src/monitoring/request-records.ts'
import { API, ApiError, getJson } from '../api/client.ts'
import { merged, newestFirst, type Row, reachesBack } from './rows.ts'

/** What control sends: types of its own would pull its server into the console. */
interface Batch {
  readonly records: readonly FinishedRecord[]
  readonly skipped: number
}
interface Page {
  readonly items: readonly FinishedRecord[]
  readonly next?: string
  readonly reached?: string
}

export interface TailState {
  /** Newest first. */
  readonly rows: readonly Row[]
  /** Came while the list was held. */
  readonly waiting: number
  /** Came too fast to be sent; they are in the history. */
  readonly skipped: number
  readonly phase: 'loading' | 'ready' | 'looking'
  /** There is more further back. */
  readonly hasOlder: boolean
  /** How far back has been looked, where nothing older was found yet. ISO 8601. */
  readonly reached: string | undefined
  readonly error: ApiError | undefined
}

export interface Tail {
  readonly subscribe: (listener: () => void) => () => void
  readonly state: () => TailState
  /** While held, what comes waits. */
  hold(held: boolean): void
  older(): void
  close(): void
}

const MOST_ROWS = 5_000
/** With pages of older ones: somebody wanted them. */
const MOST_WITH_OLDER = 20_000
const MOST_WAITING = 2_000
const PAGE = 200
const RETRY_MS = 1_000

const FIRST: TailState = { rows: [], waiting: 0, skipped: 0, phase: 'loading', hasOlder: false, reached: undefined, error: undefined }

/** `query`: the filter as control reads it. `live`: whether new ones can match at all. */
export function openTail(query: URLSearchParams, live: boolean): Tail {
  const listeners = new Set<() => void>()
  const abort = new AbortController()
  let state = FIRST
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let frame: number | undefined
  let held = false
  let waiting: FinishedRecord[] = []
  let overflowed = false
  let cursor: string | undefined
  let most = MOST_ROWS

  const change = (more: Partial<TailState>) => {
    state = { ...state, ...more }
    frame ??= requestAnimationFrame(() => {
      frame = undefined
      for (const listener of listeners) listener()
    })
  }
  const withRows = (rows: readonly Row[], others: readonly Row[]): Partial<TailState> => {
    const all = merged(rows, others, most)
    // What fell out at the end is older than the cursor knows: the next page begins at the last row.
    if (all.length === most) cursor = undefined
    return { rows: all, hasOlder: state.hasOlder || all.length === most }
  }
  const page = (more: Readonly<Record<string, string>>) =>
    getJson<Page>(`/requests/history?${new URLSearchParams([...query, ['limit', String(PAGE)], ...Object.entries(more)])}`, abort.signal)

  /** The newest there are, beside what is shown already. */
  const catchUp = async () => {
    try {
      const { items, next, reached } = await page({})
      const newest = newestFirst(items)
      const continues = reachesBack(newest, next !== undefined, state.rows)
      const fresh = state.phase === 'loading' || !continues
      if (fresh) {
        cursor = next
        most = MOST_ROWS
      }
      change({
        ...withRows(newest, continues ? state.rows : []),
        phase: 'ready',
        error: undefined,
        ...(fresh ? { hasOlder: next !== undefined, reached: items.length === 0 ? reached : undefined } : {}),
      })
    } catch (error) {
      if (abort.signal.aborted || !(error instanceof ApiError)) return
      if (error.status !== 0) change({ phase: 'ready', error })
      else if (!live) timer = setTimeout(catchUp, RETRY_MS)
    }
  }

  const take = ({ records, skipped }: Batch) => {
    if (held) {
      waiting.push(...records)
      if (waiting.length > MOST_WAITING) {
        waiting = waiting.slice(-MOST_WAITING)
        overflowed = true
      }
      if (records.length + skipped > 0) change({ waiting: state.waiting + records.length + skipped, skipped: state.skipped + skipped })
    } else if (records.length + skipped > 0) change({ ...withRows(newestFirst(records), state.rows), skipped: state.skipped + skipped })
  }

  const listen = () => {
    const opened = new EventSource(`${API}/requests/tail?${query}`)
    source = opened
    let begun = false
    opened.onmessage = (event) => {
      take(JSON.parse(event.data as string) as Batch)
      // Heard before read: nothing falls between the history and the tail.
      if (!begun) void catchUp()
      begun = true
    }
    opened.onerror = () => {
      opened.close()
      if (source !== opened) return
      source = undefined
      timer = setTimeout(listen, RETRY_MS)
      // A filter that control refuses is no stream; the history tells why.
      if (!begun && state.phase === 'loading') void catchUp()
    }
  }
  if (live) listen()
  else void catchUp()

  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    state: () => state,
    hold(now) {
      if (held === now) return
      held = now
      if (held) return
      const came = waiting
      waiting = []
      change({ ...withRows(newestFirst(came), overflowed ? [] : state.rows), waiting: 0 })
      if (overflowed) {
        cursor = undefined
        change({ hasOlder: true })
      }
      overflowed = false
    },
    older() {
      if (state.phase !== 'ready' || !state.hasOlder) return
      change({ phase: 'looking' })
      most = MOST_WITH_OLDER
      const last = state.rows.at(-1)
      const from = cursor !== undefined ? { cursor } : last ? { to: String(last.at) } : {}
      page(from as Record<string, string>).then(
        ({ items, next, reached }) => {
          cursor = next
          const before = state.rows.length
          const rows = merged(state.rows, newestFirst(items), most)
          const full = rows.length >= most
          change({
            rows,
            phase: 'ready',
            hasOlder: next !== undefined && !full,
            reached: rows.length === before ? reached : undefined,
            error: undefined,
          })
        },
        (error: unknown) => {
          if (!abort.signal.aborted) change({ phase: 'ready', error: error instanceof ApiError && error.status !== 0 ? error : undefined })
        },
      )
    },
    close() {
      abort.abort()
      clearTimeout(timer)
      source?.close()
      source = undefined
      if (frame !== undefined) cancelAnimationFrame(frame)
      listeners.clear()
    },
  }
}
