import type { RequestRecord } from '../../monitoring/request-records.ts'

let last = ''
let lastMs = Number.NaN

/** When a record was written, milliseconds since the epoch. Several ask it of each record, and under load many records share their millisecond. */
export function momentOf({ time }: Pick<RequestRecord, 'time'>): number {
  if (time !== last) {
    last = time
    lastMs = Date.parse(time)
  }
  return lastMs
}
