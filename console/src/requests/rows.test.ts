import { describe, expect, it } from 'vitest'
import { finishedRecord } from '../../../src/control/records/example-records.ts'
import { merged, newestFirst, reachesBack } from './rows.ts'

const rows = (...seconds: number[]) =>
  newestFirst(seconds.map((s) => finishedRecord({ id: `r${s}`, time: new Date(Date.UTC(2026, 10, 25, 10, 0, s)).toISOString() })))
const ids = (all: readonly { id: string }[]) => all.map(({ id }) => Number(id.slice(1)))

describe('rows', () => {
  it('are newest first, whatever order they came in, each once', () => {
    expect(ids(rows(1, 3, 2))).toEqual([3, 2, 1])
    expect(ids(merged(rows(9, 7, 5), rows(8, 7, 6, 1), 100))).toEqual([9, 8, 7, 6, 5, 1])
    expect(ids(merged([], rows(2, 1), 100))).toEqual([2, 1])
  })

  it('are bounded: the oldest go', () => {
    expect(ids(merged(rows(9, 8), rows(7, 6, 5), 3))).toEqual([9, 8, 7])
    expect(ids(merged(rows(9, 8, 7), [], 2))).toEqual([9, 8])
  })

  it('know a gap when there is one', () => {
    expect(reachesBack(rows(9, 8, 7), true, rows(7, 6))).toBe(true)
    expect(reachesBack(rows(9, 8), true, rows(5))).toBe(false)
    expect(reachesBack(rows(9, 8), false, rows(5))).toBe(true)
    expect(reachesBack([], true, rows(5))).toBe(false)
    expect(reachesBack(rows(9), true, [])).toBe(true)
  })
})
