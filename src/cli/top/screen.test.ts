import { describe, expect, it } from 'vitest'
import type { Rates, TrafficEvent } from '../../control/records/traffic-event.ts'
import type { SystemStatus } from '../../control/status.ts'
import type { Resource } from '../../resources/index.ts'
import { renderLine, sparkline } from '../lines.ts'
import { palette } from '../terminal.ts'
import { type Seen, screenLines } from './screen.ts'

const NOW = Date.UTC(2026, 0, 1)
const rates = (more: Partial<Rates> = {}): Rates => ({
  requestsPerSecond: 2.5,
  errorRate: 0,
  tokensPerSecond: 30,
  firstTokenP50: 57,
  firstTokenP95: 61,
  running: 1,
  ...more,
})
const load = {
  running: 1,
  waiting: 0,
  sequences: 4,
  maxWaiting: 64,
  tokensPerSecond: 30,
  kvUsedTokens: 128,
  kvTotalTokens: 512,
  cacheUsed: 0.25,
  residentBytes: 98_400_000,
}
const seen = (instances = 1, more: { errorRate?: number } = {}): Seen => ({
  status: {
    version: '0.1.0',
    startedAt: new Date(NOW - 3 * 3_600_000).toISOString(),
    gatewayUrl: 'http://127.0.0.1:7400',
    snapshot: { version: 7 },
    gateways: [{ id: 'gateway-0', version: 7, status: 'ack', connected: true }],
    processes: [],
    warnings: [],
    versions: [
      {
        name: 'assistant-v1',
        namespace: 'default',
        model: 'assistant',
        version: 'v1',
        engine: 'llama',
        state: 'Ready',
        simulated: false,
        instances: {
          wanted: instances,
          ready: instances,
          list: Array.from({ length: instances }, (_, i) => ({
            id: `assistant-v1-${i}`,
            state: 'ready',
            simulated: false,
            restarts: 0,
            since: NOW - 60_000,
            load,
          })),
        },
      },
    ],
  } as unknown as SystemStatus,
  traffic: {
    total: rates(more),
    versions: { 'default/assistant-v1': rates(more) },
    series: { requests: [1, 2, 3], errors: [0, 0, 0], tokens: [10, 20, 30], firstTokenP50: [null, 50, 60], firstTokenP95: [null, 60, 61] },
  } as unknown as TrafficEvent,
  routes: [
    {
      metadata: { name: 'assistant', namespace: 'default' },
      spec: { targets: [{ version: 'assistant-v1', weight: 90 }] },
    } as unknown as Resource<'Route'>,
  ],
})
const plain = palette({ write: () => true }, { NO_COLOR: '1' })
const coloured = palette({ write: () => true }, { FORCE_COLOR: '1' })
const text = (each: Seen, columns = 120, rows?: number, away?: string) =>
  screenLines(each, { columns, rows }, NOW, away).map((line) => renderLine(line, columns, plain).trimEnd())

describe('the screen', () => {
  it('says all that the Overview says', () => {
    expect(text(seen())).toEqual([
      'Strata 0.1.0  up 3h  ● all is well',
      'http://127.0.0.1:7400  1 of 1 gateway at snapshot 7',
      '',
      'Requests     2.5 /s, 1 running          ▃▆█',
      'First token  p50 57 ms, p95 61 ms        ▇█',
      'Tokens       30 /s                      ▃▆█',
      'Errors       0 %',
      '',
      'VERSION       STATE    READY  TRAFFIC            REQUESTS  FIRST P50    P95  TOKENS  ERRORS',
      'assistant@v1  ● Ready    1/1  90 % of assistant    2.5 /s      57 ms  61 ms   30 /s     0 %',
      '',
      'INSTANCE        STATE    BUSY  WAITING  TOKENS  CONTEXT   MEMORY  RESTARTS  SINCE',
      'assistant-v1-0  ● ready   1/4        0   30 /s     25 %  98.4 MB         0    60s',
    ])
  })

  it('fits into any terminal, and says what it leaves out', () => {
    for (const [columns, rows] of [
      [40, 12],
      [20, 5],
      [100, 30],
      [1, 1],
    ] as const) {
      const lines = text(seen(50), columns, rows)
      expect(lines.length).toBeLessThanOrEqual(rows)
      expect(lines.every((line) => [...line].length <= columns)).toBe(true)
    }
    expect(text(seen(50), 120, 24).at(-1)).toMatch(/^… \d+ more lines$/)
  })

  it('says that what it shows is old', () => {
    expect(text(seen(), 120, undefined, 'reconnecting…')[0]).toContain('reconnecting…')
  })

  it('marks errors in red, and cuts no control sequence in two', () => {
    const lines = screenLines(seen(1, { errorRate: 0.2 }), { columns: 120 }, NOW).map((line) => renderLine(line, 120, coloured))
    expect(lines.some((line) => line.includes('\x1b[31m') && line.includes('20 %'))).toBe(true)
    for (let columns = 1; columns < 60; columns++)
      for (const line of screenLines(seen(), { columns }, NOW))
        expect(renderLine(line, columns, coloured).replaceAll(/\x1b\[\d+m/g, '')).not.toContain('\x1b')
  })
})

it('a row of bars is scaled to its highest value, and to no less than was said', () => {
  expect(sparkline([0, 1, 2, 4], 10, 1)).toBe(' ▃▅█')
  expect(sparkline([0, 1], 10, 100)).toBe(' ▁')
  expect(sparkline([null, 3, 3], 2, 1)).toBe('██')
  expect(sparkline([1, 2, 3], 0, 1)).toBe('')
})

it('says in which namespace a version is, where that is not the default one', () => {
  const { status, ...rest } = seen()
  const versions = [status.versions[0]!, { ...status.versions[0]!, namespace: 'team-b' }]
  expect(text({ ...rest, status: { ...status, versions } }).join('\n')).toMatch(/^assistant@v1 .*\nteam-b\/assistant@v1 /m)
})
