import { expect, it } from 'vitest'
import { externalDefaults, externalPolicy } from './external.ts'
import { IDLE, itIsAPolicy } from './policy.contract.ts'
import type { Sample } from './policy.ts'

const policy = externalPolicy(externalDefaults(10))
const first = (sample: Partial<Sample>, now = 0) => policy.decide(policy.start, { ...IDLE, ...sample }, now)

it.each<[string, Partial<Sample>, number]>([
  ['grows to the value over the target', { ready: 2, external: { value: 38, answeredAt: 0 } }, 4],
  ['counts those that start', { ready: 2, starting: 2, external: { value: 38, answeredAt: 0 } }, 4],
  ['within a tenth is close enough', { ready: 4, external: { value: 43, answeredAt: 0 } }, 4],
  ['grows from none', { ready: 0, external: { value: 3, answeredAt: 0 } }, 1],
  ['takes nothing below none', { ready: 0, external: { value: -50, answeredAt: 0 } }, 0],
])('%s', (_name, sample, wanted) => {
  expect(first(sample).wanted).toBe(wanted)
})

it('lets go to the highest of five minutes, to nothing', () => {
  let state = policy.start
  const wanted = Array.from({ length: 42 }, (_, i) => {
    const now = i * 15_000
    const value = i < 20 ? 40 : 0
    const decision = policy.decide(state, { ...IDLE, at: now, ready: 4, external: { value, answeredAt: now } }, now)
    state = decision.state
    return decision.wanted
  })
  expect(wanted.slice(19, 39).every((count) => count === 4)).toBe(true)
  expect(wanted.at(-1)).toBe(0)
})

it('goes on with the last answer for five minutes, and then stays as it is and says so', () => {
  const external = { value: 90, answeredAt: 0, problem: 'no answer: none within 10 s' }
  expect(first({ ready: 5, external }, 300_000).wanted).toBe(9)
  expect(first({ ready: 5, external: { ...external, problem: 'HTTP 500' } }, 40_000).reason).toBe(
    '90 on 5 instances, target 10 each: 9 recommended; the figure is 40 s old: HTTP 500.',
  )
  const late = first({ ready: 5, external }, 360_000)
  expect([late.wanted, late.reason]).toEqual([5, 'There is no answer for 6 min (no answer: none within 10 s), so it stays as it is.'])
  const never = first({ ready: 5, external: { problem: 'HTTP 400' } })
  expect([never.wanted, never.reason]).toEqual([5, 'There is no answer yet (HTTP 400), so it stays as it is.'])
  // And the next answer is not waited on.
  const then = policy.decide(late.state, { ...IDLE, ready: 5, external: { value: 80, answeredAt: 361_000 } }, 361_000)
  expect(then.wanted).toBe(8)
})

itIsAPolicy(policy)
