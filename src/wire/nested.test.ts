import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flatten, nest } from './nested.ts'

describe('nested lists', () => {
  it('have a shape, and are flat in row-major order', () => {
    expect(flatten([[1, 2, 3], [4, 5, 6]])).toEqual({ shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }) // biome-ignore format: a matrix
    expect(flatten(7)).toEqual({ shape: [], data: [7] })
    expect(flatten([])).toEqual({ shape: [0], data: [] })
    expect(flatten([[], []])).toEqual({ shape: [2, 0], data: [] })
  })

  it.each([[[[1], [1, 2]]], [[[1], 2]], [[1, [2]]], [[[1], [[2]]]]])('that are ragged are refused: %j', (value) => {
    expect(() => flatten(value)).toThrow('The lists do not form a tensor')
  })

  it('nested a thousand levels deep are refused and not walked', () => {
    let deep: unknown = 1
    for (let i = 0; i < 1_000; i++) deep = [deep]
    expect(() => flatten(deep)).toThrow('more than 64 dimensions')
  })

  it('come back as they were', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(shapes, (shape) => {
        const data = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i)
        expect(flatten(nest({ shape, data }))).toEqual({ shape, data })
      }),
    )
  })
})
