import { expect, test } from 'vitest'
import { formatLimit } from './units.ts'

test('limits', () => {
  expect([64 * 2 ** 20, 2 ** 30, 1.5 * 2 ** 30, 8 * 2 ** 30].map(formatLimit)).toEqual(['64 MiB', '1 GiB', '1.5 GiB', '8 GiB'])
})
