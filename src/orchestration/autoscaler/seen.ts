/** What the instances of a version tell, as policies count them. Pure. */

/** As the loop of the instances reports each. */
export interface ReportedInstance {
  readonly instance: { readonly id: string; readonly uid: string; readonly sequences: number }
  readonly state: string
  readonly message?: string
  /** Milliseconds since the epoch: since when it is in this state. */
  readonly since: number
  readonly changes: readonly { readonly state: string; readonly at: number }[]
  readonly load?: {
    readonly running?: number
    readonly waiting: number
    readonly cacheUsed?: number
    readonly kvTotalTokens?: number
  }
}

export interface Seen {
  readonly ready: number
  readonly starting: number
  readonly draining: number
  /** Requests that wait in instances. */
  readonly waiting: number
  /** Share of the ready instances' KV cache that is in use, 0 to 1; 0 where none tells. */
  readonly kvUse: number
}

/** What waits for room or for its runtime so long may wait for ever, milliseconds. */
const STUCK_MS = 60_000

/**
 * Ready and starting ones together are as many as are wanted: what was asked for a moment ago is on its way, and one that another shall replace is not
 * one more. Only those do not count that wait for room or for a runtime and have waited for long: they may never come.
 */
export function seenOf(reports: readonly ReportedInstance[], wanted: number, now: number): Seen {
  const staying = reports.filter(({ state }) => state !== 'draining' && state !== 'stopped')
  const ready = staying.filter(({ state }) => state === 'ready')
  const stuck = staying.filter(({ state, message, since }) => state === 'pending' && message !== undefined && now - since > STUCK_MS).length
  const counted = Math.min(ready.length, wanted)
  const caches = ready.flatMap(({ load }) => load?.cacheUsed ?? [])
  return {
    ready: counted,
    starting: Math.max(0, wanted - counted - stuck),
    draining: reports.filter(({ state }) => state === 'draining').length,
    waiting: ready.reduce((sum, { load }) => sum + (load?.waiting ?? 0), 0),
    kvUse: caches.length === 0 ? 0 : caches.reduce((sum, share) => sum + share, 0) / caches.length,
  }
}
