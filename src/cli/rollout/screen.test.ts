import { describe, expect, it } from 'vitest'
import { KINDS, type Resource } from '../../resources/index.ts'
import { ladderOf, metricViews, type Rollout } from '../../resources/rollout-view.ts'
import { renderLine } from '../lines.ts'
import { palette } from '../terminal.ts'
import { rolloutLines, type Seen } from './screen.ts'

const NOW = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number) => new Date(NOW - seconds * 1_000).toISOString()

type Status = NonNullable<Rollout['status']>
const arm = (units: number, mean: number, low: number, high: number) => ({ units, mean, low, high })
const analysis: NonNullable<Status['analysis']> = [
  { name: 'errorRate', baseline: arm(3_231, 0.81, 0.6, 1.1), candidate: arm(1_204, 0.9, 0.4, 1.9), harm: 0.21, safety: 1, verdict: 'safe' },
  {
    name: 'totalTime p95',
    baseline: arm(3_038, 5.1, 4.2, 6.3),
    candidate: arm(1_166, 6.6, 4.4, 9.1),
    threshold: 1_240,
    harm: 0.484,
    safety: 0.03,
    missing: 11_696,
    verdict: 'undecided',
  },
  { name: 'tokensPerAnswer', baseline: arm(0, 0, 0, 100), candidate: arm(1, 13, 5.8, 23), verdict: 'watched' },
]
const status: Status = {
  conditions: [],
  phase: 'Progressing',
  step: 2,
  weight: 25,
  attempt: 1,
  startedAt: ago(900),
  stepStartedAt: ago(192),
  unitsBefore: 1_084,
  message: 'Before 50 % at least 200 units of assistant-v2 are waited for. totalTime wants about 12,000 more requests or callers.',
  analysis,
  history: [
    { time: ago(900), event: 'Started', message: 'assistant-v2 is compared with assistant-v1.' },
    { time: ago(192), event: 'Weight', message: 'assistant-v2 gets 25 % of what went to assistant-v1.' },
  ],
}
function rollout(more: Partial<Status> = {}, spec: object = {}): Rollout {
  return {
    apiVersion: 'strata.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'assistant-v2', namespace: 'default' },
    spec: KINDS.Rollout.spec.parse({
      route: 'assistant',
      from: 'assistant-v1',
      to: 'assistant-v2',
      steps: [{ weight: 5 }, { pause: '10m' }, { weight: 25 }, { weight: 50 }],
      analysis: { metrics: [{ name: 'errorRate' }, { name: 'totalTime' }, { name: 'tokensPerAnswer', most: 512, watch: true }] },
      ...spec,
    }),
    status: { ...status, ...more },
  }
}
const route = (by = 'Rollout/assistant-v2') =>
  ({
    spec: { targets: [{ version: 'assistant-v1', weight: 100 }] },
    status: {
      effective: {
        by,
        targets: [
          { version: 'assistant-v1', weight: 75 },
          { version: 'assistant-v2', weight: 25 },
        ],
      },
    },
  }) as unknown as Resource<'Route'>

const plain = palette({ write: () => true }, { NO_COLOR: '1' })
const text = (seen: Partial<Seen>, columns: number, rows?: number, away?: string) =>
  rolloutLines({ rollout: rollout(), route: route(), ...seen }, { columns, rows }, NOW, away).map((line) =>
    renderLine(line, columns, plain).trimEnd(),
  )

describe('the screen', () => {
  it('says all at 80 columns', () => {
    expect(text({}, 80)).toEqual([
      'assistant-v2  ▲ Progressing  step 3 of 4  for 15m',
      'Route    assistant',
      'Weights  assistant-v1 75 % → assistant-v2 25 %',
      '         decided by this release',
      'Before 50 % at least 200 units of assistant-v2 are waited for. totalTime wants',
      'about 12,000 more requests or callers.',
      '',
      '✔  1  5 %',
      '✔  2  pause 10m',
      '●  3  25 %  for 3m, 120 of 200 units',
      '○  4  50 %',
      '○  5  100 %',
      '',
      'errorRate  ✔ safe',
      '  share of requests that failed',
      '  assistant-v1  0.81 %  0.6–1.1  ······├───●─────┤·················  3,231 units',
      '  assistant-v2   0.9 %  0.4–1.9  ··├─────────●──────────────────┤··  1,204 units',
      '  harm     ██░░░░░░░░  21 % of the proof that it is worse',
      '  safety   ██████████  proven not worse by 0.5 points',
      '',
      'totalTime p95  ○ undecided',
      '  share whose whole answer took over 1.24 s, the p95 of assistant-v1',
      '  assistant-v1   5.1 %  4.2–6.3  ··├─────●─────┤···················  3,038 units',
      '  assistant-v2   6.6 %  4.4–9.1  ···├────────────●──────────────┤··  1,166 units',
      '  harm     █████░░░░░  48 % of the proof that it is worse',
      '  safety   █░░░░░░░░░  3 % of the proof that it is not worse by 3 points',
      '  missing  about 12,000 more units until it can be shown to be safe',
      '',
      'tokensPerAnswer  · only watched',
      '  tokens of an answer, in percent of 512',
      '  assistant-v1       –  nothing yet                                      0 units',
      '  assistant-v2    13 %  5.8–23       ··├───────────●────────────────┤··   1 unit',
      '',
      ' 15m  Started  assistant-v2 is compared with assistant-v1.',
      '  3m  Weight   assistant-v2 gets 25 % of what went to assistant-v1.',
    ])
  })

  it('uses what a wide terminal has, and leaves pictures out of a narrow one', () => {
    expect(text({}, 120).find((line) => line.includes('0.6–1.1'))).toMatch(
      /^ {2}assistant-v1 {2}0\.81 % {2}0\.6–1\.1 {2}[·├─●┤]{40} {2}3,231 units$/,
    )
    const narrow = text({}, 50)
    expect(narrow.find((line) => line.includes('0.6–1.1'))).toBe('  assistant-v1  0.81 %  0.6–1.1  3,231 units')
    expect(text({}, 60).join('\n')).toContain('48 % of the proof that it is worse')
  })

  it('fits into any terminal, and says what it leaves out', () => {
    for (const columns of [1, 20, 60, 80, 120])
      for (const rows of [1, 5, 12, 22, 30, 38, 60]) {
        const lines = text({}, columns, rows)
        expect(lines.length).toBeLessThanOrEqual(rows)
        expect(lines.filter((line) => [...line].length > columns)).toEqual([])
      }
    expect(text({}, 80, 10).at(-1)).toMatch(/^… \d+ more lines$/)
  })

  it('sets the steps side by side on a low terminal, then leaves sentences out', () => {
    const low = text({}, 80, 32)
    expect(low).toContain('✔ 5 %  ✔ pause 10m  ● 25 % (for 3m, 120 of 200 units)  ○ 50 %  ○ 100 %')
    expect(low).toContain('  share of requests that failed')
    const lower = text({}, 80, 24)
    expect(lower).toContain('errorRate  ✔ safe  harm █░░░░  safety █████')
    expect(lower).not.toContain('  share of requests that failed')
    expect(lower.at(-1)).toContain('assistant-v2 gets 25 %')
  })

  it('says that what it shows is old', () => {
    expect(text({}, 80, undefined, 'reconnecting…')).toContain('reconnecting…')
  })

  it('says who decides when it is somebody else, and when the route is gone', () => {
    expect(text({ route: route('spec') }, 80)).toContain('         as the route says')
    expect(text({ route: route('Rollout/other') }, 80)).toContain('         decided by Rollout/other')
    expect(text({ route: undefined }, 80)).toContain('Weights  assistant-v1 → assistant-v2  25 %; the route is gone')
  })

  it.each<[Partial<Status>, string]>([
    [{ phase: 'Pending', step: 0, weight: 0 }, 'assistant-v2  ○ Pending  for 15m'],
    [{ phase: 'Paused', pausedBy: 'user', attempt: 2 }, 'assistant-v2  ‖ Paused by hand  step 3 of 4  for 15m  try 2'],
    [{ phase: 'Paused', pausedBy: 'timeout' }, 'assistant-v2  ‖ Paused as time is up  step 3 of 4  for 15m'],
    [{ phase: 'Healthy', step: 4, endedAt: ago(60) }, 'assistant-v2  ● Healthy  since 60s'],
    [{ phase: 'Degraded', endedAt: ago(60) }, 'assistant-v2  ■ Degraded  since 60s'],
  ])('tells a phase by sign and word: %j', (more, head) => {
    expect(text({ rollout: rollout(more) }, 80)[0]).toBe(head)
  })

  it('shows what control has not looked at yet', () => {
    const { status: _, ...fresh } = rollout()
    expect(text({ rollout: fresh }, 80).slice(0, 2)).toEqual(['assistant-v2  ○ Pending', 'Route    assistant'])
  })
})

describe('checks', () => {
  const spec = {
    analysis: {
      metrics: [],
      checks: ['latency', 'quality', 'mood'].map((name) => ({ name, webhook: { address: 'http://127.0.0.1:9' } })),
    },
  }
  const checks = [
    { name: 'latency', good: true, failures: 0, message: '0.21, at most 0.5', time: ago(12) },
    { name: 'quality', good: false, failures: 2, message: 'the judge prefers v1', time: ago(12) },
    { name: 'mood', failures: 0, message: 'not answered yet', time: '' },
  ]

  it('are told by sign, word, and what was answered when', () => {
    const lines = text({ rollout: rollout({ analysis: [], checks }, spec) }, 80)
    expect(lines.slice(lines.indexOf('Checks'), lines.indexOf('Checks') + 4)).toEqual([
      'Checks',
      '  ✔ latency  good              0.21, at most 0.5 (12s ago)',
      '  ✗ quality  bad 2 of 3 times  the judge prefers v1 (12s ago)',
      '  ○ mood     no answer         not answered yet',
    ])
  })

  it('a version that is not ready any more is held, and that is seen', () => {
    expect(text({ rollout: rollout({ heldSince: ago(20) }) }, 80)[0]).toBe(
      'assistant-v2  ▲ Progressing  held for 20s  step 3 of 4  for 15m',
    )
  })
})

describe('the ladder', () => {
  const states = (more: Partial<Status>, spec?: object) =>
    ladderOf(rollout(more, spec), NOW).map(({ state, detail }) => `${state} ${detail}`.trim())

  it('tells what is left of a pause, and what is waited for after it', () => {
    const paused = { step: 1, unitsBefore: 1_084 }
    expect(states({ ...paused, stepStartedAt: ago(60) })[1]).toBe('now 9m left')
    expect(states({ ...paused, stepStartedAt: ago(660) })[1]).toBe('now is over, 120 of 200 units')
    expect(states({ step: 0 }, { steps: [{ pause: {} }, { weight: 5 }] })[0]).toBe('now until somebody promotes')
  })

  it('stands where it was when it ended', () => {
    expect(states({ phase: 'Degraded' })).toEqual(['done', 'done', 'failed', 'ahead', 'ahead'])
    expect(states({ phase: 'Healthy', step: 4 })).toEqual(Array(5).fill('done'))
    expect(states({ phase: 'Pending', step: 0 })).toEqual(Array(5).fill('ahead'))
  })

  it('waits for no units where nothing is judged, where there are enough, and before the last step', () => {
    expect(states({}, { analysis: { metrics: [] } })[2]).toBe('now for 3m')
    expect(states({ unitsBefore: 1_000 })[2]).toBe('now for 3m')
    expect(states({ step: 3 })[3]).toBe('now for 3m')
  })
})

describe('a metric', () => {
  const view = (report: Partial<(typeof analysis)[number]>, metric: object, more: Partial<Status> = {}) =>
    metricViews(rollout({ analysis: [{ ...analysis[1]!, ...report }], ...more }, { analysis: { metrics: [metric] } }))[0]!

  it('says what decides it, and what it still takes', () => {
    const time = { name: 'timeToFirstToken', quantile: 99, harmMargin: 1 }
    expect(view({ harm: 1, verdict: 'harm' }, time)).toMatchObject({
      what: 'share whose first token took over 1.24 s, the p99 of assistant-v1',
      verdict: { word: 'worse', tone: 'bad' },
      harm: { words: 'proven worse by more than 1 point' },
    })
    expect(view({ threshold: undefined }, time).what).toBe(
      'share whose first token is slower than the p99 of assistant-v1, which is not known yet',
    )
    expect(view({ missing: undefined }, time).missing).toBe('no number of requests would show it to be safe at this weight')
    expect(view({}, { name: 'cost', most: 0.5 })).toMatchObject({ missing: 'looked at for harm only' })
    expect(view({}, { name: 'cost', most: 0.5 }).safety).toBeUndefined()
    expect(view({}, { name: 'feedback', margin: 2 }).what).toBe('dissatisfaction with the answers that were rated')
    expect(view({}, time, { phase: 'Degraded' }).missing).toBeUndefined()
  })
})
