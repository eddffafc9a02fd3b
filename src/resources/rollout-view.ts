/** A release as people read it: its ladder, and what each comparison shows, in words. The command line and the console draw the same. Pure. */
import { formatAge, parseDuration } from '../kernel/units.ts'
import type { MetricReport } from './comparison.ts'
import { grouped, type MetricView, metricView } from './comparison-view.ts'
import type { Resource, Spec } from './index.ts'
import type { ROLLOUT_PHASES } from './rollout.ts'
import { isRunning } from './rollout-misfits.ts'

export { type Evidence, grouped, inPercent, type MetricView, milliseconds, scaleOf, shortNumber } from './comparison-view.ts'
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

export function metricViews(rollout: Rollout): MetricView[] {
  const { spec, status } = rollout
  const context = { control: spec.from, isRunning: isRunning(rollout) }
  // Control reports them in the order in which they are written.
  return (status?.analysis ?? []).map((report, i) => metricView(report, spec.analysis.metrics[i], context))
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
