/** What every policy keeps, whatever it decides. Each policy's test calls this with itself. */
import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import { bounded } from './bounds.ts'
import type { Policy, Sample } from './policy.ts'

export const IDLE: Sample = {
  ...{ at: 0, periodMs: 2_000, ready: 1, starting: 0, draining: 0, concurrency: 0, queued: 0, oldestWaitMs: 0 },
  ...{ arrivals: 0, tokensIn: 0, tokensOut: 0, completions: 0, kvUse: 0, misses: 0 },
}

/** A world that does what a policy wants: instances are ready 60 s after they were wanted, and load wanders, rests and jumps. */
function* world(seed: number, ticks: number): Generator<Sample, void, number> {
  const { uniform, normal } = randomFrom(seed)
  let births: number[] = []
  let rate = 5
  for (let tick = 1; tick <= ticks; tick++) {
    const at = tick * 2_000
    if (uniform() < 0.01) rate = uniform() < 0.2 ? 0 : 40 * uniform() ** 2
    const arrivals = Math.max(0, rate * (1 + 0.3 * normal()))
    const ready = births.filter((born) => born + 60_000 <= at).length
    const concurrency = arrivals * 8
    const queued = Math.max(0, Math.round(concurrency - ready * 20))
    const wanted = yield {
      ...{ ...IDLE, at, ready, starting: births.length - ready, concurrency, queued, oldestWaitMs: queued > 0 ? 1_000 : 0 },
      ...{ arrivals, tokensIn: arrivals * 900, tokensOut: arrivals * 150, completions: arrivals, misses: queued / 10 },
    }
    births = births.length > wanted ? births.slice(0, wanted) : [...births, ...new Array<number>(wanted - births.length).fill(at)]
  }
}

export function itIsAPolicy(policy: Policy<never> | Policy): void {
  const run = (seed: number, ticks: number, breakAt: number | undefined, bounds: { min: number; max: number }) => {
    const one = bounded(policy as Policy, bounds)
    let state = one.start
    const decisions: { wanted: number; asked: number; reason: string }[] = []
    const samples = world(seed, ticks)
    for (let next = samples.next(0); !next.done; ) {
      if (decisions.length === breakAt) state = JSON.parse(JSON.stringify(state))
      const { wanted, asked, reason, state: after } = one.decide(state, next.value, next.value.at)
      decisions.push({ wanted, asked, reason })
      state = after
      next = samples.next(wanted)
    }
    return decisions
  }

  describe('as every policy', () => {
    it.each([1, 2, 3])('goes on after its state was stored as JSON as if nothing had been (seed %i)', (seed) => {
      const whole = run(seed, 600, undefined, { min: 1, max: 40 })
      expect(run(seed, 600, 250, { min: 1, max: 40 })).toEqual(whole)
    })

    it.each([4, 5])('wants whole numbers within its bounds and says why in a sentence (seed %i)', (seed) => {
      for (const { wanted, asked, reason } of run(seed, 400, undefined, { min: 2, max: 9 })) {
        expect(Number.isInteger(wanted) && wanted >= 2 && wanted <= 9).toBe(true)
        expect(Number.isFinite(asked) && asked >= 0).toBe(true)
        expect(reason).toMatch(/^[\w\d].*\.$/)
      }
    })

    it('changes neither its state nor the sample that it is given', () => {
      const freeze = (value: unknown): void => {
        if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
        Object.freeze(value)
        for (const inner of Object.values(value)) freeze(inner)
      }
      let state = policy.start as unknown
      const samples = world(6, 200)
      for (let next = samples.next(0); !next.done; ) {
        freeze(state)
        freeze(next.value)
        const decision = (policy as Policy).decide(state, next.value, next.value.at)
        state = decision.state
        next = samples.next(Math.min(40, Math.max(1, decision.wanted)))
      }
    })
  })
}
