import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rollout } from '../../resources/rollout.ts'
import type { Evidence } from '../comparison/findings.ts'
import { type Action, act, advance, type RolloutStatus, type Seen } from './ladder.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const MINUTE = 60_000
const spec = rollout.spec.parse({
  route: 'r',
  from: 'v1',
  to: 'v2',
  steps: [{ weight: 5 }, { pause: '10m' }, { weight: 25 }, { weight: 50 }, { weight: 100 }],
})
const nothing: Evidence = { safe: false, good: true, units: 0, missing: 'errorRate wants about 900 more.' }
const seen = (minutes: number, evidence: Partial<Evidence> = {}, unready?: string): Seen => ({
  now: START + minutes * MINUTE,
  evidence: { ...nothing, ...evidence },
  ...(unready === undefined ? {} : { unready }),
})
const LOADING = 'v2 is not ready: it is loading.'
const CRASHED = 'v2 is not ready: it has crashed.'
const at = ({ phase, step, weight }: RolloutStatus) => [phase, step, weight]
/** The statuses that follow from what is seen, one after the other. */
function run(moments: readonly Seen[], from?: RolloutStatus, of = spec): RolloutStatus {
  let status = from
  for (const moment of moments) status = advance(of, status, moment)
  return status!
}
const begun = run([seen(0), seen(0)])

describe('up the ladder', () => {
  test('it waits until the new version is ready', () => {
    const waiting = run([seen(0, {}, LOADING), seen(1, {}, LOADING)])
    expect(at(waiting)).toEqual(['Pending', 0, 0])
    expect(waiting.message).toBe(`Waiting. ${LOADING}`)
    expect(at(run([seen(2)], waiting))).toEqual(['Progressing', 1, 5])
    // A day is the longest that it may take, and others wait for their turn.
    const over = run([seen(24 * 60, {}, LOADING)], waiting)
    expect([...at(over), over.message]).toEqual(['Degraded', 0, 0, `Not begun within 24h. ${LOADING}`])
  })

  test('a pause is waited out, and then the samples', () => {
    expect(at(begun)).toEqual(['Progressing', 1, 5])
    expect(at(run([seen(9, { units: 500 })], begun))).toEqual(['Progressing', 1, 5])
    expect(at(run([seen(11, { units: 199 })], begun))).toEqual(['Progressing', 1, 5])
    expect(run([seen(11, { units: 199 })], begun).message).toContain('at least 200 units of v2')
    const next = run([seen(11, { units: 200 })], begun)
    expect(at(next)).toEqual(['Progressing', 2, 25])
    expect(at(run([seen(12, { units: 399 })], next))).toEqual(['Progressing', 2, 25])
    expect(at(run([seen(12, { units: 400 })], next))).toEqual(['Progressing', 3, 50])
  })

  test('promoted, it says what is left to do, and when that is done', () => {
    const done = run(
      [seen(11, { units: 200, safe: true }), seen(12, { units: 5_000, safe: true }), seen(13, { units: 9_000, safe: true })],
      begun,
    )
    expect(done.message).toBe('v2 has what went to v1. Write it into the route, then this rollout may be deleted.')
    expect(run([seen(14)], done)).toBe(done)
    const written = run([{ ...seen(15), written: true }], done)
    expect([...at(written), written.message]).toEqual([
      ...at(done),
      'v2 has what went to v1. Route/r says so itself by now: this rollout may be deleted.',
    ])
  })

  test('time and samples alone never promote', () => {
    const half = run([seen(11, { units: 200 }), seen(12, { units: 400 })], begun)
    const late = run([seen(600, { units: 1_000_000 })], half)
    expect(at(late)).toEqual(['Progressing', 3, 50])
    expect(late.message).toBe('Before v2 gets everything it must be shown to be no worse. errorRate wants about 900 more.')
  })

  test('what is shown to be safe does not wait for the clock, but for the samples of each weight', () => {
    expect(at(run([seen(1, { safe: true, units: 199 })], begun))).toEqual(['Progressing', 1, 5])
    const done = run(
      Array.from({ length: 4 }, (_, i) => seen(1, { safe: true, units: 200 * (i + 1) })),
      begun,
    )
    expect(at(done)).toEqual(['Healthy', 5, 100])
    expect(done.history.map(({ event }) => event)).toEqual(['Started', 'Weight', 'Weight', 'Weight', 'Weight', 'Promoted'])
  })

  test('without anything to judge by the clock decides', () => {
    const unjudged = rollout.spec.parse({ ...spec, analysis: { metrics: [] } })
    const first = run([seen(0), seen(0)], undefined, unjudged)
    expect(at(run([seen(9)], first, unjudged))).toEqual(['Progressing', 1, 5])
    expect(at(run([seen(10), seen(10), seen(10)], first, unjudged))).toEqual(['Healthy', 5, 100])
  })

  test('metrics without a margin promote nobody and hold up nobody: samples and the clock do', () => {
    const guarded = rollout.spec.parse({ ...spec, analysis: { metrics: [{ name: 'feedback' }] } })
    const first = run([seen(0), seen(0)], undefined, guarded)
    const half = run([seen(11, { units: 200 }), seen(12, { units: 400 })], first, guarded)
    expect(at(run([seen(99, { units: 599 })], half, guarded))).toEqual(['Progressing', 3, 50])
    expect(at(run([seen(99, { units: 600 })], half, guarded))).toEqual(['Healthy', 5, 100])
  })

  test('a pause without an end waits for a person, also when it is safe', () => {
    const held = rollout.spec.parse({ ...spec, steps: [{ weight: 10 }, { pause: {} }, { weight: 20 }] })
    const paused = run([seen(0), seen(900, { safe: true, units: 9_999 })], undefined, held)
    expect([...at(paused), paused.pausedBy]).toEqual(['Paused', 1, 10, 'step'])
    const resumed = act(held, paused, 'resume', 'ann', seen(901, { safe: true }))
    expect('status' in resumed && at(resumed.status)).toEqual(['Progressing', 2, 20])
    expect('status' in resumed && at(run([seen(902, { safe: true, units: 20_000 })], resumed.status, held))).toEqual(['Healthy', 3, 100])
  })
})

describe('down', () => {
  test.each(['Progressing', 'Paused'] as const)('harm sends all back at once, also while it is %s', (phase) => {
    const before = phase === 'Paused' ? (act(spec, begun, 'pause', 'ann', seen(1)) as { status: RolloutStatus }).status : begun
    const back = run([seen(2, { harm: 'v2 is worse.' })], before)
    expect(at(back)).toEqual(['Degraded', 1, 0])
    expect(back.message).toBe('v2 is worse.')
    expect(back.history.at(-1)).toEqual({ time: '2026-01-01T00:02:00.000Z', event: 'RolledBack', message: 'v2 is worse.' })
    expect(run([seen(3, { safe: true })], back)).toBe(back)
  })

  test.each([
    ['pause', 'Paused', 5],
    ['rollback', 'Degraded', 0],
  ] as const)('undecided when its time is up, it does what is written: %s', (onTimeout, phase, weight) => {
    const timed = rollout.spec.parse({ ...spec, analysis: { maxDuration: '1h', onTimeout } })
    const first = run([seen(0), seen(0)], undefined, timed)
    expect(at(run([seen(59)], first, timed))[0]).toBe('Progressing')
    const over = run([seen(60)], first, timed)
    expect([over.phase, over.weight]).toEqual([phase, weight])
    expect(over.message).toBe('Not decided within 1h: errorRate wants about 900 more.')
  })

  test('a version that is not ready any more gets nothing, its share again when it is, and goes back when it stays away', () => {
    const held = run([seen(1, {}, CRASHED), seen(5, {}, CRASHED)], begun)
    expect([...at(held), held.heldSince]).toEqual(['Progressing', 1, 5, '2026-01-01T00:01:00.000Z'])
    expect(held.message).toBe('v2 is not ready: it has crashed. Its share goes to v1 until it is.')
    const released = run([seen(5.5)], held)
    expect([...at(released), released.heldSince]).toEqual(['Progressing', 1, 5, undefined])
    const back = run([seen(6, {}, CRASHED)], held)
    expect([...at(back), back.message]).toEqual(['Degraded', 1, 0, `For 5 minutes: ${CRASHED}`])
  })

  test('a route that sends nothing to the old version any more is told as what it is', () => {
    const displaced = 'Route r sends nothing to v1, so there is nothing to take from it.'
    const held = run([{ ...seen(1), displaced }], begun)
    expect([...at(held), held.message]).toEqual(['Progressing', 1, 5, `${displaced} The release waits for that to change.`])
    const aborted = act(spec, held, 'abort', 'ann', { ...seen(2), displaced })
    expect(aborted).toMatchObject({ status: { phase: 'Degraded', message: 'Aborted by ann: it moves nothing any more.' } })
    expect(act(spec, held, 'promote', 'ann', { ...seen(2), displaced })).toEqual({ refused: `It cannot be promoted. ${displaced}` })
  })

  test('what is compared anew is told, and wants its samples from nothing', () => {
    const second = run([seen(11, { units: 200 }), seen(11, { units: 200 })], begun)
    expect([...at(second), second.unitsBefore]).toEqual(['Progressing', 2, 25, 200])
    const anew = run([{ ...seen(12), anew: 'Who stays on a version has changed' }], second)
    expect(anew.unitsBefore).toBe(0)
    expect(anew.history!.map(({ event }) => event)).toContain('ComparedAnew')
    expect(at(run([seen(13, { units: 200 })], anew))).toEqual(['Progressing', 3, 50])
  })

  test('a check that is not good holds up the next weight, whatever the samples', () => {
    expect(at(run([seen(11, { units: 500, good: false })], begun))).toEqual(['Progressing', 1, 5])
  })

  test('the time starts again for whoever resumes it', () => {
    const timed = rollout.spec.parse({ ...spec, analysis: { maxDuration: '1h' } })
    const over = run([seen(0), seen(60)], undefined, timed)
    const resumed = (act(timed, over, 'resume', 'ann', seen(70)) as { status: RolloutStatus }).status
    expect(run([seen(129)], resumed, timed).phase).toBe('Progressing')
    expect(run([seen(130)], resumed, timed).phase).toBe('Paused')
  })
})

describe('by hand', () => {
  const told = (action: Action, from: RolloutStatus | undefined, minutes = 1) => {
    const result = act(spec, from, action, 'ann', seen(minutes))
    return 'status' in result ? at(result.status) : result.refused
  }
  const healthy = run(
    Array.from({ length: 8 }, (_, i) => seen(1, { safe: true, units: 200 * (i + 1) })),
    begun,
  )
  const aborted = (act(spec, begun, 'abort', 'ann', seen(1)) as { status: RolloutStatus }).status

  test('each action where it fits', () => {
    expect(told('pause', begun)).toEqual(['Paused', 1, 5])
    expect(told('promote', begun)).toEqual(['Progressing', 2, 25])
    expect(told('promote-full', begun)).toEqual(['Healthy', 5, 100])
    expect(told('abort', begun)).toEqual(['Degraded', 1, 0])
    expect(told('abort', undefined)).toEqual(['Degraded', 0, 0])
    expect(told('undo', healthy)).toEqual(['Degraded', 5, 0])
    expect(told('retry', aborted)).toEqual(['Pending', 0, 0])
  })

  test('and a reason where it does not', () => {
    expect(told('resume', begun)).toBe('It is Progressing, and can be resumed only while it is Paused.')
    expect(told('undo', begun)).toBe('It is Progressing, and can be undone only while it is Healthy.')
    expect(told('abort', healthy)).toMatch(/^It is Healthy/)
    expect(told('retry', healthy)).toMatch(/^It is Healthy/)
    expect(told('pause', aborted)).toMatch(/^It is Degraded/)
  })

  test('a new try is another one, and what was seen of the last does not count', () => {
    const again = act(spec, aborted, 'retry', 'ann', seen(5))
    expect('status' in again && [again.status.attempt, again.status.analysis, again.status.endedAt]).toEqual([2, undefined, undefined])
  })
})

test('whatever is seen in whatever order: a weight stands on the ladder, grows by one step at most, and only evidence or a person promotes', () => {
  const moment = fc.record({
    minutes: fc.integer({ min: 0, max: 60 }),
    safe: fc.boolean(),
    harm: fc.option(fc.constant('worse'), { nil: undefined, freq: 20 }),
    units: fc.integer({ min: 0, max: 500 }),
    unready: fc.option(fc.constant('no'), { nil: undefined, freq: 5 }),
  })
  const ladder = [0, 5, 25, 50, 100]
  fc.assert(
    fc.property(fc.array(moment, { maxLength: 60 }), (moments) => {
      let status: RolloutStatus | undefined
      let [minutes, units, everSafe] = [0, 0, false]
      for (const each of moments) {
        minutes += each.minutes
        units += each.units
        everSafe ||= each.safe
        const before = ladder.indexOf(status?.weight ?? 0)
        const { harm } = each
        status = advance(spec, status, seen(minutes, { safe: each.safe, units, ...(harm === undefined ? {} : { harm }) }, each.unready))
        const now = ladder.indexOf(status.weight ?? 0)
        expect(now).toBeGreaterThanOrEqual(0)
        expect(now - before).toBeLessThanOrEqual(1)
        if (status.weight === 100) expect(everSafe).toBe(true)
        if (status.phase === 'Degraded') expect(status.weight).toBe(0)
        expect(JSON.parse(JSON.stringify(status))).toEqual(status)
      }
    }),
  )
})
