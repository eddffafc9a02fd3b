import { describe, expect, it } from 'vitest'
import { blunt, exampleExperiment, NOW, short } from './example-experiment.ts'
import { courseChart } from './experiment-chart.ts'
import { experimentReport, REPORT_POLICY } from './experiment-report.ts'

const EVIL = `</style><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;`

/** What a reader sees, without the drawing. */
function words(html: string): string {
  const body = html.slice(html.indexOf('<body>')).replace(/<svg[\s\S]*?<\/svg>/g, '')
  const text = body.replace(/<[^>]*>/g, ' ')
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
}

/** Attributes too: what is not closed, or closed twice, is found. */
function tags(html: string): string[] {
  return [...html.matchAll(/<\/?([a-z0-9]+)(?:\s[^<>]*)?>/g)].map(([, name]) => name!)
}

describe('the report', () => {
  const html = experimentReport(exampleExperiment(), NOW)
  const text = words(html)

  it('says what was asked', () => {
    for (const each of [
      'A/B test on the route assistant shorter',
      'feedback: mean score of the answers that were rated; 2 points more are worth having',
      'errorRate by 0.5 points; totalTime p95 by 3 points; tokensPerAnswer (only watched)',
      'callers, by the header x-user-id, else by the consumer',
      '5 %, however often it is looked at; 2.5 % for each of the 2 arms beside the control',
      'undecided after 14d, at the latest',
      'callers are watched for 1d before they are divided',
      'short running assistant-v1 · 40 % of callers · top p 0.9 · at most 64 tokens Answer in one sentence.',
    ])
      expect(text).toContain(each)
  })

  it('says what was found', () => {
    for (const each of [
      'Running short: +1.2 points (−0.4 to 2.8, p 0.12). If it is better',
      '+1.2 points (−0.4 to 2.8) running p 0.12 at any look; asymptotic:',
      'with at least 97.5 % at all times together',
      'Better 31 % of the proof that it is better',
      'feedback 71.2 % 69.9–72.5 of 2,050 72.4 % 71.1–73.8 of 2,060 undecided',
      'totalTime p95 5.1 % 4.2–6.3 of 2,090 6.6 % 4.4–9.1 of 2,091 undecided share whose whole answer took over 1.24 s, the p95 of control; about 12,000 more units',
      'control 2,104 46 % 40 %',
      'Callers come to the arms as set (p 0.42).',
      '1,234 callers were known from the 1d before. What they did then takes 43 % of the variance away (CUPED), as 1.8 times as many callers would.',
      '2026-01-01 12:00:00 UTC Preparing Callers are watched for 1d; all go where the route says.',
      'however often one looks, and whenever one stops, at most 5 % of experiments without any effect',
    ])
      expect(text).toContain(each)
  })

  it('says the decision', () => {
    const decided = exampleExperiment({
      phase: 'Decided',
      decision: 'ship',
      arm: 'short',
      message: 'short is better.',
      endedAt: new Date(NOW).toISOString(),
    })
    expect(words(experimentReport(decided, NOW))).toContain(
      'Decided: ship short short is better. 0s ago, after 3d; as of 2026-01-05 12:00:00 UTC.',
    )
  })

  it('can be made at any time', () => {
    const { status: _, ...fresh } = exampleExperiment()
    const early = words(experimentReport(fresh, NOW))
    for (const each of [
      'Pending',
      'Not begun; as of',
      'Nothing is known of it yet.',
      'Nobody has been divided yet.',
      'Nothing has happened yet.',
    ])
      expect(early).toContain(each)
    expect(early).not.toMatch(/NaN|undefined/)
    expect(text).not.toMatch(/NaN|undefined/)
  })

  it('holds nothing that a browser would run or fetch', () => {
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\ssrc=|\shref=|\son[a-z]+=/i)
    expect(html).toContain(`<meta http-equiv="content-security-policy" content="${REPORT_POLICY}">`)
  })

  it('takes what people wrote for text, wherever it stands', () => {
    const arms = [
      { name: 'control', version: 'assistant-v1', weight: 50 },
      { name: 'short', version: 'assistant-v1', weight: 50, prompt: { system: EVIL }, sampling: { stop: [EVIL] } },
    ]
    const experiment = exampleExperiment(
      {
        message: EVIL,
        arms: [{ ...short, stopped: 'harm', stoppedBecause: EVIL, metrics: short.metrics!.map((metric) => ({ ...metric, name: EVIL })) }],
        history: [{ time: EVIL, event: EVIL, message: EVIL }],
      },
      { arms },
    )
    // Names cannot be so, but whoever makes the page must not rely on it.
    experiment.metadata.name = EVIL
    experiment.metadata.uid = EVIL
    experiment.spec.route = EVIL
    experiment.spec.arms[1]!.name = EVIL
    experiment.status!.arms![0]!.name = EVIL
    const page = experimentReport(experiment, NOW)
    expect(page).not.toMatch(/<script|<img/i)
    expect(page.match(/<\/style>/g)).toHaveLength(1)
    expect(words(page).split('<script>alert("1")').length - 1).toBeGreaterThan(10)
    // Nothing leaves its attribute either: the same elements as of a harmless one.
    const harmless = exampleExperiment({ ...experiment.status!, arms: [{ ...experiment.status!.arms![0]!, name: 'short' }] }, { arms })
    expect(new Set(tags(page))).toEqual(new Set(tags(experimentReport({ ...harmless, metadata: { ...harmless.metadata, uid: 'u' } }, NOW))))
  })
})

describe('the course of an effect', () => {
  const draw = (course: typeof short.course) => courseChart(course!, { worth: 2, label: 'a < b' })

  it('narrows around its line, over time', () => {
    const chart = draw([
      [0, 1, -10, 12],
      [3_600_000, 1, -1, 3],
      [7_200_000, 1, 0, 2],
    ])
    // From −1 to 3: half of the height is what is known last.
    expect(chart).toContain('<path class="band" d="M0 0L500 0L1000 250L1000 750L500 1000L0 1000Z"/>')
    expect(chart).toContain('<path class="value" d="M0 500L500 500L1000 500"/>')
    expect(chart).toContain('<path class="none" d="M0 750H1000"/>')
    expect(chart).toContain('<path class="worth" d="M0 250H1000"/>')
    expect(chart.match(/<span style="top:[\d.]+%">[^<]*/g)?.map((each) => each.slice(each.indexOf('>') + 1))).toEqual([
      '−1',
      '0',
      '+1',
      '+2',
      '+3',
    ])
    expect(chart).toContain('<span>1970-01-01 00:00</span><span>1970-01-01 02:00</span>')
    expect(chart).toContain('aria-label="a &lt; b"')
  })

  it('is a point where there is one', () => {
    expect(draw(blunt.course)).toContain('<path class="dot" d="M500 ')
    expect(draw(blunt.course)).toContain('<div class="xs" aria-hidden="true"><span>2026-01-02 12:00</span></div>')
    expect(draw([])).toBe('')
  })

  it('has finite figures, whatever the effect is', () => {
    for (const point of [
      [5, 0, 0, 0],
      [5, -100, -100, 100],
      [5, 0.001, 0, 0.002],
    ] as const)
      expect(draw([[...point]])).not.toMatch(/NaN|Infinity|undefined/)
  })
})
