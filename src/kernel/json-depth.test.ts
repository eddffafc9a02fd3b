import { expect, it } from 'vitest'
import { isDeeperThan } from './json-depth.ts'

it('counts levels of lists and mappings, however many there are', () => {
  expect(isDeeperThan(0, 'text')).toBe(false)
  expect(isDeeperThan(0, {})).toBe(true)
  expect(isDeeperThan(2, { a: [1, 'x', null] })).toBe(false)
  expect(isDeeperThan(1, { a: [] })).toBe(true)
  expect(isDeeperThan(2, [1, { a: 1 }, { b: { c: 1 } }])).toBe(true)
  expect(isDeeperThan(64, JSON.parse('['.repeat(1_000_000) + ']'.repeat(1_000_000)))).toBe(true)
})
