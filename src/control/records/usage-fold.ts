/** Adds finished records up to usage rows, a minute each. Pure bookkeeping in memory. */
import { Sketch } from '../../kernel/sketch.ts'
import type { FinishedRecord } from '../../monitoring/request-records.ts'
import type { UsageKey, UsageRow } from '../../store/usage.ts'
import { momentOf } from './moment.ts'

export interface UsageFold {
  add(record: FinishedRecord): void
  /** What was added since the last time. */
  take(): UsageRow[]
  /** Rows that could not be stored: they are taken again. */
  putBack(rows: readonly UsageRow[]): void
}

export function createUsageFold(): UsageFold {
  let rows = new Map<string, UsageRow>()
  const rowOf = (key: UsageKey): UsageRow => {
    const id = idOf(key)
    let row = rows.get(id)
    if (!row) {
      row = { ...key, requests: 0, tokensIn: 0, tokensCached: 0, tokensOut: 0, cost: 0, total: new Sketch(), firstToken: new Sketch() }
      rows.set(id, row)
    }
    return row
  }
  return {
    add(record) {
      const row = rowOf({
        minute: Math.floor(momentOf(record) / 60_000) * 60_000,
        gateway: record.gateway,
        namespace: record.namespace ?? '',
        route: record.route ?? '',
        version: record.assigned ?? '',
        consumer: record.consumer ?? '',
        outcome: record.outcome,
        currency: record.cost?.currency ?? '',
      })
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
      for (const row of back) {
        const newer = rows.get(idOf(row))
        rows.set(
          idOf(row),
          newer === undefined
            ? row
            : {
                ...row,
                requests: row.requests + newer.requests,
                tokensIn: row.tokensIn + newer.tokensIn,
                tokensCached: row.tokensCached + newer.tokensCached,
                tokensOut: row.tokensOut + newer.tokensOut,
                cost: row.cost + newer.cost,
                total: row.total.merge(newer.total),
                firstToken: row.firstToken.merge(newer.firstToken),
              },
        )
      }
    },
  }
}

function idOf({ minute, gateway, namespace, route, version, consumer, outcome, currency }: UsageKey): string {
  return [minute, gateway, namespace, route, version, consumer, outcome, currency].join('\u0000')
}
