import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readLogLines } from './log-frames.ts'

const frame = (stream: 1 | 2, text: string) => {
  const body = Buffer.from(text)
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, body])
}
async function* cut(bytes: Buffer, sizes: readonly number[]) {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

test('lines of both streams, also those in several frames, however the bytes are cut', async () => {
  const bytes = Buffer.concat([
    frame(1, 'one\n'),
    frame(2, 'bad\r\n'),
    frame(1, 'a long '),
    frame(2, 'between\n'),
    frame(1, 'lïne\n\nlast'),
  ])
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), async (sizes) => {
      expect(await readLogLines(cut(bytes, sizes))).toEqual(['one', 'bad', 'between', 'a long lïne', '', 'last'])
    }),
  )
})

test('a line without an end and lines without number take bounded memory: the rest of the line and the oldest lines are left out', async () => {
  async function* endless() {
    for (let i = 0; i < 100; i++) yield frame(1, 'x'.repeat(16 * 1024))
    yield frame(1, '\n')
    for (let i = 0; i < 2_000; i++) yield frame(2, `${i} ${'y'.repeat(10_000)}\n`)
  }
  const lines = await readLogLines(endless())
  expect(lines.length).toBeLessThan(900)
  expect(lines.at(-1)).toMatch(/^1999 y/)
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(16 * 1024)
})
