import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MOST_LINES } from '../log-bounds.ts'
import { lastLines } from './log-tail.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-log-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
const write = (text: string, name = 'engine-a.log') => writeFileSync(join(folder, name), text)

test.each([
  ['none', '', 5, []],
  ['fewer than asked for', 'a\nb\n', 5, ['a', 'b']],
  ['more than asked for', 'a\nb\nc\n', 2, ['b', 'c']],
  ['the last one goes on', 'a\nb\nc', 2, ['b', 'c']],
  ['empty ones', '\n\na\n\n', 3, ['', 'a', '']],
  ['from a program that thinks of Windows', 'a\r\n\r\nb\r\n', 5, ['a', '', 'b']],
  ['nobody asks', 'a\n', 0, []],
])('lines: %s', async (_, text, lines, expected) => {
  write(text)
  expect(await lastLines(folder, 'a', lines)).toEqual(expected)
})

test('what was put aside comes first, as far as it is needed', async () => {
  write('1\n2\n3\n', 'engine-a.log.1')
  write('4\n5\n')
  expect(await lastLines(folder, 'a', 10)).toEqual(['1', '2', '3', '4', '5'])
  expect(await lastLines(folder, 'a', 3)).toEqual(['3', '4', '5'])
  expect(await lastLines(folder, 'a', 2)).toEqual(['4', '5'])
  rmSync(join(folder, 'engine-a.log'))
  expect(await lastLines(folder, 'a', 1)).toEqual(['3'])
})

test('a long log is read from its end, and bounded: lines, bytes of a line, bytes of all', async () => {
  write(Array.from({ length: 200_000 }, (_, i) => `line ${i}\n`).join(''))
  expect(await lastLines(folder, 'a', 3)).toEqual(['line 199997', 'line 199998', 'line 199999'])
  const most = await lastLines(folder, 'a', 1e9)
  expect([most.length, most[0]]).toEqual([MOST_LINES, `line ${200_000 - MOST_LINES}`])
  write(`${'ü'.repeat(20_000)}\nshort\n`)
  expect((await lastLines(folder, 'a', 2)).map(({ length }) => length)).toEqual([8_192, 5])
  write(`${'x'.repeat(1_000_000)}\n`.repeat(20))
  expect(await lastLines(folder, 'a', 20)).toHaveLength(8)
})

test('an id that is none leads nowhere', async () => {
  write('secret\n', 'x.log')
  for (const id of ['nobody', '', '../x', 'a/../../x', '..', 'a\0']) expect(await lastLines(join(folder, 'engine-a'), id, 5)).toEqual([])
})

test('whatever stands in it: the end of all lines', async () => {
  const line = fc
    .oneof(
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 40_000, max: 90_000 }).map((length) => 'x'.repeat(length)),
    )
    .map((text) => text.replaceAll(/[\r\n]/g, ''))
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.integer({ min: 1, max: 14 }), async (all, count) => {
      write(all.map((text) => `${text}\n`).join(''))
      const cut = (text: string) => Buffer.from(text).toString('utf8', 0, 16 * 1024)
      expect(await lastLines(folder, 'a', count)).toEqual(all.slice(-count).map(cut))
    }),
    { numRuns: 60 },
  )
})
