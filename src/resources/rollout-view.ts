/** A release as people read it: its ladder, and what each comparison shows, in words. The command line and the console draw the same. Pure. */
import { formatAge, parseDuration } from '../kernel/units.ts'
import type { Metric, MetricReport } from './comparison.ts'
import type { Resource, Spec } from './index.ts'
import type { ROLLOUT_PHASES } from './rollout.ts'
import { isRunning } from './rollout-misfits.ts'

export { isRunning }

export type Rollout = Resource<'Rollout'>
export type Phase = (typeof ROLLOUT_PHASES)[number]

export const phaseOf = ({ status }: Rollout): Phase => status?.phase ?? 'Pending'

export type StepState = 'done' | 'now' | 'held' | 'failed' | 'ahead'

export interface StepView {
  /** "25 %", "pause 10m", "pause" */
  readonly text: string
  readonly state: StepState
  /** What it waits for, of the present one. */
  readonly detail: string
}

/** The steps, all of the traffic being the last one whether it is written or not. */
export function ladderOf(rollout: Rollout, now: number): StepView[] {
  const { spec, status } = rollout
  const phase = phaseOf(rollout)
  const at = status?.step ?? 0
  const all = spec.steps.some((step) => 'weight' in step && step.weight === 100) ? spec.steps : [...spec.steps, { weight: 100 }]
  return all.map((step, i) => {
    const state = stepState(phase, i, at)
    return {
      text: 'weight' in step ? `${step.weight} %` : typeof step.pause === 'string' ? `pause ${step.pause}` : 'pause',
      state,
      detail: state === 'now' || state === 'held' ? detailOf(rollout, step, now) : '',
    }
  })
}

function stepState(phase: Phase, i: number, at: number): StepState {
  if (phase === 'Healthy' || (phase !== 'Pending' && i < at)) return 'done'
  if (phase === 'Pending' || i > at) return 'ahead'
  return phase === 'Degraded' ? 'failed' : phase === 'Paused' ? 'held' : 'now'
}

function detailOf(rollout: Rollout, step: Spec<'Rollout'>['steps'][number], now: number): string {
  const since = Date.parse(rollout.status?.stepStartedAt ?? '')
  if ('pause' in step && typeof step.pause !== 'string') return 'until somebody promotes'
  const left = 'pause' in step && typeof step.pause === 'string' ? since + (parseDuration(step.pause) ?? 0) - now : undefined
  const time = left === undefined ? `for ${formatAge(now - since)}` : left > 0 ? `${formatAge(left)} left` : 'is over'
  return [Number.isNaN(since) ? '' : time, left !== undefined && left > 0 ? '' : unitsWaitedFor(rollout)].filter(Boolean).join(', ')
}

/** "120 of 200 units", where the next weight waits for them. */
function unitsWaitedFor({ spec, status }: Rollout): string {
  const { minSamples, metrics, checks } = spec.analysis
  const units = Math.max(0, unitsOf(status?.analysis) - (status?.unitsBefore ?? 0))
  const judged = metrics.some(({ watch }) => !watch) || checks.length > 0
  const next = spec.steps.find((step, i) => i > (status?.step ?? 0) && 'weight' in step)
  if (!judged || metrics.length === 0 || units >= minSamples || !next || !('weight' in next) || next.weight === 100) return ''
  return `${grouped(units)} of ${grouped(minSamples)} units`
}

/** Units of the new version that were counted. */
function unitsOf(analysis: readonly MetricReport[] | undefined): number {
  return Math.max(0, ...(analysis ?? []).map(({ candidate }) => candidate.units))
}

/** "step 3 of 5" */
export function stepInWords(rollout: Rollout): string {
  const { steps } = rollout.spec
  return `step ${Math.min((rollout.status?.step ?? 0) + 1, steps.length)} of ${steps.length}`
}

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

export function metricViews(rollout: Rollout): MetricView[] {
  const { spec, status } = rollout
  return (status?.analysis ?? []).map((report, i) => {
    // Control reports them in the order in which they are written.
    const metric = spec.analysis.metrics[i]
    const shown = metric?.margin === undefined ? undefined : report.safety
    const missing = isRunning(rollout) && metric ? missingOf(report, metric) : undefined
    return {
      name: report.name,
      what: metric ? whatOf(metric, report, spec.from) : '',
      report,
      verdict: VERDICTS[report.verdict],
      ...(report.harm === undefined ? {} : { harm: { share: report.harm, words: harmWords(report.harm, metric?.harmMargin ?? 0) } }),
      ...(shown === undefined ? {} : { safety: { share: shown, words: safetyWords(shown, metric?.margin ?? 0) } }),
      ...(missing === undefined ? {} : { missing }),
    }
  })
}

const VERDICTS: Record<MetricReport['verdict'], MetricView['verdict']> = {
  harm: { word: 'worse', tone: 'bad' },
  safe: { word: 'safe', tone: 'good' },
  undecided: { word: 'undecided', tone: 'open' },
  watched: { word: 'only watched', tone: 'idle' },
}

function whatOf(metric: Metric, { threshold }: MetricReport, from: string): string {
  switch (metric.name) {
    case 'errorRate':
      return 'share of requests that failed'
    case 'feedback':
      return 'dissatisfaction with the answers that were rated'
    case 'tokensPerAnswer':
      return `tokens of an answer, in percent of ${grouped(metric.most)}`
    case 'cost':
      return `cost of an answer, in percent of ${metric.most}`
    default: {
      const late = { timeToFirstToken: 'first token', timeBetweenTokens: 'time between tokens', totalTime: 'whole answer' }[metric.name]
      return threshold === undefined
        ? `share whose ${late} is slower than the p${metric.quantile} of ${from}, which is not known yet`
        : `share whose ${late} took over ${milliseconds(threshold)}, the p${metric.quantile} of ${from}`
    }
  }
}

function harmWords(share: number, margin: number): string {
  const worse = margin > 0 ? `worse by more than ${points(margin)}` : 'worse'
  return share >= 1 ? `proven ${worse}` : `${percent(share)} of the proof that it is ${worse}`
}

function safetyWords(share: number, margin: number): string {
  const safe = `not worse by ${points(margin)}`
  return share >= 1 ? `proven ${safe}` : `${percent(share)} of the proof that it is ${safe}`
}

function missingOf({ verdict, missing }: MetricReport, { margin }: Metric): string | undefined {
  if (verdict !== 'undecided') return undefined
  if (margin === undefined) return 'looked at for harm only'
  if (missing === undefined) return 'no number of requests would show it to be safe at this weight'
  return `about ${grouped(roughly(missing))} more units until it can be shown to be safe`
}

export interface CheckView {
  readonly name: string
  readonly word: string
  readonly tone: 'good' | 'bad' | 'open'
  readonly message: string
  /** When it answered last. */
  readonly time: string | undefined
}

/** Looks at something else than requests. */
export function checkViews({ spec, status }: Rollout): CheckView[] {
  return (status?.checks ?? []).map(({ name, good, failures, message, time }) => {
    const most = spec.analysis.checks.find((check) => check.name === name)?.failures
    const bad = good === false ? `bad ${failures} of ${most ?? failures} times` : undefined
    return {
      name,
      word: bad ?? (good ? 'good' : 'no answer'),
      tone: bad ? 'bad' : good ? 'good' : 'open',
      message,
      time: time === '' ? undefined : time,
    }
  })
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
  return String(Number(value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)))
}

export function milliseconds(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s` : `${Math.round(ms)} ms`
}

export const grouped = (value: number) => value.toLocaleString('en-US')
const percent = (share: number) => `${Math.floor(Math.max(0, share) * 100)} %`
const points = (value: number) => `${shortNumber(value)} ${value === 1 ? 'point' : 'points'}`
