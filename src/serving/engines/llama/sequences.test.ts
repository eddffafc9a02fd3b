import { describe, expect, it } from 'vitest'
import { Sequences, sharedBeginning } from './sequences.ts'

describe('Sequences', () => {
  it('gives out the lowest free id first', () => {
    const sequences = new Sequences(3)
    const ids = [1, 2, 3].map(() => sequences.take([5])?.sequence.id)
    expect(ids).toEqual([0, 1, 2])
    expect(sequences.take([5])).toBeUndefined()
  })

  it('prefers the one that shares the longest beginning', () => {
    const sequences = new Sequences(3)
    const all = [0, 1, 2].map(() => sequences.take([0])!.sequence)
    all[0]!.cells.push(1, 2)
    all[1]!.cells.push(1, 2, 3, 4)
    all[2]!.cells.push(9)
    for (const sequence of all) sequences.release(sequence)
    expect(sequences.take([1, 2, 3, 7])).toMatchObject({ sequence: { id: 1 }, shared: 3 })
    expect(sequences.take([1, 2, 3, 7])).toMatchObject({ sequence: { id: 0 }, shared: 2 })
    expect(sequences.cellsUsed).toBe(7)
  })

  it('leaves one token to evaluate', () => {
    const sequences = new Sequences(1)
    const { sequence } = sequences.take([1, 2])!
    sequence.cells.push(1, 2, 3)
    sequences.release(sequence)
    expect(sequences.take([1, 2])?.shared).toBe(1)
  })
})

it('measures what two lists begin with', () => {
  expect(sharedBeginning([], [1])).toBe(0)
  expect(sharedBeginning([1, 2, 3], [1, 2, 4])).toBe(2)
  expect(sharedBeginning([1, 2], [1, 2, 4])).toBe(2)
})
