import { expect, it } from 'vitest'
import { finishedRecord } from '../../../src/control/records/example-records.ts'
import { explain, healthOf } from './explain.ts'
import { stepsOf } from './timeline.tsx'

const told = (more: object) => stepsOf(finishedRecord(more)).map(({ name, about, from, to }) => [name, about, from, to])

it('a streamed answer: what happened between its beginning and its end', () => {
  const times = { auth: 0.4, limits: 0.6, queue: 30, firstToken: 50, total: 900 }
  const attempts = [{ version: 'v1', instance: 'v1-0', status: 200, from: 0.6, to: 30 }]
  expect(told({ times, attempts })).toEqual([
    ['Read and authenticate', undefined, 0, 0.4],
    ['Route and limits', undefined, 0.4, 0.6],
    ['Queue and first byte', 'v1-0', 0.6, 30],
    ['Until the first token', undefined, 30, 50],
    ['Stream', undefined, 50, 900],
  ])
})

it('a fallback: what was tried first, and why it failed', () => {
  const attempts = [
    { version: 'v2', error: 'no_instance', from: 1, to: 1.2 },
    { version: 'v1', instance: 'v1-0', status: 200, from: 1.2, to: 40 },
  ]
  const steps = told({ served: 'v1', assigned: 'v2', stream: false, attempts, times: { auth: 0.5, limits: 1, queue: 40, total: 60 } })
  expect(steps.slice(2)).toEqual([
    ['Attempt 1', 'v2 had no instance that was ready', 1, 1.2],
    ['Queue and first byte', 'v1-0', 1.2, 40],
    ['Answer', undefined, 40, 60],
  ])
})

it('one that was refused ends where it was refused, and says why', () => {
  const record = finishedRecord({
    ...{ outcome: 'limited', status: 429, limit: 'small', error: 'rate_limit_exceeded', served: undefined, attempts: [] },
    times: { auth: 1, limits: 1.2, total: 1.3 },
  })
  expect(stepsOf(record).map(({ name }) => name)).toEqual(['Read and authenticate', 'Route and limits'])
  expect(explain(record)?.what).toContain('“small”')
  expect(healthOf('limited')).toBe('busy')
  expect(explain(finishedRecord())).toBeUndefined()
  expect(explain(finishedRecord({ outcome: 'refused', error: 'expired_api_key' }))?.what).toContain('expired')
})
