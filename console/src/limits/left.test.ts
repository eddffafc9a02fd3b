import { describe, expect, it } from 'vitest'
import type { RuleState } from '../../../src/resources/snapshot.ts'
import { leftOf, ruleInWords, subjectInWords } from './left.ts'

const state = (more: Partial<RuleState>): RuleState => ({
  ...{ namespace: 'default', limit: 'small', rule: 0, sort: 'requests', subject: 'default/web', most: 5, left: 5, resetMs: 0 },
  ...more,
})
const limit = { namespace: 'default', name: 'small', rules: [{ requests: 10, every: '1m' }, { concurrent: 4 }] } as const

describe('what is left', () => {
  it('is the sum of the gateways’ shares, also of those that have not seen the caller', () => {
    const [web] = leftOf(limit, [
      { id: 'gateway-0', states: [state({ left: 1, resetMs: 24_000 })], more: 0 },
      { id: 'gateway-1', states: [], more: 0 },
    ])
    expect(web).toMatchObject({ subject: 'default/web', left: 6, most: 10, resetMs: 24_000 })
    expect(web!.shares).toEqual([
      { gateway: 'gateway-0', left: 1, most: 5 },
      { gateway: 'gateway-1', left: 5, most: 5 },
    ])
  })

  it('counts a limit that one gateway owns once', () => {
    const [web] = leftOf(limit, [
      { id: 'gateway-0', states: [state({ most: 10, left: 3 })], more: 0 },
      { id: 'gateway-1', states: [], more: 0 },
    ])
    expect(web).toMatchObject({ left: 3, most: 10 })
  })

  it('leaves out who did not answer, and what belongs to another limit; the tightest comes first', () => {
    const all = leftOf(limit, [
      {
        id: 'gateway-0',
        states: [
          state({ subject: 'default/a', left: 4 }),
          state({ subject: 'default/b', left: 0 }),
          state({ limit: 'other', left: 0 }),
          state({ rule: 1, sort: 'concurrent', subject: 'default/a', most: 4, left: 2, resetMs: undefined }),
        ],
        more: 0,
      },
      { id: 'gateway-1', problem: 'it said nothing', states: [], more: 0 },
    ])
    expect(all.map(({ subject, sort, left, most }) => [subject, sort, left, most])).toEqual([
      ['default/b', 'requests', 0, 5],
      ['default/a', 'concurrent', 2, 4],
      ['default/a', 'requests', 4, 5],
    ])
  })
})

it('rules in words', () => {
  expect(ruleInWords({ requests: 120, every: '1m' })).toBe('120 requests a minute')
  expect(ruleInWords({ tokens: 40_000, every: '90s', burst: 1_000 })).toBe('40,000 tokens in 90s, at most 1,000 at once')
  expect(ruleInWords({ concurrent: 4 })).toBe('4 at the same time')
  expect([subjectInWords(''), subjectInWords('default/web'), subjectInWords('shop/web')]).toEqual(['all together', 'web', 'shop/web'])
})
