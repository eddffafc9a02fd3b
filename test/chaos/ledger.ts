/** The records of requests as the disk has them, and as control has counted them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { homeAt } from '../../src/kernel/home.ts'
import type { FinishedRecord, RequestRecord } from '../../src/monitoring/request-records.ts'
import type { System } from '../harness/system.ts'

/** All `finished` records, by request id. A last line that a kill has cut is none. */
export function finishedRecords(system: System): Map<string, FinishedRecord[]> {
  const found = new Map<string, FinishedRecord[]>()
  const { records } = homeAt(system.home)
  for (const gateway of readdirSync(records)) {
    for (const segment of readdirSync(join(records, gateway))) {
      const lines = readFileSync(join(records, gateway, segment), 'utf8').split('\n')
      for (const line of lines.slice(0, -1)) {
        const record = JSON.parse(line) as RequestRecord
        if (record.type === 'finished') found.set(record.id, [...(found.get(record.id) ?? []), record])
      }
    }
  }
  return found
}

/** Requests that the store has counted, at whatever time: also in what is the future after a clock was set back. */
export async function countedRequests(system: System): Promise<number> {
  const { items } = await system.control<{ items: { requests: number }[] }>('GET', `/usage/consumers?from=0&to=${Date.now() + 86_400_000}`)
  return items.reduce((sum, { requests }) => sum + requests, 0)
}
