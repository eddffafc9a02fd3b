import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { manualClock } from './clock.ts'
import { createDeadlines } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const setup = () => {
  const clock = manualClock()
  const passed = (ms: number) => {
    for (let i = 0; i < ms; i++) {
      clock.advance(1)
      vi.advanceTimersByTime(1)
    }
  }
  return { deadlines: createDeadlines(clock), passed }
}

test('a deadline comes once, in its time, and not when it was cleared or moved', () => {
  const { deadlines, passed } = setup()
  const came: string[] = []
  deadlines.start(100, () => came.push('first'))
  const second = deadlines.start(100, () => came.push('second'))
  const third = deadlines.start(100, () => came.push('third'))
  passed(90)
  second.clear()
  third.extend(200)
  passed(9)
  expect(came).toEqual([])
  passed(21)
  expect(came).toEqual(['first'])
  passed(160)
  expect(came).toEqual(['first'])
  passed(40)
  expect(came).toEqual(['first', 'third'])
  expect(deadlines.size()).toBe(0)
})

test('nothing ticks while nothing is due', () => {
  const { deadlines, passed } = setup()
  deadlines.start(1_000, () => undefined).clear()
  expect(vi.getTimerCount()).toBe(1)
  passed(20)
  expect(vi.getTimerCount()).toBe(0)
  let came = 0
  deadlines.start(10, () => {
    came += 1
    deadlines.start(10, () => (came += 1))
  })
  passed(60)
  expect(came).toBe(2)
  expect(vi.getTimerCount()).toBe(0)
})

test('whatever the others do when one comes, each comes once or was cleared', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ ms: fc.nat(60), clears: fc.array(fc.nat(20), { maxLength: 3 }), starts: fc.boolean() }), { maxLength: 20 }),
      (plan) => {
        const { deadlines, passed } = setup()
        const fate = plan.map(() => 'running')
        let later = 0
        const running = plan.map(({ ms, clears, starts }, i) =>
          deadlines.start(ms, () => {
            expect(fate[i]).toBe('running')
            fate[i] = 'came'
            for (const other of clears) {
              if (fate[other] === 'running') fate[other] = 'cleared'
              running[other]?.clear()
            }
            if (starts) deadlines.start(5, () => (later += 1))
          }),
        )
        passed(120)
        expect(fate).not.toContain('running')
        expect(later).toBe(plan.filter(({ starts }, i) => starts && fate[i] === 'came').length)
        expect(deadlines.size()).toBe(0)
      },
    ),
    { seed: 7, numRuns: 200 },
  )
})
