import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideRestart, NO_HISTORY, type RestartHistory } from './restart-policy.ts'

test('a process that ends quickly again and again waits longer and longer, up to a minute', () => {
  const delays: number[] = []
  let history: RestartHistory = NO_HISTORY
  for (let i = 0; i < 10; i++) {
    const decision = decideRestart(history, 200)
    delays.push(decision.delayMs)
    history = decision.history
  }
  expect(delays).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
})

test.each([
  { name: 'ready for 10 s: back at once, and the past is forgotten', history: { quickEnds: 5 }, readyMs: 10_000, delayMs: 0, quickEnds: 0 },
  { name: 'ready for less: one more quick end', history: { quickEnds: 5 }, readyMs: 9_999, delayMs: 16_000, quickEnds: 6 },
  { name: 'never ready, however long it tried', history: { quickEnds: 3 }, readyMs: 0, delayMs: 4_000, quickEnds: 4 },
  { name: 'the first quick end is forgiven', history: { quickEnds: 0 }, readyMs: 0, delayMs: 0, quickEnds: 1 },
])('$name', ({ history, readyMs, delayMs, quickEnds }) => {
  expect(decideRestart(history, readyMs)).toEqual({ delayMs, history: { quickEnds } })
})

test('whatever the past, the wait is between 0 and 60 s', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(2_000_000), (quickEnds, readyMs) => {
      const { delayMs } = decideRestart({ quickEnds }, readyMs)
      return delayMs >= 0 && delayMs <= 60_000
    }),
  )
})
