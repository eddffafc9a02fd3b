import { expect, test } from 'vitest'
import { manualClock } from './clock.ts'
import { createLog } from './log.ts'
import { recurring } from './recurring.ts'

test('a failure is said when it begins, when it changes, every ten minutes, and when it is over', () => {
  const lines: string[] = []
  const clock = manualClock()
  const log = createLog('test', (line) => lines.push(line))
  const said = () =>
    lines.splice(0).map((line) => {
      const { level, message, error, times } = JSON.parse(line) as Record<string, unknown>
      return [level, message, error, times].filter((each) => each !== undefined).join(' ')
    })
  const writes = recurring(log, clock, 'cannot write', 'writes again')
  writes.worked()
  expect(said()).toEqual([])
  for (let i = 0; i < 100; i++) {
    writes.failed('disk full')
    clock.advance(200)
  }
  expect(said()).toEqual(['error cannot write disk full'])
  expect(writes.trouble).toBe('disk full')
  writes.failed('read-only')
  expect(said()).toEqual(['error cannot write read-only 101'])
  clock.advance(600_000)
  writes.failed('read-only')
  expect(said()).toEqual(['error cannot write read-only 102'])
  writes.worked()
  writes.worked()
  expect(said()).toEqual(['info writes again 102'])
  expect(writes.trouble).toBeUndefined()
})
