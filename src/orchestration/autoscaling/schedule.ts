/** So many instances from a time of day on. For load that comes by the clock; alone it knows nothing of load that does not. */
import { counted, type Policy } from './policy.ts'

export interface ScheduleEntry {
  /** Minutes after midnight, UTC. */
  readonly minute: number
  readonly instances: number
}

const DAY_MINUTES = 1440

/** @param midnight A time, on the policy's clock, at which a day begins. */
export function schedulePolicy(entries: readonly ScheduleEntry[], midnight = 0): Policy<null> {
  if (entries.length === 0) throw new RangeError('a schedule needs an entry')
  const sorted = entries.toSorted((a, b) => a.minute - b.minute)
  return {
    name: 'schedule',
    start: null,
    decide(_state, _sample, now) {
      const minute = ((((now - midnight) / 60_000) % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES
      // Before the first of the day the last of the day before holds.
      const { minute: since, instances } = sorted.findLast((entry) => entry.minute <= minute) ?? sorted.at(-1)!
      return { wanted: instances, reason: `${counted(instances, 'instance')} since ${clock(since)}.`, inputs: { minute }, state: null }
    },
  }
}

export const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(Math.floor(minute % 60)).padStart(2, '0')}`
