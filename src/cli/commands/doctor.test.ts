import { expect, test } from 'vitest'
import { clockFinding, memoryFinding } from './doctor.ts'

test.each([
  [2e9, false, 'ok'],
  [6e8, false, 'warning'],
  [3e8, false, 'failure'],
  [3e8, true, 'ok'], // it runs already: what is left is left
])('%d bytes of memory, running %s: %s', (available, running, state) => {
  const finding = memoryFinding(available, running)
  expect(finding.state).toBe(state)
  expect(finding.advice !== undefined).toBe(state !== 'ok')
})

test('a clock that is off is told with the direction', () => {
  expect(clockFinding(30_000, 'x')).toEqual([])
  expect(clockFinding(Number.NaN, 'x')).toEqual([])
  expect(clockFinding(600_000, 'example.com')[0]!.message).toBe("this machine's clock is 10 min behind that of example.com")
  expect(clockFinding(-600_000, 'example.com')[0]!.message).toBe("this machine's clock is 10 min ahead of that of example.com")
})
