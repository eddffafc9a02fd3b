import { expect, it } from 'vitest'
import { hasTooManyValues } from './body-cost.ts'

const MB = 1_000_000
const list = (item: string, bytes: number) => `[${`${item},`.repeat(bytes / (item.length + 1))}${item}]`

it.each<[string, string]>([
  ['a long text', JSON.stringify({ content: 'a'.repeat(16 * MB) })],
  ['a text full of what looks like JSON', JSON.stringify({ content: '{"a":[1,2,"\\"'.repeat(MB) })],
  ['a text full of backslashes', JSON.stringify({ content: '\\'.repeat(4 * MB) })],
  ['900,000 token ids', list('1', 1.8 * MB)],
  ['small, whatever it holds', '['.repeat(250_000)],
])('takes %s', (_, text) => {
  expect(hasTooManyValues(Buffer.from(text))).toBe(false)
})

it.each<[string, string]>([
  ['lists', list('[]', MB)],
  ['objects', list('{}', MB)],
  ['keys', `{${Array.from({ length: 250_000 }, (_, i) => `"${i}":1`).join(',')}}`],
  ['empty texts', list('""', MB)],
  ['numbers', list('1', 3 * MB)],
  ['depth', '['.repeat(300_000)],
  ['texts that end in escapes', list('"\\\\"', 2 * MB)],
])('refuses too many %s', (_, text) => {
  expect(hasTooManyValues(Buffer.from(text))).toBe(true)
})

it('costs little where there is much', () => {
  // Quotes that are escaped, each behind many backslashes: the walk back to where they begin must not be walked again and again.
  const body = Buffer.from(`"${`${'\\'.repeat(1_001)}"`.repeat(16_000)}"`)
  const before = performance.now()
  expect(hasTooManyValues(body)).toBe(false)
  expect(performance.now() - before).toBeLessThan(1_000)
})
