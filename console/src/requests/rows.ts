/** The rows of the list: newest first, each request once, bounded. Pure. */
import type { FinishedRecord } from '../../../src/monitoring/request-records.ts'

export interface Row extends FinishedRecord {
  /** `time`, milliseconds since the epoch. */
  readonly at: number
}

export function rowOf(record: FinishedRecord): Row {
  return { ...record, at: Date.parse(record.time) }
}

/** Both newest first; what is in both stands once. Keeps the newest `most`. */
export function merged(some: readonly Row[], others: readonly Row[], most: number): readonly Row[] {
  if (others.length === 0 && some.length <= most) return some
  const out: Row[] = []
  const seen = new Set<string>()
  let i = 0
  let j = 0
  while (out.length < most && (i < some.length || j < others.length)) {
    const row = j >= others.length || (i < some.length && some[i]!.at >= others[j]!.at) ? some[i++]! : others[j++]!
    if (seen.has(row.id)) continue
    seen.add(row.id)
    out.push(row)
  }
  return out
}

/** A batch of the tail, oldest first or in whatever order the gateways were read. */
export function newestFirst(records: readonly FinishedRecord[]): Row[] {
  return records.map(rowOf).sort((a, b) => b.at - a.at)
}

/**
 * Whether a page of the newest leaves nothing out between itself and the rows that are shown: it reaches back to one of them, or to the
 * beginning of everything.
 */
export function reachesBack(page: readonly Row[], hasOlder: boolean, rows: readonly Row[]): boolean {
  if (!hasOlder || rows.length === 0) return true
  const oldest = page.at(-1)
  return oldest !== undefined && oldest.at <= rows[0]!.at
}
