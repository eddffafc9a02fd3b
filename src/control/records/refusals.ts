/**
 * Who was refused by which limit in the last hour, by the minute. Folded from the records as they come; after a restart of control filled up
 * from the segments on disk. Bounded: a minute keeps so many different callers, the rest of it is counted without a name.
 */
import type { FinishedRecord } from '../../monitoring/request-records.ts'
import { momentOf } from './moment.ts'

export interface RefusedCaller {
  /** Empty: those beyond the ones that are kept by name. */
  readonly consumer: string
  readonly key: string
  readonly route: string
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly last: number
}

export interface LimitRefusals {
  readonly namespace: string
  readonly limit: string
  readonly count: number
  readonly last: number
  /** One value a minute, the last hour's, oldest first. */
  readonly minutes: readonly number[]
  /** Most refused first. */
  readonly callers: readonly RefusedCaller[]
}

export interface Refusals {
  add(record: FinishedRecord): void
  report(now: number): LimitRefusals[]
}

const MINUTE_MS = 60_000
const MINUTES = 60
const MOST_MINUTES = 2 * MINUTES + 2
const MOST_PER_MINUTE = 1_000

interface Counted {
  readonly namespace: string
  readonly limit: string
  readonly consumer: string
  readonly key: string
  readonly route: string
  count: number
  last: number
}

export function createRefusals(): Refusals {
  const minutes = new Map<number, Map<string, Counted>>()
  return {
    add(record) {
      if (record.outcome !== 'limited' || record.limit === undefined) return
      const time = momentOf(record)
      const at = Math.floor(time / MINUTE_MS)
      let minute = minutes.get(at)
      if (!minute) {
        minute = new Map()
        minutes.set(at, minute)
        // By when they came, not by what they say: a clock that is set back must not hide what happens now.
        for (const first of minutes.keys()) if (minutes.size > MOST_MINUTES) minutes.delete(first)
      }
      const { namespace = 'default', limit, consumer = '', key = '', route = '' } = record
      const named = { namespace, limit, consumer, key, route }
      const who = minute.size < MOST_PER_MINUTE || minute.has(keyOf(named)) ? named : { namespace, limit, consumer: '', key: '', route: '' }
      const counted = minute.get(keyOf(who))
      if (!counted) return void minute.set(keyOf(who), { ...who, count: 1, last: time })
      counted.count += 1
      counted.last = Math.max(counted.last, time)
    },

    report(now) {
      const end = Math.floor(now / MINUTE_MS)
      const limits = new Map<string, { namespace: string; limit: string; minutes: number[]; callers: Map<string, Counted> }>()
      for (const [at, minute] of minutes) {
        const place = MINUTES - 1 - (end - at)
        if (place < 0 || place >= MINUTES) continue
        for (const [key, counted] of minute) {
          const { namespace, limit } = counted
          const about = `${namespace}/${limit}`
          let found = limits.get(about)
          if (!found) {
            found = { namespace, limit, minutes: new Array<number>(MINUTES).fill(0), callers: new Map() }
            limits.set(about, found)
          }
          found.minutes[place]! += counted.count
          const caller = found.callers.get(key)
          if (!caller) found.callers.set(key, { ...counted })
          else {
            caller.count += counted.count
            caller.last = Math.max(caller.last, counted.last)
          }
        }
      }
      return [...limits.values()].map(({ namespace, limit, minutes: each, callers }) => {
        const all = [...callers.values()].map(({ consumer, key, route, count, last }) => ({ consumer, key, route, count, last }))
        return {
          namespace,
          limit,
          count: all.reduce((sum, { count }) => sum + count, 0),
          last: Math.max(...all.map(({ last }) => last)),
          minutes: each,
          callers: all.sort((a, b) => b.count - a.count),
        }
      })
    },
  }
}

function keyOf({ namespace, limit, consumer, key, route }: Omit<Counted, 'count' | 'last'>): string {
  return [namespace, limit, consumer, key, route].join('\0')
}
