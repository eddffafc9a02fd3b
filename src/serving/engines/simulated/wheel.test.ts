import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Wheel } from './wheel.ts'

describe('Wheel', () => {
  let now = 0
  beforeEach(() => {
    now = 1_000
    vi.useFakeTimers()
  })
  afterEach(() => vi.useRealTimers())
  const pass = (ms: number) => {
    now += ms
    vi.advanceTimersByTime(ms)
  }

  it('calls back in order of time, not before it, and within a step', () => {
    const wheel = new Wheel(() => now)
    const called: string[] = []
    wheel.at(1_052, () => called.push('b'))
    wheel.at(1_021, () => called.push('a'))
    for (let i = 0; i < 4; i++) pass(5)
    expect(called).toEqual([])
    pass(5)
    expect(called).toEqual(['a'])
    for (let i = 0; i < 6; i++) pass(5)
    expect(called).toEqual(['a', 'b'])
  })

  it('catches up after the process was held', () => {
    const wheel = new Wheel(() => now)
    const called: number[] = []
    for (const time of [1_010, 1_500, 9_000]) wheel.at(time, () => called.push(time))
    now += 20_000
    vi.advanceTimersByTime(5)
    expect(called).toEqual([1_010, 1_500, 9_000])
  })

  it('runs no timer when nothing is due, and starts again', () => {
    const wheel = new Wheel(() => now)
    let count = 0
    wheel.at(1_005, () => count++)
    for (let i = 0; i < 3; i++) pass(5)
    expect([count, vi.getTimerCount()]).toEqual([1, 0])
    now += 60_000
    wheel.at(now + 5, () => count++)
    for (let i = 0; i < 3; i++) pass(5)
    expect(count).toBe(2)
    wheel.close()
  })
})
