import { describe, expect, test } from 'vitest'
import { probes as schema } from '../../resources/probes.ts'
import type { RunningInstance } from '../runtimes/port.ts'
import { dueOf, type Found, killed, type Life, NEW_LIFE, seeLiveness, seeReadiness, seeRun, seeWarmup, stateOf } from './lifecycle.ts'

const probes = schema.parse({ startup: { timeout: '60s' }, readiness: { failures: 3 }, liveness: { period: '10s', failures: 2 } })
const run = (over: Partial<RunningInstance> = {}): RunningInstance => ({
  id: 'a',
  config: '',
  state: 'running',
  since: 0,
  restarts: 0,
  ...over,
})
const serves: Found = { reachable: true, ready: true }
const loads: Found = { reachable: true, ready: false, message: 'it is loading' }
const silent: Found = { reachable: false, ready: false, message: 'nobody listens there' }
const seen = (life: Life, found: Found, times = 1, warmup = false) => {
  for (let i = 0; i < times; i++) life = seeReadiness(life, found, probes, warmup)
  return life
}
const here = { retiring: false, ended: false }
const state = (life: Life) => stateOf(life, here).state
const started = seeRun(NEW_LIFE, run(), 0)
const serving = seen(started, serves)

describe('from its start to its first request', () => {
  test('pending, pulling, starting, loading, ready', () => {
    expect(stateOf(NEW_LIFE, here, 'no room')).toEqual({ state: 'pending', message: 'no room' })
    expect(stateOf(seeRun(NEW_LIFE, run({ state: 'pulling', message: '1 of 2 MB' }), 0), here)).toEqual({
      state: 'pulling',
      message: '1 of 2 MB',
    })
    expect(state(seeRun(NEW_LIFE, run({ state: 'starting' }), 0))).toBe('starting')
    expect(state(started)).toBe('starting')
    expect(state(seen(started, silent))).toBe('starting')
    expect(stateOf(seen(started, loads), here)).toEqual({ state: 'loading', message: 'it is loading' })
    expect(state(serving)).toBe('ready')
  })

  test('what it says stays one line, and does nothing to a terminal', () => {
    const said = seeRun(NEW_LIFE, run({ state: 'pulling', message: '\x1b[31mred\nlines' }), 0)
    expect(stateOf(said, here).message).toBe('\\u001b[31mred\\nlines')
  })

  test('it is asked often until it is ready, then at its period', () => {
    const asked = { ...started, readinessAt: 1_000 }
    expect(dueOf(asked, probes, 1_199).readiness).toBe(false)
    expect(dueOf(asked, probes, 1_200).readiness).toBe(true)
    const ready = { ...serving, readinessAt: 1_000 }
    expect(dueOf(ready, probes, 1_999).readiness).toBe(false)
    expect(dueOf(ready, probes, 2_000).readiness).toBe(true)
    expect(dueOf(NEW_LIFE, probes, 1e9)).toEqual({ readiness: false, liveness: false, warmup: false })
  })

  test('as many successes in a row as are asked for', () => {
    const strict = schema.parse({ readiness: { successes: 3 } })
    let life = started
    for (const found of [serves, serves, loads, serves, serves]) life = seeReadiness(life, found, strict, false)
    expect(life.ready).toBe(false)
    expect(seeReadiness(life, serves, strict, false).ready).toBe(true)
  })

  test('it is warmed up before it is ready, and again after a while where that failed', () => {
    const cold = seen(started, serves, 1, true)
    expect(cold.ready).toBe(false)
    expect(dueOf(cold, probes, 0).warmup).toBe(true)
    const warming: Life = { ...cold, warm: 'warming' }
    expect(state(warming)).toBe('warming')
    expect(dueOf(warming, probes, 0).warmup).toBe(false)
    const failed = seeWarmup(warming, 'HTTP 400', 1_000)
    expect(stateOf(failed, here)).toEqual({ state: 'warming', message: 'HTTP 400' })
    expect(dueOf(failed, probes, 5_999).warmup).toBe(false)
    expect(dueOf(failed, probes, 6_000).warmup).toBe(true)
    const warm = seen(seeWarmup(warming, undefined, 1_000), serves, 1, true)
    expect(state(warm)).toBe('ready')
  })

  test('one that takes too long is ended, with what it said last; fetching its image does not count', () => {
    const slow = seen(started, loads)
    expect(dueOf(slow, probes, 60_000).restart).toBeUndefined()
    expect(dueOf(slow, probes, 60_001).restart).toBe('it did not serve within 60s: it is loading')
    const pulled = seeRun(seeRun(NEW_LIFE, run({ state: 'pulling' }), 0), run(), 1e6)
    expect(dueOf(pulled, probes, 1e6 + 60_000).restart).toBeUndefined()
  })
})

describe('while it serves', () => {
  test('it loses its requests after three failures, and has them again after one success', () => {
    expect(seen(serving, silent, 2).ready).toBe(true)
    const out = seen(serving, silent, 3)
    expect(out.ready).toBe(false)
    expect(stateOf(out, here)).toEqual({ state: 'failed', message: 'it does not answer: nobody listens there' })
    expect(state(seen(serving, loads, 3))).toBe('loading')
    expect(state(seen(out, serves))).toBe('ready')
    expect(dueOf(out, probes, 1e9).restart).toBeUndefined()
  })

  test('liveness ends it, and only after it has served', () => {
    expect(dueOf(started, probes, 1e5).liveness).toBe(false)
    expect(dueOf({ ...serving, livenessAt: 0 }, probes, 10_000).liveness).toBe(true)
    const dead = seeLiveness(seeLiveness(serving, false), false)
    expect(dueOf(dead, probes, 0).restart).toBe('it did not answer 2 liveness probes in a row')
    expect(dueOf(seeLiveness(dead, true), probes, 0).restart).toBeUndefined()
    expect(seeReadiness(dead, serves, probes, false).dead).toBe(0)
  })

  test('ends by our hand have pauses between them that double, up to five minutes, and are forgotten after ten', () => {
    let life = serving
    let now = 0
    const pauses: number[] = []
    for (let i = 0; i < 8; i++) {
      const before = now
      life = seeRun({ ...life, runningSince: undefined }, run({ restarts: i + 1 }), now)
      life = seeLiveness(seeLiveness(seen(life, serves), false), false)
      while (dueOf(life, probes, now).restart === undefined) now += 1_000
      pauses.push((now - before) / 1_000)
      life = killed(life, 'dead', now)
    }
    expect(pauses).toEqual([0, 10, 20, 40, 80, 160, 300, 300])
    expect(killed(life, 'dead', now + 600_001).kills).toBe(1)
  })
})

describe('another run', () => {
  test('begins anew, and says why there is one', () => {
    const again = seeRun(serving, run({ restarts: 1, lastEnd: 'exit code 3' }), 5_000)
    expect(again).toMatchObject({ run: 1, ready: false, served: false, runningSince: 5_000 })
    expect(stateOf(again, here)).toEqual({ state: 'starting', message: 'its last run ended: exit code 3' })
    const ended = seeRun(killed(serving, 'it did not answer', 0), run({ restarts: 1, lastEnd: 'killed by SIGKILL' }), 5_000)
    expect(stateOf(ended, here).message).toBe('its last run ended: it did not answer')
  })

  test('one that ends again and again has failed, between its starts', () => {
    const waiting = (restarts: number) => stateOf(seeRun(serving, run({ state: 'waiting', restarts, lastEnd: 'exit code 3' }), 0), here)
    expect(waiting(1)).toEqual({ state: 'failed', message: 'exit code 3' })
    expect(waiting(4)).toEqual({ state: 'failed', message: 'exit code 3; it has ended 4 times and is started again after a pause' })
    expect(seeRun(serving, run({ state: 'waiting', restarts: 1 }), 0).ready).toBe(false)
  })

  test('what it said last is told with how it ended', () => {
    const ended = seeRun(
      seen(started, { ...loads, message: 'not enough memory' }),
      run({ state: 'waiting', restarts: 2, lastEnd: 'exit code 1' }),
      0,
    )
    expect(stateOf(ended, here).message).toMatch(/^exit code 1: not enough memory; it has ended 2 times/)
    const again = seeRun(ended, run({ restarts: 3, lastEnd: 'exit code 1' }), 5)
    expect(stateOf(again, here).message).toBe('its last run ended: exit code 1: not enough memory')
    const told = seeRun(seen(started, loads), run({ restarts: 1, lastEnd: 'exit code 1: it is loading' }), 0)
    expect(stateOf(told, here).message).toBe('its last run ended: exit code 1: it is loading')
    expect(stateOf(seeRun(seen(serving, serves), run({ restarts: 1, lastEnd: 'exit code 1' }), 0), here).message).toBe(
      'its last run ended: exit code 1',
    )
  })

  test('one that its runtime does not know any more is pending', () => {
    expect(state(seeRun(serving, undefined, 0))).toBe('pending')
  })
})

test('on its way out', () => {
  expect(stateOf(serving, { retiring: true, ended: false })).toEqual({ state: 'draining' })
  expect(stateOf(serving, { retiring: true, ended: true })).toEqual({ state: 'draining', message: 'it was told to end' })
  expect(stateOf(seeRun(NEW_LIFE, run({ state: 'ending' }), 0), here).state).toBe('pending')
})
