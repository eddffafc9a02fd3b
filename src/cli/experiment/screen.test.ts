import { describe, expect, it } from 'vitest'
import { ago, exampleExperiment, NOW, short } from '../../resources/example-experiment.ts'
import { renderLine } from '../lines.ts'
import { palette } from '../terminal.ts'
import { experimentLines } from './screen.ts'

const plain = palette({ write: () => true }, { NO_COLOR: '1' })
const text = (experiment: ReturnType<typeof exampleExperiment>, columns: number, rows?: number, away?: string) =>
  experimentLines(experiment, { columns, ...(rows === undefined ? {} : { rows }) }, NOW, away).map((line) =>
    renderLine(line, columns, plain).trimEnd(),
  )

describe('the screen', () => {
  it('says all at 80 columns', () => {
    expect(text(exampleExperiment(), 80)).toEqual([
      'shorter  ▲ Running  divided for 3d, 11d left',
      'Route    assistant; callers are assigned by the header x-user-id, else by the',
      '         consumer',
      'Metric   feedback: mean score of the answers that were rated; 2 points more are',
      '         worth having',
      'Ratio    callers come to the arms as set (p 0.42)',
      'short: +1.2 points (−0.4 to 2.8, p 0.12). If it is better than control by 2',
      'points, about 3,000 more callers or requests show it.',
      '',
      'Bars: −10 to 3.4 points better than control; │ no difference, ┊ worth having',
      '',
      'control  the control  40 %, 50 % now  2,104 callers',
      '  assistant-v1',
      '',
      'short  ▲ running  40 %, 50 % now  2,106 callers',
      '  assistant-v1, prompt "Answer in one sentence.", top p 0.9, at most 64 tokens',
      '  effect   +1.2 points (−0.4 to 2.8)          ························├│──●─┊─┤·',
      '           p 0.12 at any look; asymptotic: good for large numbers, shown from',
      '           500 callers an arm; 43 % of the variance is gone, as callers were',
      '           watched before',
      '  better        ███░░░░░░░  31 % of the proof that it is better',
      '  worse         ░░░░░░░░░░  0 % of the proof that it is worse',
      '  not worth it  █░░░░░░░░░  12 % of the proof that it is not better by 2 points',
      '  metric           control            short',
      '  feedback         71.2 %  69.9–72.5  72.4 %  71.1–73.8  ○ undecided',
      '  errorRate         0.9 %  0.6–1.3    0.81 %  0.5–1.2    ✔ safe',
      '    share of requests that failed',
      '  totalTime p95     5.1 %  4.2–6.3     6.6 %  4.4–9.1    ○ undecided',
      '    share whose whole answer took over 1.24 s, the p95 of control; about 12,000',
      '    more units until it can be shown to be safe',
      '  tokensPerAnswer    41 %  40–42        12 %  11–13      · only watched',
      '    tokens of an answer, in percent of 512',
      '',
      'blunt  ✗ stopped for harm  20 %  340 callers',
      '  assistant-v2',
      '  blunt is worse: dissatisfied with their answers are, of those who said so, 39',
      '  % of 336 there and 29 % of 338 on control at the same time. Its figures are',
      '  those of that moment.',
      '  effect   −9.6 points (−18 to 0)             ◂●───────────────────────┤····┊···',
      '           p below 0.001 at any look; exact: holds for any number of callers',
      '  better        ░░░░░░░░░░  0 % of the proof that it is better',
      '  worse         ██████████  proven worse',
      '  not worth it  ██████████  proven not better by 2 points',
      '  metric    control            blunt',
      '  feedback  71.0 %  67.0–74.0  61.0 %  57.0–65.0  ✗ worse',
      '',
      '  4d  Preparing       Callers are watched for 1d; all go where the route says.',
      '  3d  Running         Callers are divided between the arms; 1,234 callers are',
      '                      known from before.',
      '  2h  StoppedForHarm  blunt is worse.',
    ])
  })

  it('fits into any terminal, and says what it leaves out', () => {
    for (const columns of [1, 20, 60, 80, 120])
      for (const rows of [1, 5, 12, 22, 30, 38, 60]) {
        const lines = text(exampleExperiment(), columns, rows)
        expect(lines.length).toBeLessThanOrEqual(rows)
        expect(lines.filter((line) => [...line].length > columns)).toEqual([])
      }
    expect(text(exampleExperiment(), 80, 10).at(-1)).toMatch(/^… \d+ more lines$/)
  })

  it('uses what a wide terminal has, and leaves pictures out of a narrow one', () => {
    const bar = (columns: number) => text(exampleExperiment(), columns).find((line) => line.includes('effect   +1.2'))
    expect(bar(120)).toMatch(/^ {2}effect {3}\+1\.2 points \(−0\.4 to 2\.8\) +[·├─│●┊┤]{40}$/)
    expect(bar(60)).toBe('  effect   +1.2 points (−0.4 to 2.8)')
    expect(text(exampleExperiment(), 60)).toContain('  feedback         71.2 %   72.4 %  ○ undecided')
    expect(text(exampleExperiment(), 60).join('\n')).not.toContain('Bars:')
  })

  it('says less of stopped arms on a low terminal, then leaves sentences out, then draws the evidence in one line', () => {
    const about = '    share of requests that failed'
    const row = '  errorRate         0.9 %  0.6–1.3    0.81 %  0.5–1.2    ✔ safe'
    const low = text(exampleExperiment(), 80, 42)
    expect(low).toEqual(expect.arrayContaining([row, about, '  better ░░░░░  worse █████  not worth it █████']))
    expect(low.at(-1)).toContain('blunt is worse.')
    const lower = text(exampleExperiment(), 80, 37)
    expect(lower).toContain(row)
    expect(lower).not.toContain(about)
    const lowest = text(exampleExperiment(), 80, 26)
    expect(lowest).toContain('  better ██░░░  worse ░░░░░  not worth it █░░░░')
    expect(lowest).toContain('  feedback ○ undecided  errorRate ✔ safe  totalTime p95 ○ undecided')
    expect(lowest.at(-1)).toContain('blunt is worse.')
  })

  it('sets what is judged over as many lines as it takes', () => {
    const metrics = [...short.metrics!.slice(0, 3), ...short.metrics!.slice(1, 3)]
    const many = exampleExperiment({ arms: [{ ...short, metrics }] })
    expect(text(many, 80, 20).filter((line) => / (undecided|safe)$/.test(line))).toEqual([
      '  feedback ○ undecided  errorRate ✔ safe  totalTime p95 ○ undecided',
      '  errorRate ✔ safe  totalTime p95 ○ undecided',
    ])
  })

  it('says that what it shows is old', () => {
    const lines = text(exampleExperiment(), 80, undefined, 'reconnecting…')
    expect(lines).toContain('reconnecting…')
    expect(lines.join('\n')).not.toContain('If it is better than control')
  })

  it.each([
    [{ phase: 'Pending' }, 'shorter  ○ Pending'],
    [{ phase: 'Preparing', startedAt: ago(3_600 * 20) }, 'shorter  ◔ Preparing  callers watched for 20h, 4h left'],
    [{ heldSince: ago(20) }, 'shorter  ‖ Held  divided for 3d, 11d left'],
    [{ phase: 'Decided', decision: 'ship', arm: 'short', endedAt: ago(60) }, 'shorter  ● Decided: ship short  60s ago, after 2d'],
    [{ phase: 'Decided', decision: 'harm', arm: 'short', endedAt: ago(60) }, 'shorter  ■ Decided: short does harm  60s ago, after 2d'],
  ] as const)('tells what is by sign and word: %j', (more, head) => {
    expect(text(exampleExperiment(more), 80)[0]).toBe(head)
  })

  it('paints what is proven, and writes no colour where none is wanted', () => {
    const better = exampleExperiment({ arms: [{ ...short, better: 1 }] })
    const colours = palette({ write: () => true }, { FORCE_COLOR: '1' })
    const drawn = experimentLines(better, { columns: 80 }, NOW).map((line) => renderLine(line, 80, colours))
    expect(drawn.find((line) => line.includes('effect'))).toMatch(/\x1b\[32m[·├─●┊│┤]+\x1b\[39m/)
    expect(text(better, 80).join('')).not.toContain('\x1b')
  })

  it('gives no command that stands in a prompt to the terminal', () => {
    const prompt = { system: 'Be\n\n brief.\x1b[2J\x07\u202e\x9b31m "x"' }
    const evil = exampleExperiment(
      {},
      {
        arms: [
          { name: 'control', version: 'a', weight: 50 },
          { name: 'short', version: 'a', weight: 50, prompt },
        ],
      },
    )
    expect(text(evil, 100).find((line) => line.includes('prompt'))).toBe('  a, prompt "Be brief.�[2J���31m \\"x\\""')
  })

  it('cuts a long prompt', () => {
    const prompt = { system: 'word '.repeat(20_000) }
    const long = exampleExperiment(
      {},
      {
        arms: [
          { name: 'control', version: 'a', weight: 50 },
          { name: 'short', version: 'a', weight: 50, prompt },
        ],
      },
    )
    expect(text(long, 80).join('\n').split('word').length).toBeLessThan(50)
  })

  it('shows what control has not looked at yet', () => {
    const { status: _, ...fresh } = exampleExperiment()
    expect(text(fresh, 80)).toContain('short  · not begun  40 %')
  })
})
