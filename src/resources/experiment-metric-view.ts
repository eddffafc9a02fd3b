/** The figures of one arm beside the control, a row a metric. Pure. */
import type { MetricReport } from './comparison.ts'
import { type MetricView, metricView, shortNumber, whatOf } from './comparison-view.ts'
import type { ArmStatus } from './experiment.ts'
import { isExperimenting } from './experiment-misfits.ts'
import type { Resource, Spec } from './index.ts'

/** `active`: it goes on. */
export type Tone = 'good' | 'bad' | 'open' | 'idle' | 'active'
export interface Word {
  readonly word: string
  readonly tone: Tone
}

export interface MetricRow {
  readonly name: string
  readonly what: string
  readonly control: Band
  readonly arm: Band
  readonly verdict: Word
  /** A guardrail that must still be shown not to be worse before the arm can win. */
  readonly awaited: boolean
  /** What it still takes, of one that is not decided. */
  readonly missing?: string
}

/** In percent. */
export interface Band {
  readonly units: number
  readonly mean: number
  readonly low: number
  readonly high: number
  /** "0.81 %" */
  readonly value: string
  /** "0.6–1.1" */
  readonly range: string
}

/** Feedback is counted as dissatisfaction; of the metric that it is about people think as a score. */
export function primaryWhat(primary: Spec<'Experiment'>['primary'], report: Pick<MetricReport, 'threshold'>, control: string): string {
  return primary.name === 'feedback' ? 'mean score of the answers that were rated' : whatOf(primary, report, control)
}

/** The primary metric, then the guardrails. */
export function metricRows(experiment: Resource<'Experiment'>, arm: ArmStatus): MetricRow[] {
  const { spec } = experiment
  const control = spec.arms[0]!.name
  const isRunning = isExperimenting(experiment) && arm.stopped === undefined
  return (arm.metrics ?? []).map((report, m): MetricRow => {
    if (m === 0) {
      const band = (shares: Shares) => bandOf(spec.primary.name === 'feedback' ? scores(shares) : shares, finely)
      const [what, verdict] = [primaryWhat(spec.primary, report, control), primaryVerdict(arm)]
      return { name: report.name, what, control: band(report.baseline), arm: band(report.candidate), verdict, awaited: false }
    }
    // Control reports them in the order in which they are written.
    const guardrail = spec.guardrails[m - 1]
    const { what, verdict, missing }: MetricView = metricView(report, guardrail, { control, isRunning })
    return {
      name: report.name,
      what: guardrail?.name === 'feedback' ? `${what}: 1 − score` : what,
      ...{ control: bandOf(report.baseline), arm: bandOf(report.candidate), verdict },
      awaited: isRunning && report.verdict === 'undecided' && guardrail?.margin !== undefined,
      ...(missing === undefined ? {} : { missing }),
    }
  })
}

function primaryVerdict({ better = 0, worse = 0, futile = 0 }: ArmStatus): Word {
  if (worse >= 1) return { word: 'worse', tone: 'bad' }
  if (better >= 1) return { word: 'better', tone: 'good' }
  return futile >= 1 ? { word: 'not worth it', tone: 'idle' } : { word: 'undecided', tone: 'open' }
}

type Shares = MetricReport['baseline']

function bandOf({ units, mean, low, high }: Shares, written = shortNumber): Band {
  const [value, range] = units === 0 ? ['–', 'nothing yet'] : [`${written(mean)} %`, `${written(low)}–${written(high)}`]
  return { units, mean, low, high, value, range }
}

/** "64.2": as finely as effects are told. */
const finely = (value: number) => (value < 10 ? shortNumber(value) : value.toFixed(1))
const scores = ({ units, mean, low, high }: Shares): Shares => ({ units, mean: 100 - mean, low: 100 - high, high: 100 - low })
