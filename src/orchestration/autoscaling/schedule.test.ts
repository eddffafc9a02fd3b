import { expect, it } from 'vitest'
import { IDLE, itIsAPolicy } from './policy.contract.ts'
import { schedulePolicy } from './schedule.ts'

const DAY = [
  { minute: 20 * 60, instances: 3 },
  { minute: 8 * 60, instances: 10 },
]
const at = (hours: number, midnight = 0) => schedulePolicy(DAY, midnight).decide(null, IDLE, hours * 3_600_000)

it.each([
  [0, 3],
  [7.99, 3],
  [8, 10],
  [19.99, 10],
  [20, 3],
  [24 + 9, 10],
  [-1, 3],
])('at %d o’clock: %d', (hours, wanted) => {
  expect(at(hours).wanted).toBe(wanted)
})

it('says since when', () => {
  expect(at(9).reason).toBe('10 instances since 08:00.')
})

it('begins its day when it is told to', () => {
  expect(at(1, -7.5 * 3_600_000).wanted).toBe(10)
})

it('wants an entry', () => {
  expect(() => schedulePolicy([])).toThrow(RangeError)
})

itIsAPolicy(schedulePolicy(DAY))
