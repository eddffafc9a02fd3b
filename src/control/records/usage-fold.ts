/** Adds finished records up to usage rows, a minute each. Pure bookkeeping in memory. */
import { Sketch } from '../../kernel/sketch.ts'
import type { FinishedRecord } from '../../monitoring/request-records.ts'
import type { UsageRow } from '../../store/usage.ts'

export interface UsageFold {
  add(record: FinishedRecord): void
  /** What was added since the last time. */
  take(): UsageRow[]
  /** Rows that could not be stored: they are taken again. */
  putBack(rows: readonly UsageRow[]): void
}

export function createUsageFold(): UsageFold {
  let rows = new Map<string, UsageRow>()
  return {
    add(record) {
      const minute = Math.floor(Date.parse(record.time) / 60_000) * 60_000
      const key = {
        minute,
        gateway: record.gateway,
        namespace: record.namespace ?? '',
        route: record.route ?? '',
        version: record.assigned ?? '',
        consumer: record.consumer ?? '',
        outcome: record.outcome,
        currency: record.cost?.currency ?? '',
      }
      const id = Object.values(key).join('\u0000')
      let row = rows.get(id)
      if (!row) {
        row = { ...key, requests: 0, tokensIn: 0, tokensCached: 0, tokensOut: 0, cost: 0, total: new Sketch(), firstToken: new Sketch() }
        rows.set(id, row)
      }
      row.requests += 1
      row.tokensIn += record.tokens?.in ?? 0
      row.tokensCached += record.tokens?.cached ?? 0
      row.tokensOut += record.tokens?.out ?? 0
      row.cost += record.cost?.amount ?? 0
      row.total.add(record.times.total)
      if (record.times.firstToken !== undefined) row.firstToken.add(record.times.firstToken)
    },
    take() {
      const taken = [...rows.values()]
      rows = new Map()
      return taken
    },
    putBack(back) {
      // They become rows of their own beside newer ones of the same minute: the store adds rows up.
      for (const row of back) rows.set(`${rows.size}\u0000back\u0000${row.minute}`, row)
    },
  }
}
