import { expect, test } from 'vitest'
import { type Claim, RESERVED_BYTES, turnedAway } from './admission.ts'

const GB = 1_000_000_000
const claim = (id: string, memoryBytes?: number, placed = false): Claim => ({
  instance: { id, ...(memoryBytes === undefined ? {} : { limits: { memoryBytes } }) },
  placed,
})
const total = RESERVED_BYTES + 10 * GB

test('what does not fit says by how much, and what comes after it and fits is placed', () => {
  const away = turnedAway([claim('a', 6 * GB), claim('b', 5 * GB), claim('c', 4 * GB)], total)
  expect([...away]).toEqual([
    ['b', 'not enough memory: it needs 5.00 GB, and of 10.0 GB for instances here 4.00 GB are not taken: 1.00 GB too much'],
  ])
})

test('what runs is not turned out for another, though it should never have been let in', () => {
  const away = turnedAway([claim('new', 3 * GB), claim('old', 12 * GB, true)], total)
  expect([...away.keys()]).toEqual(['new'])
  expect(away.get('new')).toContain('0 B are not taken: 3.00 GB too much')
})

test('what does not say what it needs is let in', () => {
  expect(turnedAway([claim('a'), claim('b', 10 * GB)], total).size).toBe(0)
  expect(turnedAway([claim('a', 1)], 0).size).toBe(1)
})
