import { expect, test } from 'vitest'
import { createLog, linesTo } from './log.ts'

test('a disk that takes nothing costs lines and nothing else; the next line that finds a place says how many', () => {
  let full = false
  const written: string[] = []
  const log = createLog(
    'gateway-0',
    linesTo(7, (descriptor, text) => {
      expect(descriptor).toBe(7)
      if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      written.push(text)
    }),
  )
  log.info('one')
  full = true
  for (let i = 0; i < 3; i++) log.error('nobody will read this')
  full = false
  log.info('two')
  log.info('three')
  const lines = written.join('').split('\n').filter(Boolean)
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    'one',
    '3 lines of this log found no place on the disk',
    'two',
    'three',
  ])
})
