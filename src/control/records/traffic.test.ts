import { expect, test } from 'vitest'
import { feedbackRecord, finishedRecord, progressRecord, startedRecord } from './example-records.ts'
import { createTrafficWindow, percentile } from './traffic.ts'

const at = (time: string) => Date.parse(`2026-11-25T${time}Z`)

test('a request counts in its second, under route, version, consumer and instance', () => {
  const traffic = createTrafficWindow()
  traffic.add(startedRecord())
  traffic.add(progressRecord())
  traffic.add(finishedRecord())
  traffic.add(feedbackRecord({ time: '2026-11-25T10:00:10.900Z' }))
  const event = traffic.event(at('10:00:12.000'))
  expect(event.time).toBe(at('10:00:11.000'))
  expect(event.series.requests.at(-1)).toBe(1)
  expect(event.series.requests).toHaveLength(60)
  expect(event.total).toMatchObject({
    requestsPerSecond: 0.017,
    errorRate: 0,
    firstTokenP50: 100,
    firstTokenP95: 100,
    totalP95: 2_000,
    running: 0,
  })
  expect(Object.keys(event.routes)).toEqual(['default/assistant'])
  expect(Object.keys(event.versions)).toEqual(['default/v1'])
  expect(Object.keys(event.consumers)).toEqual(['default/shop'])
  expect(Object.keys(event.instances)).toEqual(['v1-0'])
  expect(event.edges).toMatchObject([{ route: 'default/assistant', version: 'default/v1' }])
})

test('tokens belong to the seconds in which they came', () => {
  const traffic = createTrafficWindow()
  traffic.add(finishedRecord({ times: { firstToken: 0, total: 2_000 }, tokens: { in: 1, cached: 0, out: 30 } }))
  expect(traffic.event(at('10:00:11.500')).series.tokens.slice(-4)).toEqual([0, 10, 10, 10])
})

test('what is our fault is an error, what the client did is not', () => {
  const traffic = createTrafficWindow()
  for (const outcome of ['ok', 'client_error', 'limited', 'aborted'] as const) traffic.add(finishedRecord({ outcome }))
  for (const outcome of ['upstream_error', 'timeout', 'cut', 'overloaded'] as const) traffic.add(finishedRecord({ outcome }))
  expect(traffic.event(at('10:00:12.000')).total.errorRate).toBe(0.5)
})

test('a request that has started and not finished is running, and forgotten after half an hour', () => {
  const traffic = createTrafficWindow()
  traffic.add(startedRecord({ id: 'a' }))
  traffic.add(startedRecord({ id: 'b', assigned: 'v2' }))
  traffic.add(finishedRecord({ id: 'a' }))
  expect(traffic.event(at('10:00:12.000')).versions['default/v2']).toMatchObject({ running: 1, requestsPerSecond: 0 })
  expect(traffic.event(at('10:31:00.000')).total.running).toBe(0)
})

test('the window moves on', () => {
  const traffic = createTrafficWindow()
  traffic.add(finishedRecord())
  expect(traffic.event(at('10:01:10.900')).total.requestsPerSecond).toBeGreaterThan(0)
  expect(traffic.event(at('10:01:11.900')).total).toEqual({ requestsPerSecond: 0, errorRate: 0, tokensPerSecond: 0, running: 0 })
})

test('many requests a second: counts are exact, latencies a sample', () => {
  const traffic = createTrafficWindow()
  for (let i = 0; i < 5_000; i++) traffic.add(finishedRecord({ times: { firstToken: i % 100, total: 200 } }))
  const { total, series } = traffic.event(at('10:00:12.000'))
  expect(series.requests.at(-1)).toBe(5_000)
  expect(total.firstTokenP50).toBeGreaterThan(35)
  expect(total.firstTokenP50).toBeLessThan(65)
})

test.each([
  [[], 0.5, undefined],
  [[7], 0.95, 7],
  [[4, 1, 3, 2], 0.5, 2],
  [[4, 1, 3, 2], 0.95, 4],
  [[4, 1, 3, 2], 0, 1],
])('percentile of %j at %f', (values, q, expected) => {
  expect(percentile(values, q)).toBe(expected)
})
