import { describe, expect, it } from 'vitest'
import { bounded } from './bounds.ts'
import { type ObjectiveSettings, objectivePolicy } from './objective.ts'
import { IDLE, itIsAPolicy } from './policy.contract.ts'
import type { Sample } from './policy.ts'

/** A request of 1,000 tokens that writes 100 is a second of an instance; more than 0.8 of that a second is too much. */
const SETTINGS: ObjectiveSettings = {
  ...{ objectiveMs: 2_000, startupMs: 60_000, tokensOut: 100, allowedMisses: 0.05 },
  costs: { request: 0, tokenIn: 0.0005, tokenOut: 0.005 },
  curve: [
    { load: 0.4, missShare: 0 },
    { load: 0.6, missShare: 0.01 },
    { load: 0.7, missShare: 0.05 },
    { load: 0.8, missShare: 0.5 },
  ],
}

/** The load at each tick in requests a second; instances are there at once when they were wanted a minute ago. */
function run(loads: readonly number[], change: Partial<ObjectiveSettings> = {}, misses: (rate: number, ready: number) => number = () => 0) {
  const policy = bounded(objectivePolicy({ ...SETTINGS, ...change }), { min: 1, max: 100 })
  let state = policy.start
  const wanted: number[] = []
  const reasons: string[] = []
  for (const [tick, arrivals] of loads.entries()) {
    const at = (tick + 1) * 2_000
    const ready = Math.min(...wanted.slice(-30), wanted.at(-1) ?? 1)
    const sample: Sample = {
      ...{ ...IDLE, at, ready, starting: (wanted.at(-1) ?? 1) - ready, arrivals, completions: arrivals, concurrency: arrivals * 5 },
      ...{ tokensIn: arrivals * 1_000, tokensOut: arrivals * 100, misses: misses(arrivals, ready) },
    }
    const decision = policy.decide(state, sample, at)
    state = decision.state
    wanted.push(decision.wanted)
    reasons.push(decision.reason)
  }
  return { wanted, reasons, state }
}

const HOUR = 1_800
const steady = (rate: number, ticks = HOUR) => new Array<number>(ticks).fill(rate)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('a steady load', () => {
  it('gets what the load curve says and no more', () => {
    // 8 requests/s are 8 instance-seconds a second: 5 % are late at 0.7 an instance, 1 % at 0.6.
    const { wanted } = run(steady(8), {}, (rate, ready) => (rate / ready > 0.69 ? 0.05 * rate : 0))
    expect(mean(wanted.slice(-300))).toBeGreaterThanOrEqual(11)
    expect(mean(wanted.slice(-300))).toBeLessThanOrEqual(13)
  })

  it('gets more the fewer misses are allowed, and more the heavier it is', () => {
    const allowed = [0.2, 0.05, 0.01, 0.001].map((allowedMisses) => run(steady(8), { allowedMisses }, (rate) => 0.02 * rate).wanted.at(-1)!)
    expect(allowed).toEqual(allowed.toSorted((a, b) => a - b))
    expect(allowed.at(-1)).toBeGreaterThan(allowed[0]!)
    const heavier = [2, 4, 8, 16, 32].map((rate) => run(steady(rate, 900)).wanted.at(-1)!)
    expect(heavier).toEqual([...new Set(heavier)].toSorted((a, b) => a - b))
  })

  it('gets more where more is missed than was foreseen', () => {
    const as = (share: number) => run(steady(8), {}, (rate) => share * rate).wanted.at(-1)!
    expect(as(0.2)).toBeGreaterThan(as(0))
  })
})

describe('a load that moves', () => {
  it('is followed up within three minutes, though it never moved before, and down again', () => {
    const { wanted } = run([...steady(4), ...steady(8, 300), ...steady(4)])
    expect(wanted[HOUR + 90]).toBeGreaterThanOrEqual(10)
    expect(wanted.at(-1)).toBeLessThanOrEqual(wanted[HOUR - 1]! + 3)
  })

  it('and is ten times what it was is met within ten seconds, for as long as it lasts', () => {
    const { wanted, reasons } = run([...steady(4), ...steady(40, 150), ...steady(4, 300)])
    expect(wanted[HOUR + 4]).toBeGreaterThanOrEqual(30)
    expect(reasons[HOUR + 4]).toMatch(/far more than all that is ready can bear, so 1\.1 times what came in the last seconds/)
    expect(Math.min(...wanted.slice(HOUR + 10, HOUR + 150))).toBeGreaterThanOrEqual(50)
    expect(wanted.at(-1)).toBeLessThan(20)
  })

  it('that comes in storms shorter than a start is met with instances that stay', () => {
    // Every two minutes 24 requests/s for ten seconds, else 3: in the mean 4.75.
    const storms = Array.from({ length: 3 * HOUR }, (_, tick) => (tick % 60 < 5 ? 24 : 3))
    const late = run(storms, {}, (rate, ready) => (rate / ready > 0.8 ? rate : 0)).wanted.slice(-600)
    expect(Math.min(...late)).toBeGreaterThan(8)
    expect(Math.max(...late) - Math.min(...late)).toBeLessThanOrEqual(8)
  })

  it('that ends lets the last instance go only after ten minutes', () => {
    const policy = objectivePolicy(SETTINGS)
    let state = policy.start
    const wanted = [...steady(1, 300), ...steady(0, 400)].map((arrivals, tick) => {
      const decision = policy.decide(state, { ...IDLE, at: tick * 2_000, arrivals, tokensIn: arrivals * 1_000 }, tick * 2_000)
      state = decision.state
      return decision.wanted
    })
    expect(wanted[300 + 290]).toBe(1)
    expect(wanted.at(-1)).toBe(0)
  })
})

describe('a load that comes when nothing runs', () => {
  const policy = bounded(objectivePolicy({ ...SETTINGS, startupMs: 10_000, idleMs: 60_000 }), { min: 0, max: 20 })
  /** Nothing for ten minutes, then 4 requests a second, which are work for 5 instances; all that come before the first is ready wait. */
  const wanted: number[] = []
  let state = policy.start
  for (let tick = 1; tick <= 900; tick++) {
    const at = tick * 2_000
    const arrivals = tick <= 300 ? 0 : 4
    const ready = wanted.length < 5 ? 0 : Math.min(...wanted.slice(-5))
    const queued = ready === 0 ? Math.max(0, tick - 300) * 8 : 0
    const starting = Math.max(0, (wanted.at(-1) ?? 0) - ready)
    const load = { arrivals, tokensIn: arrivals * 1_000, tokensOut: arrivals * 100, completions: arrivals, concurrency: arrivals * 5 }
    const decision = policy.decide(state, { ...IDLE, at, ready, starting, queued, ...load, misses: queued / 2 }, at)
    state = decision.state
    wanted.push(decision.wanted)
  }

  it('is met within seconds', () => {
    expect(wanted[299]).toBe(0)
    expect(wanted[303]).toBeGreaterThan(2)
    expect(wanted[300 + 15]).toBeGreaterThanOrEqual(6)
  })

  it('and that they waited is no reason to have more for hours', () => {
    expect(Math.max(...wanted.slice(360))).toBeLessThanOrEqual(9)
  })
})

it('learns no habits from how the first load came to what was idle', () => {
  // Three waited a minute for those whom they had started; afterwards nobody does.
  const busy = (tick: number, rate: number, ready: number) => (tick < 60 && rate > ready ? rate : 0)
  const idle = [1, ...steady(0, 20)]
  let tick = 0
  const after = run([...idle, ...steady(3, 450)], { startupMs: 20_000 }, (rate, ready) => busy(tick++, rate, ready)).wanted
  expect(mean(after.slice(-100))).toBeLessThanOrEqual(5)
})

it('takes nothing away from a fleet that it takes over, before it has seen what it is for', () => {
  const policy = objectivePolicy(SETTINGS)
  let state = policy.start
  const wanted = Array.from({ length: 300 }, (_, tick) => {
    const sample = { ...IDLE, at: tick * 2_000, ready: 7, arrivals: 0.5, tokensIn: 500, completions: 0.5, tokensOut: 50, concurrency: 0.5 }
    const decision = policy.decide(state, sample, sample.at)
    state = decision.state
    return decision.wanted
  })
  expect(new Set(wanted.slice(0, 60))).toEqual(new Set([7]))
  expect(wanted.at(-1)).toBeLessThan(3)
})

it('asks for fewer where less is missed than the arithmetic foresaw of the fleet that there is', () => {
  // The same loads and the same fleets: in the one all is as foreseen, in the other nobody was late.
  const mean = (misses: number) => {
    const { wanted } = run(steady(8), { allowedMisses: 0.02 }, (rate, ready) => (rate / ready > 0.6 ? misses * rate : 0))
    return wanted.slice(-600).reduce((sum, count) => sum + count, 0) / 600
  }
  expect(mean(0)).toBeLessThan(mean(0.05))
})

it('asks for more where a queue is there', () => {
  const policy = objectivePolicy(SETTINGS)
  const inner = run(steady(4)).state.policy as never
  const at = (HOUR + 1) * 2_000
  const sample = { ...IDLE, at, ready: 6, arrivals: 4, tokensIn: 4_000, completions: 4, tokensOut: 400 }
  const [calm, queued] = [0, 240].map((waiting) => policy.decide(inner, { ...sample, queued: waiting }, at))
  expect(queued!.wanted - calm!.wanted).toBeGreaterThanOrEqual(4)
  expect(queued!.reason).toMatch(/more for the 240 requests that wait/)
})

it('says in a sentence what it saw, what it forecast and why', () => {
  const { reasons } = run(steady(4))
  expect(reasons[10]).toMatch(
    /^4 requests\/s are work for 5 busy instances; too new to know its habits, so 1\.4 times the last minute's mean: \d+\.$/,
  )
  expect(reasons.at(-1)).toMatch(
    /^4 requests\/s are work for 5 busy instances; 5 are forecast \(.+\) and [\d.]+ times that is the cheapest/,
  )
})

it.each([0, 1, -0.1, Number.NaN])('is refused with %d allowed misses', (allowedMisses) => {
  expect(() => objectivePolicy({ ...SETTINGS, allowedMisses })).toThrow(RangeError)
})

itIsAPolicy(objectivePolicy(SETTINGS))
