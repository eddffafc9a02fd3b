import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { manualClock } from '../../kernel/clock.ts'
import { createLog } from '../../kernel/log.ts'
import type { FetchedWeights } from '../weights/index.ts'
import { createWeightFetches, type Fetch, pauseAfter, type WeightFetches } from './weight-fetches.ts'

const weights = { from: ['hf:a/b/c.gguf'] }
const found: FetchedWeights = { path: '/w', sha256: 'f'.repeat(64), bytes: 1, from: 'hf:a/b/c.gguf' }
let fetches: WeightFetches
let attempts: {
  resolve: (found: FetchedWeights) => void
  reject: (error: Error) => void
  signal: AbortSignal
  onProgress: Parameters<Fetch>[1]['onProgress']
}[]

beforeEach(() => {
  vi.useFakeTimers()
  attempts = []
  fetches = createWeightFetches({
    fetch: (_, { signal, onProgress }) => new Promise((resolve, reject) => attempts.push({ resolve, reject, signal, onProgress })),
    clock: manualClock(),
    log: createLog('test', () => undefined),
    onChange: () => undefined,
  })
})
afterEach(() => {
  fetches.close()
  vi.useRealTimers()
})

test('one fetch however often it is asked for; progress and the end are told', async () => {
  expect(fetches.stateOf(weights)).toEqual({ phase: 'fetching' })
  fetches.stateOf({ ...weights })
  expect(attempts).toHaveLength(1)
  attempts[0]!.onProgress({ from: 'hf:a/b/c.gguf', receivedBytes: 3, totalBytes: 9 })
  expect(fetches.stateOf(weights)).toMatchObject({ phase: 'fetching', receivedBytes: 3, totalBytes: 9 })
  attempts[0]!.resolve(found)
  await vi.advanceTimersByTimeAsync(0)
  expect(fetches.stateOf(weights)).toEqual({ phase: 'here', ...found })
})

test('a failure is told, and tried again after growing pauses', async () => {
  fetches.stateOf(weights)
  attempts[0]!.reject(new Error('no route to host'))
  await vi.advanceTimersByTimeAsync(0)
  expect(fetches.stateOf(weights)).toMatchObject({ phase: 'missing', failed: 'no route to host' })
  await vi.advanceTimersByTimeAsync(9_999)
  expect(attempts).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(attempts).toHaveLength(2)
  expect(fetches.stateOf(weights)).toEqual({ phase: 'fetching', failed: 'no route to host' })
  attempts[1]!.reject(new Error('still none'))
  await vi.advanceTimersByTimeAsync(19_999)
  expect(attempts).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(1)
  attempts[2]!.resolve(found)
  await vi.advanceTimersByTimeAsync(0)
  expect(fetches.stateOf(weights)).toMatchObject({ phase: 'here' })
})

test('what nobody wants any more is stopped', () => {
  fetches.stateOf(weights)
  fetches.keepOnly([])
  expect(attempts[0]!.signal.aborted).toBe(true)
})

test.each([
  [1, 10_000],
  [2, 20_000],
  [5, 160_000],
  [6, 300_000],
  [60, 300_000],
])('pause after %i failures', (failures, ms) => {
  expect(pauseAfter(failures)).toBe(ms)
})
