import { describe, expect, it } from 'vitest'
import type { InstanceStatus } from '../../../src/control/status.ts'
import { probes } from '../../../src/resources/probes.ts'
import {
  busyInWords,
  contextInWords,
  instanceRows,
  limitsInWords,
  pastStates,
  plainLine,
  probesInWords,
  runtimeOf,
} from './instance-words.ts'

const instance = (id: string, state: InstanceStatus['state'], since = 0): InstanceStatus => ({
  ...{ id, state, since, runtime: 'process', simulated: false, restarts: 0, changes: [] },
})

describe('the instances of a version', () => {
  const ids = (...rows: ReturnType<typeof instanceRows>) => rows.map(({ id, hasLeft }) => (hasLeft ? `(${id})` : id))

  it('are those that there are and below them those that have left, the last first', () => {
    const list = [instance('a-1', 'ready'), instance('a-0', 'starting')]
    const left = [{ ...instance('b-0', 'stopped', 10), load: { running: 1, waiting: 0 } }, instance('b-1', 'stopped', 20)]
    const rows = instanceRows({ wanted: 2, ready: 1, list, left })
    expect(ids(...rows)).toEqual(['a-1', 'a-0', '(b-1)', '(b-0)'])
    expect(rows[3]).not.toHaveProperty('load')
    expect(instanceRows(undefined)).toEqual([])
  })

  it('stand there once, whatever has left under the same id', () => {
    const left = [instance('a-0', 'stopped', 10), instance('a-1', 'stopped', 20), instance('a-1', 'stopped', 30)]
    const rows = instanceRows({ wanted: 1, ready: 1, list: [instance('a-0', 'ready')], left })
    expect(ids(...rows)).toEqual(['a-0', '(a-1)'])
    expect(rows[1]).toMatchObject({ since: 30 })
  })
})

it('how busy it is, as far as it tells', () => {
  const loads = [
    undefined,
    { waiting: 0 },
    { running: 3, waiting: 0 },
    { running: 3, sequences: 4, waiting: 0 },
    { running: 4, waiting: 7 },
  ]
  expect(loads.map(busyInWords)).toEqual([undefined, undefined, '3', '3 of 4', '4 · 7 waiting'])
})

it('context as tokens, else as the share of a cache', () => {
  const loads = [undefined, {}, { cacheUsed: 0.734 }, { kvUsedTokens: 1200, kvTotalTokens: 8192, cacheUsed: 0.1 }]
  expect(loads.map(contextInWords)).toEqual([undefined, undefined, '73\u202f%', '1,200 of 8,192'])
})

it('past states, the newest first, with how long each lasted', () => {
  const changes = [
    { state: 'starting', at: 1_000, message: 'killed' },
    { state: 'ready', at: 1_340 },
    // The clock was set back.
    { state: 'draining', at: 1_200 },
  ] as const
  expect(pastStates(changes)).toEqual([
    { state: 'draining', at: 1_200, lasted: undefined },
    { state: 'ready', at: 1_340, lasted: 0 },
    { state: 'starting', at: 1_000, message: 'killed', lasted: 340 },
  ])
  expect(pastStates([])).toEqual([])
})

it.each([
  ['plain', 'plain'],
  ['', ''],
  ['\x1b[1;32mINFO\x1b[0m up', 'INFO up'],
  ['\x1b]8;;https://a.example\x1b\\here\x1b]8;;\x07 it is', 'here it is'],
  ['load:   0%\rload:  50%\rload: 100%', 'load: 100%'],
  ['load:   0%\rload: 100%\r', 'load: 100%'],
  ['windows\r', 'windows'],
  ['tab\tand ünïcode 模型', 'tab\tand ünïcode 模型'],
])('%j is printed as %j', (line, plain) => {
  expect(plainLine(line)).toBe(plain)
})

it('limits, as far as they are set', () => {
  const limits = [undefined, {}, { cpu: '1' }, { cpu: '500m', memory: '8Gi' }, { cpu: '2.5', gpus: 1 }, { gpus: 2 }, { gpus: 0 }]
  expect(limits.map(limitsInWords)).toEqual(['', '', '1 core', '0.5 cores, 8Gi of memory', '2.5 cores, 1 GPU', '2 GPUs', 'no GPUs'])
})

it('probes as sentences', () => {
  expect(probesInWords(probes.parse({ readiness: { path: '/health', failures: 1, successes: 2 } }))).toEqual({
    startup: 'it serves within 10m, or is started again',
    readiness: 'GET /health every 1s, answered within 2s; one failure, and it gets no requests until it has succeeded 2 times in a row',
    liveness: 'asked in its protocol every 10s, answered within 5s; 6 failures in a row, and it is started again',
  })
})

it('an image runs in a container, an engine as a process, unless said', () => {
  const source = { engine: { kind: 'simulated' } } as never
  expect(runtimeOf({ source })).toBe('process')
  expect(runtimeOf({ source, runtime: 'docker' })).toBe('docker')
  expect(runtimeOf({ source: { image: {} } as never })).toBe('docker')
})
