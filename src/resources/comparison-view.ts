/** What a comparison shows, in words: of releases and of experiments, in the command line, the console and reports. Pure. */
import type { Metric, MetricReport } from './comparison.ts'

export interface Evidence {
  /** 0 to 1 of what it takes. */
  readonly share: number
  readonly words: string
}

export interface MetricView {
  readonly name: string
  /** What its figures are: "share of requests that failed". */
  readonly what: string
  readonly report: MetricReport
  readonly verdict: { readonly word: string; readonly tone: 'good' | 'bad' | 'open' | 'idle' }
  readonly harm?: Evidence
  readonly safety?: Evidence
  /** What it still takes until it is decided, or why it never will be. */
  readonly missing?: string
}

/** @param metric As it is written. `control`: the name of what the other is compared with. */
export function metricView(
  report: MetricReport,
  metric: Metric | undefined,
  { control, isRunning }: { readonly control: string; readonly isRunning: boolean },
): MetricView {
  const shown = metric?.margin === undefined ? undefined : report.safety
  const missing = isRunning && metric ? missingOf(report, metric) : undefined
  return {
    name: report.name,
    what: metric ? whatOf(metric, report, control) : '',
    report,
    verdict: VERDICTS[report.verdict],
    ...(report.harm === undefined ? {} : { harm: { share: report.harm, words: harmWords(report.harm, metric?.harmMargin ?? 0) } }),
    ...(shown === undefined ? {} : { safety: { share: shown, words: safetyWords(shown, metric?.margin ?? 0) } }),
    ...(missing === undefined ? {} : { missing }),
  }
}

const VERDICTS: Record<MetricReport['verdict'], MetricView['verdict']> = {
  harm: { word: 'worse', tone: 'bad' },
  safe: { word: 'safe', tone: 'good' },
  undecided: { word: 'undecided', tone: 'open' },
  watched: { word: 'only watched', tone: 'idle' },
}

type Asked = { readonly name: Metric['name']; readonly quantile?: number; readonly most?: number }

/** "share of requests that failed" */
export function whatOf(metric: Asked, { threshold }: Pick<MetricReport, 'threshold'>, control: string): string {
  switch (metric.name) {
    case 'errorRate':
      return 'share of requests that failed'
    case 'feedback':
      return 'dissatisfaction with the answers that were rated'
    case 'tokensPerAnswer':
      return `tokens of an answer, in percent of ${grouped(metric.most ?? 0)}`
    case 'cost':
      return `cost of an answer, in percent of ${metric.most}`
    default: {
      const late = { timeToFirstToken: 'first token', timeBetweenTokens: 'time between tokens', totalTime: 'whole answer' }[metric.name]
      return threshold === undefined
        ? `share whose ${late} is slower than the p${metric.quantile} of ${control}, which is not known yet`
        : `share whose ${late} took over ${milliseconds(threshold)}, the p${metric.quantile} of ${control}`
    }
  }
}

function harmWords(share: number, margin: number): string {
  return proofWords(share, margin > 0 ? `worse by more than ${inPoints(margin)}` : 'worse')
}

function safetyWords(share: number, margin: number): string {
  return proofWords(share, `not worse by ${inPoints(margin)}`)
}

/** "proven worse", "21 % of the proof that it is worse" */
export function proofWords(share: number, claim: string): string {
  return share >= 1 ? `proven ${claim}` : `${wholePercent(share)} of the proof that it is ${claim}`
}

function missingOf({ verdict, missing }: MetricReport, { margin }: Metric): string | undefined {
  if (verdict !== 'undecided') return undefined
  if (margin === undefined) return 'looked at for harm only'
  if (missing === undefined) return 'no number of requests would show it to be safe at this weight'
  return `about ${grouped(roughly(missing))} more units until it can be shown to be safe`
}

/** Two digits are all that such an estimate is good for. */
function roughly(units: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, units))) - 1)
  return Math.ceil(units / step) * step
}

/** What both bands of a metric are drawn on, with a little room at the ends. In percent. */
export function scaleOf({ baseline, candidate }: Pick<MetricReport, 'baseline' | 'candidate'>): { least: number; most: number } {
  const known = [baseline, candidate].filter(({ units }) => units > 0)
  if (known.length === 0) return { least: 0, most: 100 }
  const low = Math.min(...known.map((arm) => arm.low))
  const high = Math.max(...known.map((arm) => arm.high))
  const room = Math.max(0.05, (high - low) * 0.08)
  return { least: Math.max(0, low - room), most: Math.min(100, high + room) }
}

/** Shares as they are told: "0.8 %", "22.5 %". */
export function inPercent(value: number): string {
  return `${shortNumber(value)} %`
}

/** As many digits as say something: "0.81", "7.4", "64". */
export function shortNumber(value: number): string {
  const size = Math.abs(value)
  return String(Number(value.toFixed(size < 1 ? 2 : size < 10 ? 1 : 0)))
}

export function milliseconds(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s` : `${Math.round(ms)} ms`
}

/** "2 points", "1 point" */
export const inPoints = (value: number) => `${shortNumber(value)} ${value === 1 ? 'point' : 'points'}`

export const grouped = (value: number) => value.toLocaleString('en-US')
const wholePercent = (share: number) => `${Math.floor(Math.max(0, share) * 100)} %`
