import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import type { FinishedRecord, RequestRecord } from '../../monitoring/request-records.ts'
import { Load, type LoadState } from './load.ts'
import type { Seen } from './seen.ts'

const T0 = 1_700_000_000_000
const SEEN: Seen = { ready: 1, starting: 0, draining: 0, waiting: 0, kvUse: 0 }
const NO_OBJECTIVE = Number.POSITIVE_INFINITY
const read = (now: number) => ({ now, ahead: 0 })
/** Whenever the test's records are. */
const LATER = read(T0 + 10_000_000)

interface Request {
  readonly start: number
  readonly end: number
}

/** What a gateway writes of requests, in its order, and when control reads it. */
function written(requests: readonly Request[], delayOf: () => number, boot = 'b1') {
  const lines = requests.flatMap(({ start, end }, i) => {
    const about = { id: `r${i}`, gateway: 'g', boot, assigned: 'v', namespace: 'default' }
    const ended = {
      ...{ ...about, type: 'finished', time: iso(end), attempts: [{}], outcome: 'ok', tokens: { in: 100, cached: 0, out: 10 } },
      times: { total: end - start },
    }
    return end - start < 100
      ? [{ at: end, record: ended }]
      : [
          { at: start + 100, record: { ...about, type: 'started', time: iso(start + 100), after: 100 } },
          { at: end, record: ended },
        ]
  })
  let last = 0
  return lines
    .sort((a, b) => a.at - b.at)
    .map(({ at, record }, seq) => {
      last = Math.max(last, at + delayOf()) // a file is read from its beginning
      return { at: last, record: { ...record, seq } as unknown as RequestRecord }
    })
}

const iso = (at: number) => new Date(at).toISOString()

function someRequests(count: number, seed: number): Request[] {
  const { uniform } = randomFrom(seed)
  return Array.from({ length: count }, () => {
    const start = T0 + Math.floor(uniform() * 60_000)
    return { start, end: start + Math.floor(uniform() < 0.3 ? uniform() * 90 : 100 + uniform() ** 3 * 20_000) }
  })
}

/** Milliseconds of requests between two times. */
const overlap = (requests: readonly Request[], from: number, to: number) =>
  requests.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)), 0)

/** Samples every two seconds, through `restart` of what is known after each. */
function samplesOf(lines: readonly { at: number; record: RequestRecord }[], restart = (load: Load, _now: number) => load) {
  let load = Load.begin(T0)
  const samples = []
  let next = 0
  for (let now = T0 + 2_000; now <= T0 + 120_000; now += 2_000) {
    for (; next < lines.length && lines[next]!.at <= now; next++) load.add(lines[next]!.record, read(now), NO_OBJECTIVE)
    samples.push(load.sample(now, SEEN)!)
    load = restart(load, now)
  }
  return samples
}

describe('what records tell of a load', () => {
  it.each([1, 2, 3])('is the mean of all requests at the same time, to the millisecond (seed %i)', (seed) => {
    const { uniform } = randomFrom(seed)
    const requests = someRequests(400, seed)
    const samples = samplesOf(written(requests, () => uniform() * 850))
    for (const { at, periodMs, concurrency } of samples) {
      const to = at - 1_000
      expect(concurrency * periodMs).toBeCloseTo(overlap(requests, to - periodMs, to), 3)
    }
    expect(samples.map(({ at }) => at)).toHaveLength(60)
  })

  it.each([4, 5])('loses nothing and counts nothing twice where records come late, though their time has passed (seed %i)', (seed) => {
    const { uniform } = randomFrom(seed)
    const requests = someRequests(300, seed)
    const samples = samplesOf(written(requests, () => uniform() * 4_000))
    const sum = (of: (sample: (typeof samples)[number]) => number) => samples.reduce((total, each) => total + of(each), 0)
    // The last ones were thought to go on, and no request comes after them from which that could be taken away.
    const all = sum(({ concurrency, periodMs }) => concurrency * periodMs) / overlap(requests, 0, Number.POSITIVE_INFINITY)
    expect(all).toBeGreaterThanOrEqual(1 - 1e-9)
    expect(all).toBeLessThan(1.003)
    expect(sum(({ arrivals, periodMs }) => (arrivals * periodMs) / 1000)).toBeCloseTo(300)
    expect(sum(({ completions, periodMs }) => (completions * periodMs) / 1000)).toBeCloseTo(300)
    expect(sum(({ tokensOut, periodMs }) => (tokensOut * periodMs) / 1000)).toBeCloseTo(3_000)
  })

  it('is the same where it was stored in between, and read records come again', () => {
    const { uniform } = randomFrom(6)
    const lines = written(someRequests(300, 6), () => uniform() * 2_000)
    const again = (load: Load, now: number) => {
      const other = Load.restore(JSON.parse(JSON.stringify(load.state())), now)
      for (const { at, record } of lines) if (at <= now) other.add(record, read(now), NO_OBJECTIVE)
      return other
    }
    expect(samplesOf(lines, again)).toEqual(samplesOf(lines))
  })

  it('is that of now after control was away for long: what came meanwhile is not all made up for', () => {
    const load = Load.begin(T0)
    const requests = Array.from({ length: 600 }, (_, i) => ({ start: T0 + i * 1_000, end: T0 + i * 1_000 + 500 }))
    for (const { record } of written(requests, () => 0)) load.add(record, LATER, NO_OBJECTIVE)
    const { periodMs, concurrency, arrivals } = load.sample(T0 + 600_000, SEEN)!
    expect(periodMs).toBe(60_000)
    expect([concurrency, arrivals]).toEqual([expect.closeTo(0.5, 1), expect.closeTo(1, 1)])
  })

  it('does not depend on a wall clock that somebody sets back', () => {
    const lines = written([{ start: T0 + 5_000, end: T0 + 9_000 }], () => 0)
    const load = Load.begin(T0 + 3_600_000)
    for (const { record } of lines) load.add(record, { now: T0 + 3_610_000, ahead: 3_600_000 }, NO_OBJECTIVE)
    expect(load.sample(T0 + 3_600_000 + 10_000, SEEN)!.concurrency * 10_000).toBeCloseTo(4_000)
    // Nor does one that goes on after a restart, to which what it reads seems yet to come.
    const after = Load.begin(T0)
    for (const { record } of written([{ start: T0 + 3_600_000, end: T0 + 7_200_000 }], () => 0))
      after.add(record, read(T0 + 5_000), NO_OBJECTIVE)
    expect(after.state().pieces.length).toBeLessThan(3)
    expect(after.sample(T0 + 60_000, SEEN)!.concurrency).toBeLessThan(0.01)
    expect(Load.restore(load.state(), T0).sample(T0 + 2_000, SEEN)).toBeDefined()
  })
})

const started = (id: string, seq: number, at: number, change: object = {}) =>
  ({ type: 'started', id, gateway: 'g', boot: 'b1', seq, time: iso(at + 100), after: 100, ...change }) as unknown as RequestRecord
const finished = (id: string, seq: number, end: number, change: Partial<FinishedRecord> = {}) =>
  ({
    ...{ type: 'finished', id, gateway: 'g', boot: 'b1', seq, time: iso(end), attempts: [{}], outcome: 'ok', times: { total: 1_000 } },
    ...change,
  }) as unknown as RequestRecord
const loadOf = (...records: RequestRecord[]) => {
  const load = Load.begin(T0)
  for (const record of records) load.add(record, LATER, 2_000)
  return load
}

describe('a request without an end', () => {
  it('is none any more when its gateway has started anew', () => {
    const load = loadOf(started('a', 1, T0), started('b', 1, T0, { gateway: 'h' }))
    load.add(started('c', 1, T0 + 1_000, { boot: 'b2' }), LATER, NO_OBJECTIVE)
    expect(load.openRequests).toBe(2)
    expect(load.forget(({ gateway, boot }) => gateway === 'h' && boot < 'b1')).toBe(false)
    expect(load.forget(({ gateway, boot }) => gateway === 'h' && boot < 'b2')).toBe(true)
    expect(load.openRequests).toBe(1)
  })

  it('is none any more after an hour', () => {
    const load = loadOf(started('a', 1, T0))
    load.sample(T0 + 3_600_000, SEEN)
    expect(load.openRequests).toBe(1)
    load.sample(T0 + 3_602_000, SEEN)
    expect(load.openRequests).toBe(0)
  })

  it('is counted when it ends, where too many are open to be stored', () => {
    const many = Array.from({ length: 2_000 }, (_, i) => started(`r${i}`, i, T0))
    const state = loadOf(...many).state()
    expect(JSON.stringify(state).length).toBeLessThan(60_000)
    const load = Load.restore(state, T0 + 1_000)
    load.add(finished('r0', 5_000, T0 + 2_000), LATER, NO_OBJECTIVE)
    expect(load.openRequests).toBe(800)
  })
})

describe('who waits', () => {
  const none = { ...SEEN, ready: 0 }
  it('is everybody who came since an instance was last ready', () => {
    const load = loadOf(started('a', 1, T0 + 1_000))
    expect(load.waits(T0 + 4_000, 0)).toEqual({ waiting: 1, oldestMs: 3_000 })
    expect(load.waits(T0 + 4_000, 1)).toEqual({ waiting: 0, oldestMs: 0 })
    expect(load.sample(T0 + 4_000, none)).toMatchObject({ queued: 1, oldestWaitMs: 3_000 })
    load.sample(T0 + 6_000, SEEN) // one is ready, and has it
    expect(load.sample(T0 + 8_000, none)!.queued).toBe(0) // it drains, with it
  })

  it.each<[string, Partial<FinishedRecord>]>([
    ['found none', { outcome: 'upstream_error', error: 'no_instance' }],
    ['stood in a line that was full', { outcome: 'overloaded', error: 'model_warming' }],
    ['was answered by a fallback', { attempts: [{ version: 'v', error: 'no_instance', from: 0, to: 0 }] }],
  ])('is also who %s, for once: there is nobody else to tell of them', (_name, change) => {
    const load = loadOf(finished('a', 1, T0 + 500, { times: { total: 1 }, ...change }))
    expect(load.waits(T0 + 1_000, 0).waiting).toBe(1)
    expect(load.sample(T0 + 2_000, none)).toMatchObject({ queued: 1, misses: expect.closeTo(0.5) })
    expect(load.sample(T0 + 4_000, none)).toMatchObject({ queued: 0, misses: 0 })
  })

  it('is who comes after a restart too, where the clock was set back before it', () => {
    const load = loadOf(started('a', 1, T0 + 3_600_000))
    load.sample(T0 + 3_602_000, SEEN)
    const after = Load.restore(load.state(), T0)
    after.add(started('b', 2, T0 + 1_000), read(T0 + 2_000), NO_OBJECTIVE)
    expect(after.waits(T0 + 3_000, 0)).toEqual({ waiting: 1, oldestMs: 2_000 })
  })

  it('waits in instances, as these tell', () => {
    expect(loadOf().sample(T0 + 2_000, { ...SEEN, waiting: 7, kvUse: 0.4 })).toMatchObject({ queued: 7, kvUse: 0.4 })
  })
})

describe('a miss', () => {
  it.each<[string, Partial<FinishedRecord>, number]>([
    ['a first token in time', { times: { total: 9_000, firstToken: 2_000 } }, 0],
    ['a late one', { times: { total: 9_000, firstToken: 2_001 } }, 1],
    ['refused, since all is full', { outcome: 'overloaded' }, 1],
    ['timed out', { outcome: 'timeout' }, 1],
    ['cut by the client', { outcome: 'aborted' }, 0],
    ['over a limit, before anybody was asked', { outcome: 'limited', attempts: [] }, 0],
  ])('%s', (_name, change, misses) => {
    const sample = loadOf(finished('a', 1, T0 + 500, change)).sample(T0 + 2_000, SEEN)!
    expect(sample.misses * 2).toBeCloseTo(misses)
  })

  it('that no instance was asked for is no load', () => {
    expect(loadOf(finished('a', 1, T0 + 500, { outcome: 'limited', attempts: [] })).sample(T0 + 2_000, SEEN)!.arrivals).toBe(0)
  })
})

it('knows the prompts of those that come by their bytes, once some have said what that is in tokens', () => {
  const load = loadOf(finished('a', 1, T0 + 500, { bytes: 1_000, tokens: { in: 250, cached: 0, out: 5 } }))
  expect(load.sample(T0 + 2_000, SEEN)!.tokensIn * 2).toBeCloseTo(250)
  load.add(started('b', 2, T0 + 2_500, { bytes: 2_000 }), LATER, 2_000)
  load.add(started('c', 3, T0 + 2_600), LATER, 2_000)
  const again = Load.restore(JSON.parse(JSON.stringify(load.state())) as LoadState, T0 + 3_000)
  for (const one of [load, again]) expect(one.sample(T0 + 4_000, SEEN)!.tokensIn * 2).toBeCloseTo(500 + 250)
})

it('tells times to first token, and prompts by the mean of late', () => {
  const load = loadOf(
    ...[100, 200, 900].map((firstToken, i) =>
      finished(`r${i}`, i, T0 + 600, { times: { total: 500, firstToken }, tokens: { in: 40 + 20 * i, cached: 0, out: 5 } }),
    ),
  )
  const { firstTokenP50Ms, firstTokenP95Ms, tokensIn, arrivals } = load.sample(T0 + 2_000, SEEN)!
  expect(firstTokenP50Ms! / 200).toBeCloseTo(1, 1)
  expect(firstTokenP95Ms! / 200).toBeCloseTo(1, 1) // of three, the nearest below
  expect(tokensIn / arrivals).toBeCloseTo(60)
  expect(load.sample(T0 + 4_000, SEEN)).not.toHaveProperty('firstTokenP50Ms')
})
