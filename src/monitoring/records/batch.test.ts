import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Batch } from './batch.ts'

test('what is taken is what was added, in order, whatever its size', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc
      .record({ text: fc.constantFrom('a', 'é', '语', '🦉'), count: fc.integer({ min: 1, max: 60_000 }) })
      .map(({ text, count }) => text.repeat(count)),
  )
  fc.assert(
    fc.property(fc.array(fc.array(line, { maxLength: 10 }), { maxLength: 4 }), (rounds) => {
      const batch = new Batch()
      for (const lines of rounds) {
        for (const each of lines) batch.add(each)
        const all = Buffer.from(lines.join(''))
        expect([batch.lines, batch.bytes]).toEqual([lines.length, all.length])
        const taken = batch.take()
        expect(taken.lines).toBe(lines.length)
        expect(taken.text.equals(all)).toBe(true)
        expect([batch.lines, batch.bytes]).toEqual([0, 0])
        batch.giveBack(taken.text)
      }
    }),
    { numRuns: 50 },
  )
})

test('bytes are written over only when they were given back', () => {
  const batch = new Batch()
  const taken = (line: string) => {
    batch.add(line)
    return batch.take().text
  }
  const [first, second] = [taken('one'), taken('two')]
  batch.giveBack(first)
  const [third, fourth] = [taken('3'), taken('four')]
  expect([first, second, third, fourth].map(String)).toEqual(['fou', 'two', '3', 'four'])
})
