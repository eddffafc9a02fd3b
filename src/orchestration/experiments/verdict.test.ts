import { describe, expect, test } from 'vitest'
import { specWith } from './lab.ts'
import { advance, type ExperimentStatus, stop } from './verdict.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const nothing = { now: NOW, arms: [], prepared: 0 }
const spec = specWith()

describe('it begins', () => {
  test('when all arms can answer', () => {
    const waiting = advance(spec, undefined, { ...nothing, unready: 'v2 of the arm other is Starting.' })
    expect(waiting).toMatchObject({ phase: 'Pending', message: 'It begins when it can: v2 of the arm other is Starting.' })
    expect(advance(spec, waiting, { ...nothing, now: NOW + 500 })).toMatchObject({
      phase: 'Running',
      startedAt: '2026-01-01T00:00:00.500Z',
      dividedAt: '2026-01-01T00:00:00.500Z',
    })
  })

  test('with a preparation, which is waited out, and longer where an arm cannot answer', () => {
    const prepared = specWith({ preparation: '1h' })
    const begun = advance(prepared, undefined, nothing)
    expect(begun).toMatchObject({ phase: 'Preparing' })
    expect(begun).not.toHaveProperty('dividedAt')
    const half = advance(prepared, begun, { ...nothing, now: NOW + 1_800_000, prepared: 1_200 })
    expect(half).toMatchObject({
      phase: 'Preparing',
      prepared: 1_200,
      message: '1,200 callers are known; they are divided in about 30 min.',
    })
    const late = { ...nothing, now: NOW + 3_600_000, prepared: 1_300 }
    expect(advance(prepared, half, { ...late, unready: 'v2 of the arm other is Failed.' })).toMatchObject({ phase: 'Preparing' })
    expect(advance(prepared, half, late)).toMatchObject({ phase: 'Running', prepared: 1_300, dividedAt: '2026-01-01T01:00:00.000Z' })
  })
})

test('while an arm cannot answer nobody is divided', () => {
  const running = advance(spec, undefined, nothing)
  const held = advance(spec, running, { ...nothing, now: NOW + 1_000, unready: 'v2 of the arm other is Failed.' })
  expect(held).toMatchObject({ phase: 'Running', heldSince: '2026-01-01T00:00:01.000Z' })
  expect(advance(spec, held, { ...nothing, now: NOW + 9_000, unready: 'v2 of the arm other is Failed.' })).toEqual(held)
  const again = advance(spec, held, { ...nothing, now: NOW + 10_000 })
  expect(again.heldSince).toBeUndefined()
  expect(again.history.map(({ event }) => event)).toEqual(['Running', 'Held', 'Divided'])
})

describe('a person', () => {
  test('ends it at any time before it is decided', () => {
    for (const status of [undefined, advance(spec, undefined, nothing)]) {
      const stopped = stop(status, 'anna', NOW + 5_000) as ExperimentStatus
      expect(stopped).toMatchObject({ phase: 'Decided', decision: 'inconclusive', endedAt: '2026-01-01T00:00:05.000Z' })
      expect(stopped.message).toBe('anna has stopped it before it was decided.')
      expect(stop(stopped, 'ben', NOW + 6_000)).toEqual({ refused: 'it is decided already: anna has stopped it before it was decided.' })
      expect(advance(spec, stopped, nothing)).toBe(stopped)
    }
  })
})
