import { describe, expect, it } from 'vitest'
import { hpaDefaults, hpaPolicy } from '../autoscaling/hpa.ts'
import { chartHtml, chartSvg } from './chart.ts'
import { LLAMA_70B } from './curves.ts'
import { generate } from './generator.ts'
import { simulate } from './simulate.ts'

const outcome = simulate(
  {
    ...{
      requests: generate({ shape: 'conversation', seed: 2, hours: 0.5, rate: 4 }),
      curve: LLAMA_70B,
      objectiveMs: 1_000,
      startupMs: 60_000,
    },
    ...{ bounds: { min: 1, max: 20 }, tickMs: 2_000, timeoutMs: 30_000, queue: 50, warmupMs: 0, initial: 2 },
  },
  hpaPolicy({ ...hpaDefaults(), target: 10 }),
  { timelineMs: 10_000 },
)

describe('a chart', () => {
  it('shows load, instances and misses, and asks nobody for anything', () => {
    const svg = chartSvg(outcome, 'A day')
    expect(svg).toMatch(/^<\?xml/)
    for (const name of ['load', 'wanted', 'ready']) expect(svg).toContain(`<path class="${name}" d="M`)
    expect(svg).toContain('class="miss"')
    expect(svg).toContain('prefers-color-scheme:dark')
    expect(svg.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|url\(/)
    expect(svg).not.toContain('NaN')
  })

  it('says in words what it shows', () => {
    expect(chartSvg(outcome, 'A day')).toMatch(/aria-label="hpa: [\d.]+ % misses of [\d,]+ requests, [\d.]+ instance-hours/)
  })

  it('is a page for several, with names that are only text', () => {
    const html = chartHtml([outcome, { ...outcome, policy: '<b>"x"&y' }], 'a < b')
    expect(html.match(/<figure>/g)).toHaveLength(2)
    expect(html).toContain('<h1>a &lt; b</h1>')
    expect(html).toContain('&lt;b&gt;&quot;x&quot;&amp;y')
    expect(html).not.toContain('<b>')
  })

  it.each([
    ['a few seconds', 20, ['0:00', '0:00:05', '0:00:10', '0:00:15', '0:00:20']],
    ['half an hour', 1790, ['0:00', '0:05', '0:10', '0:15', '0:20', '0:25']],
    ['six hours and a bit', 21_900, ['0:00', '1:00', '2:00', '3:00', '4:00', '5:00', '6:00']],
    ['a month', 31 * 86_400, ['0:00', '96:00', '192:00', '288:00', '384:00', '480:00', '576:00', '672:00']],
  ])('has whole times under it: %s', (_name, seconds, marks) => {
    const point = outcome.timeline[0]!
    const svg = chartSvg(
      {
        ...outcome,
        timeline: [
          { ...point, at: 0 },
          { ...point, at: seconds * 1000 },
        ],
      },
      'x',
    )
    expect([...svg.matchAll(/class="soft">([\d:]+:\d\d)</g)].map(([, text]) => text)).toEqual(marks)
  })

  it('of nothing is an empty one', () => {
    expect(chartSvg({ ...outcome, timeline: [] }, 'nothing')).not.toContain('NaN')
  })
})
