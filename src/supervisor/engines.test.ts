import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { homeAt, makeHome } from '../kernel/home.ts'
import { parseWantedEngines, planEngines, rememberEngines, rememberedEngines } from './engines.ts'

const wanted = (id: string, config = 'a') => ({ id, config, drainTimeoutMs: 1_000 })

test.each([
  { name: 'what is missing is started', running: [], wants: [wanted('x')], start: ['x'], drain: [] },
  {
    name: 'what runs as wanted is left alone',
    running: [{ id: 'x', config: 'a', draining: false }],
    wants: [wanted('x')],
    start: [],
    drain: [],
  },
  { name: 'what is no longer named drains', running: [{ id: 'x', config: 'a', draining: false }], wants: [], start: [], drain: ['x'] },
  {
    name: 'a changed one drains first',
    running: [{ id: 'x', config: 'a', draining: false }],
    wants: [wanted('x', 'b')],
    start: [],
    drain: ['x'],
  },
  {
    name: 'another memory limit is no reason to replace it',
    running: [{ id: 'x', config: 'a', draining: false }],
    wants: [{ ...wanted('x'), memoryLimitBytes: 1 }],
    start: [],
    drain: [],
  },
  { name: 'one that leaves is not told twice', running: [{ id: 'x', config: 'a', draining: true }], wants: [], start: [], drain: [] },
  { name: 'nor started beside itself', running: [{ id: 'x', config: 'a', draining: true }], wants: [wanted('x')], start: [], drain: [] },
])('$name', ({ running, wants, start, drain }) => {
  const plan = planEngines(running, wants)
  expect(plan.start.map(({ id }) => id)).toEqual(start)
  expect(plan.drain).toEqual(drain)
})

test('whatever runs: nothing is started beside itself, and saying the set that runs changes nothing', () => {
  const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'))
  fc.assert(
    fc.property(ids, ids, (running, wants) => {
      const now = running.map((id) => ({ id, config: 'a', draining: false }))
      const plan = planEngines(
        now,
        wants.map((id) => wanted(id)),
      )
      expect(plan.start.filter(({ id }) => now.some((one) => one.id === id))).toEqual([])
      expect(
        planEngines(
          now,
          running.map((id) => wanted(id)),
        ),
      ).toEqual({ start: [], drain: [] })
    }),
  )
})

test('the body of PUT /engines is checked: an id names files', () => {
  expect(parseWantedEngines([wanted('assistant-v1-0')])).toEqual([wanted('assistant-v1-0')])
  const limited = { ...wanted('assistant-v1-0'), memoryLimitBytes: 64 * 2 ** 20 }
  expect(parseWantedEngines([limited])).toEqual([limited])
  for (const body of [
    {},
    null,
    [null],
    [{ ...wanted('x'), id: '../x' }],
    [{ ...wanted('x'), config: 1 }],
    [{ ...wanted('x'), drainTimeoutMs: -1 }],
    [{ ...wanted('x'), memoryLimitBytes: 0 }],
    [{ ...wanted('x'), memoryLimitBytes: '64Mi' }],
    [wanted('x'), wanted('x')],
  ])
    expect(() => parseWantedEngines(body)).toThrow('PUT /engines')
})

test('what ran last is nothing at first, then what was said, and nothing again when the file is spoiled', () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-engines-'))
  try {
    const home = homeAt(folder)
    makeHome(home)
    expect(rememberedEngines(home)).toEqual([])
    rememberEngines(home, [wanted('assistant-v1-0')])
    expect(rememberedEngines(home)).toEqual([wanted('assistant-v1-0')])
    writeFileSync(join(home.run, 'engines.json'), '[{"id":"../../etc"')
    expect(rememberedEngines(home)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
