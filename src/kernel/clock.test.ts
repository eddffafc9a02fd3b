import { expect, test } from 'vitest'
import { clockOf, manualClock } from './clock.ts'

test('the latest time follows the wall forward, and never goes back with it', () => {
  const clock = manualClock(1_000_000)
  expect(clock.latest()).toBe(1_000_000)
  clock.set(500)
  expect(clock.latest()).toBe(1_000_500)
  clock.set(-3_600_000)
  expect(clock.latest()).toBe(1_000_500)
  clock.advance(100)
  expect({ now: clock.now(), latest: clock.latest(), monotonic: clock.monotonic() }).toEqual({
    now: 1_000_500 - 3_600_000 + 100,
    latest: 1_000_600,
    monotonic: 100,
  })
  clock.set(3_700_000)
  expect(clock.latest()).toBe(clock.now())
})

test('the latest time is whole milliseconds, whatever fractions the monotonic clock tells', () => {
  let elapsed = 0.3
  const clock = clockOf(
    () => 1_700_000_000_000 + Math.floor(elapsed),
    () => elapsed,
  )
  let before = clock.latest()
  for (; elapsed < 50; elapsed += 0.173) {
    const latest = clock.latest()
    expect(Number.isInteger(latest)).toBe(true)
    expect(latest).toBeGreaterThanOrEqual(before)
    expect(Math.abs(latest - clock.now())).toBeLessThanOrEqual(1)
    before = latest
  }
})
