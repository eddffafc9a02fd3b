import fc from 'fast-check'
import { expect, test } from 'vitest'
import { feedbackRecord, finishedRecord, progressRecord, startedRecord } from '../request-records.ts'
import { type NewFeedback, type NewFinished, type NewProgress, type NewRecord, type NewStarted, recordLine } from './line.ts'

const ORIGIN = '"gateway":"gateway-0","boot":"B","seq":7,"time":"2026-01-01T00:00:00.000Z"'
const text = fc.oneof(fc.stringMatching(/^[a-z0-9-]{1,20}$/), fc.string({ unit: 'binary', maxLength: 20 }))
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const number = fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }))
const operation = fc.constantFrom('chat', 'completion', 'embedding')

const assignments = fc.array(
  fc.record({ by: text, arm: text, share: number, unitKind: fc.constantFrom('header', 'body', 'consumer', 'random'), unit: text }),
  { maxLength: 2 },
)

const started = fc.record({
  type: fc.constant('started'),
  id: text,
  after: number,
  operation,
  consumer: text,
  key: text,
  namespace: text,
  route: text,
  routeGeneration: fc.nat(),
  model: text,
  assigned: text,
  pinned: fc.boolean(),
  preview: maybe(fc.constant(true)),
  assignments,
  stream: fc.boolean(),
  bytes: maybe(fc.nat()),
  clientRequestId: maybe(text),
}) as fc.Arbitrary<NewStarted>

const progress = fc.record({
  type: fc.constant('progress'),
  id: text,
  after: number,
  namespace: text,
  route: text,
  assigned: text,
  assignments,
  firstToken: number,
}) as fc.Arbitrary<NewProgress>

const finished = fc.record({
  type: fc.constant('finished'),
  id: text,
  operation: maybe(operation),
  consumer: maybe(text),
  key: maybe(text),
  namespace: maybe(text),
  route: maybe(text),
  routeGeneration: maybe(fc.nat()),
  model: maybe(text),
  assigned: maybe(text),
  pinned: maybe(fc.boolean()),
  preview: maybe(fc.constant(true)),
  assignments: maybe(assignments),
  served: maybe(text),
  instance: maybe(text),
  stream: maybe(fc.boolean()),
  bytes: maybe(fc.nat()),
  attempts: fc.array(
    fc.record({
      version: text,
      instance: maybe(text),
      error: maybe(fc.constantFrom('connect', 'cut')),
      status: maybe(fc.nat()),
      from: number,
      to: number,
    }),
    { maxLength: 3 },
  ),
  outcome: fc.constantFrom('ok', 'cut', 'limited'),
  status: fc.nat(599),
  error: maybe(text),
  limit: maybe(text),
  tokens: maybe(fc.record({ in: fc.nat(), cached: fc.nat(), out: fc.nat() })),
  times: fc.record({
    auth: maybe(number),
    limits: maybe(number),
    queue: maybe(number),
    firstToken: maybe(number),
    betweenTokens: maybe(number),
    total: number,
  }),
  cost: maybe(fc.record({ amount: number, currency: text })),
  cold: maybe(fc.boolean()),
  simulated: maybe(fc.boolean()),
  clientRequestId: maybe(text),
  prompt: maybe(fc.record({ text, truncated: fc.boolean() })),
}) as fc.Arbitrary<NewFinished>

const feedback = fc.record({
  type: fc.constant('feedback'),
  id: text,
  namespace: text,
  consumer: text,
  key: text,
  request: text,
  score: fc.double({ noNaN: true, min: 0, max: 1 }).filter((score) => !Object.is(score, -0)),
  rated: maybe(fc.constantFrom('up', 'down')),
  comment: maybe(fc.record({ bytes: fc.nat(), text: maybe(text) })),
}) as fc.Arbitrary<NewFeedback>

test('a line says what JSON.stringify would say, whatever the record holds', () => {
  fc.assert(
    fc.property(fc.oneof(started, progress, finished, feedback), (record) => {
      const line = recordLine(ORIGIN, record as NewRecord)
      expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true)
      const expected: unknown = JSON.parse(`{${ORIGIN},${JSON.stringify(record).slice(1)}`)
      expect(JSON.parse(line)).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

test('a line knows every field of the schemas', () => {
  const fields = (record: NewRecord) => Object.keys(JSON.parse(recordLine(ORIGIN, record)) as object).sort()
  const whole = (arbitrary: fc.Arbitrary<object>) =>
    fc.sample(arbitrary, 2_000).find((record) => Object.values(record).every((value) => value !== undefined)) as NewRecord | undefined
  const everything = {
    type: 'finished',
    id: 'a',
    operation: 'chat',
    consumer: 'a',
    key: 'a',
    namespace: 'a',
    route: 'a',
    routeGeneration: 1,
    model: 'a',
    assigned: 'a',
    pinned: true,
    preview: true,
    assignments: [],
    served: 'a',
    instance: 'a',
    stream: true,
    bytes: 1,
    attempts: [],
    outcome: 'ok',
    status: 200,
    error: 'a',
    limit: 'a',
    tokens: { in: 1, cached: 0, out: 1 },
    times: { total: 1 },
    cost: { amount: 1, currency: 'EUR' },
    cold: true,
    simulated: true,
    clientRequestId: 'a',
    prompt: { text: 'a', truncated: false },
  } satisfies NewRecord
  expect(fields(everything)).toEqual(Object.keys(finishedRecord.shape).sort())
  const underWay = whole(progress)
  expect(underWay && fields(underWay)).toEqual(Object.keys(progressRecord.shape).sort())
  const given = whole(feedback)
  expect(given && fields(given)).toEqual(Object.keys(feedbackRecord.shape).sort())
  const beginning = whole(started)
  expect(beginning && fields(beginning)).toEqual(Object.keys(startedRecord.shape).sort())
})
