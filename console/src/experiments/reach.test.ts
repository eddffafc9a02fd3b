import { expect, it } from 'vitest'
import { reachOf } from './reach.ts'

it('shows what is known last, no effect and the worthwhile one, and cuts off what was wider at first', () => {
  const { least, most } = reachOf(
    [
      [0, 0, -100, 100],
      [1, 1, -1, 3],
    ],
    2,
  )
  expect([least, most]).toEqual([-3, 5])
})

it('has room for a worthwhile effect that is beyond the band', () => {
  const { least, most } = reachOf([[0, -4, -6, -2]], 2)
  expect(least).toBeLessThan(-6)
  expect(most).toBeGreaterThan(2)
})
