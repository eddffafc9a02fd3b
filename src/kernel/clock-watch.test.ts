import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { manualClock } from './clock.ts'
import { clockTrouble, watchClock } from './clock-watch.ts'
import { createLog } from './log.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a clock that is set back is told once, for as long as it is behind; seconds are not worth a word', () => {
  const clock = manualClock()
  const lines: string[] = []
  const stop = watchClock(
    clock,
    createLog('test', (line) => lines.push((JSON.parse(line) as { message: string }).message)),
  )
  clock.set(-5_000)
  vi.advanceTimersByTime(20_000)
  expect(clockTrouble(clock)).toBeUndefined()
  expect(lines).toEqual([])
  clock.set(-3_600_000)
  vi.advanceTimersByTime(60_000)
  expect(clockTrouble(clock)).toMatch(/^The clock of this machine was set back by 60m: /)
  expect(lines).toHaveLength(1)
  clock.set(3_700_000)
  vi.advanceTimersByTime(60_000)
  expect(clockTrouble(clock)).toBeUndefined()
  expect(lines).toHaveLength(2)
  stop()
  clock.set(-3_600_000)
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(2)
})
