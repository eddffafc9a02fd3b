/** An experiment as people read it: what is asked, what each arm shows, and how far that is proven. The command line, the console and the report say the same. Pure. */
import { formatAge } from '../kernel/units.ts'
import { type Evidence, grouped, inPercent, inPoints, proofWords, shortNumber } from './comparison-view.ts'
import type { ArmStatus, Effect, EXPERIMENT_PHASES } from './experiment.ts'
import { type MetricRow, metricRows, primaryWhat, type Tone, type Word } from './experiment-metric-view.ts'
import { isExperimenting } from './experiment-misfits.ts'
import type { Resource, Spec } from './index.ts'
import type { Sampling } from './model-version.ts'
import { durationMs } from './scalars.ts'

export type { Band, MetricRow, Tone, Word } from './experiment-metric-view.ts'
export { isExperimenting }

export type Experiment = Resource<'Experiment'>
export type ExperimentPhase = (typeof EXPERIMENT_PHASES)[number]
export interface HeadView extends Word {
  readonly phase: ExperimentPhase
  readonly message: string
  /** "divided for 3d, 11d left" */
  readonly times: string
}

export function headOf({ spec, status }: Experiment, now: number): HeadView {
  const phase = status?.phase ?? 'Pending'
  const known = { phase, message: status?.message ?? '', times: timesOf(spec, status, now) }
  if (phase !== 'Decided') return { ...known, ...(status?.heldSince === undefined ? GOES_ON[phase] : { word: 'Held', tone: 'open' }) }
  const arm = status?.arm ?? ''
  switch (status?.decision) {
    case 'ship':
      return { ...known, word: `Decided: ship ${arm}`, tone: 'good' }
    case 'keep':
      return { ...known, word: `Decided: keep ${arm}`, tone: 'idle' }
    case 'harm':
      return { ...known, word: `Decided: ${arm} does harm`, tone: 'bad' }
    default:
      return { ...known, word: 'Decided: inconclusive', tone: 'open' }
  }
}

const GOES_ON: Record<Exclude<ExperimentPhase, 'Decided'>, Word> = {
  Pending: { word: 'Pending', tone: 'idle' },
  Preparing: { word: 'Preparing', tone: 'active' },
  Running: { word: 'Running', tone: 'active' },
}

function timesOf(spec: Spec<'Experiment'>, status: Experiment['status'], now: number): string {
  const [started, divided, ended] = [status?.startedAt, status?.dividedAt, status?.endedAt].map((time) => Date.parse(time ?? ''))
  const left = (until: number) => (until > now ? `${formatAge(until - now)} left` : 'time is up')
  switch (status?.phase) {
    case 'Preparing':
      return `callers watched for ${formatAge(now - started!)}, ${left(started! + durationMs(spec.preparation))}`
    case 'Running':
      return `divided for ${formatAge(now - divided!)}, ${left(divided! + durationMs(spec.decision.stopAfter))}`
    case 'Decided':
      return `${formatAge(now - ended!)} ago${Number.isNaN(divided) ? '' : `, after ${formatAge(ended! - divided!)}`}`
    default:
      return ''
  }
}

/** What there is to do with an arm that has won. */
export function nextOf({ spec, status }: Experiment): string | undefined {
  const arm = status?.decision === 'ship' ? spec.arms.find(({ name }) => name === status.arm) : undefined
  if (!arm) return undefined
  const own = [arm.prompt && 'prompt', arm.sampling && 'sampling'].filter(Boolean).join(' and ')
  const version =
    own === '' ? `release ${arm.version}` : `make a version like ${arm.version} with the ${own} of ${arm.name}, and release it`
  return `Next: ${version} on the route ${spec.route}.`
}

/** "by the header x-user-id, else by the consumer" */
export function assignedBy({ assignBy }: Spec<'Experiment'>): string {
  if (!assignBy) return 'as the route says'
  const { header, body, else: otherwise } = assignBy
  const last = otherwise === 'consumer' ? 'by the consumer' : 'each request by itself'
  return [header && `by the header ${header}`, body && 'by the `user` of the body', last].filter(Boolean).join(', else ')
}

/** "feedback: mean score of the answers that were rated; 2 points more are worth having" */
export function questionOf(experiment: Experiment): string {
  const { primary, arms } = experiment.spec
  const threshold = experiment.status?.arms?.map(({ metrics }) => metrics?.[0]?.threshold).find((each) => each !== undefined)
  const than = primary.name === 'feedback' ? 'more' : 'less'
  const worth = `${inPoints(primary.minimumEffect)} ${than} ${primary.minimumEffect === 1 ? 'is' : 'are'} worth having`
  return `${primaryWhat(primary, { ...(threshold === undefined ? {} : { threshold }) }, arms[0]!.name)}; ${worth}`
}

export interface RatioView extends Word {
  readonly p: number
}

/** As control gives it up at 0.001. */
export function ratioOf({ status }: Experiment): RatioView | undefined {
  return status?.sampleRatio && ratioView(status.sampleRatio.p)
}

function ratioView(p: number): RatioView {
  if (p <= 0.001) return { p, word: `callers do not come to the arms as set (${pWords(p)})`, tone: 'bad' }
  if (p <= 0.01) return { p, word: `callers hardly come to the arms as set (${pWords(p)}; at 0.001 it ends)`, tone: 'open' }
  return { p, word: `callers come to the arms as set (${pWords(p)})`, tone: 'good' }
}

export type ArmState = 'control' | 'waiting' | 'running' | 'harm' | 'futile' | 'shipped' | 'undecided'

export interface EffectView extends Effect {
  /** "+2.1 points (0.4 to 3.8)" */
  readonly words: string
  /** "exact: holds for any number of callers" */
  readonly kind: string
  /** "97.5 % interval, p 0.03 at any look" */
  readonly chance: string
  /** "43 % of the variance is gone, as callers were watched before" */
  readonly sharper?: string
}

export interface ArmView {
  readonly name: string
  readonly version: string
  readonly prompt?: string
  /** "temperature 0.2" */
  readonly sampling: readonly string[]
  /** As it is written, and what it has of all callers now. */
  readonly weight: number
  readonly share: number
  readonly exposed: number
  /** Its part of all that came, in percent. Absent before some have, and where another arm was stopped earlier. */
  readonly came?: number
  /** That callers do not come to it and to the control as set. */
  readonly crooked?: RatioView
  readonly state: Word & { readonly kind: ArmState }
  /** Why it is stopped, or what is waited for. */
  readonly note?: string
  /** The rest is absent of the control, and before callers are divided. */
  readonly effect?: EffectView
  /** "about 9,600 more callers, if it is better by 2 points" */
  readonly missing?: string
  readonly evidence: readonly (Evidence & { readonly name: 'better' | 'worse' | 'not worth it'; readonly tone: Tone })[]
  /** The primary metric, then the guardrails. */
  readonly metrics: readonly MetricRow[]
  readonly course: NonNullable<ArmStatus['course']>
}

export function armViews(experiment: Experiment): ArmView[] {
  const { spec, status } = experiment
  const reports = spec.arms.map(({ name }) => status?.arms?.find((arm) => arm.name === name))
  const isDivided = status?.phase === 'Running' && status.heldSince === undefined
  const sum = reports.reduce((all, report) => all + (report?.exposed ?? 0), 0)
  // Of a few it says nothing; of two arms both end with the one that is stopped.
  const isWhole = sum >= 100 && (spec.arms.length === 2 || reports.every((report) => report?.stopped === undefined))
  const left = spec.arms.reduce((sum, { weight }, i) => sum + (reports[i]?.stopped === undefined ? weight : 0), 0)
  return spec.arms.map(({ name, version, weight, prompt, sampling }, i) => {
    const report = reports[i]
    const metrics = report ? metricRows(experiment, report) : []
    const note = report && noteOf(experiment, report, metrics)
    const ratio = report?.ratioP === undefined ? undefined : ratioView(report.ratioP)
    const missing = isExperimenting(experiment) ? report?.missing : undefined
    return {
      ...{ name, version, weight },
      ...(prompt === undefined ? {} : { prompt: prompt.system }),
      sampling: samplingWords(sampling),
      share: isDivided && report?.stopped === undefined ? (100 * weight) / left : 0,
      exposed: report?.exposed ?? 0,
      ...(isWhole ? { came: (100 * (report?.exposed ?? 0)) / sum } : {}),
      ...(ratio && ratio.tone !== 'good' ? { crooked: ratio } : {}),
      state: stateOf(experiment, i, report),
      ...(note === undefined ? {} : { note }),
      ...(report?.effect ? { effect: effectView(report.effect) } : {}),
      ...(missing === undefined ? {} : { missing: missingWords(missing, spec.primary.minimumEffect) }),
      evidence: report ? evidenceOf(report, spec.primary.minimumEffect) : [],
      metrics,
      course: report?.course ?? [],
    }
  })
}

function stateOf({ spec, status }: Experiment, i: number, report: ArmStatus | undefined): ArmView['state'] {
  if (i === 0) return { kind: 'control', word: status?.decision === 'keep' ? 'the control, stays' : 'the control', tone: 'idle' }
  if (report?.stopped === 'harm')
    return { kind: 'harm', word: ['stopped for harm', report.stoppedBy?.join(', ')].filter(Boolean).join(': '), tone: 'bad' }
  if (report?.stopped === 'futile') return { kind: 'futile', word: 'not worth it', tone: 'idle' }
  if (status?.decision === 'ship' && status.arm === spec.arms[i]!.name) return { kind: 'shipped', word: 'better, ship it', tone: 'good' }
  if (status?.phase === 'Decided') return { kind: 'undecided', word: 'undecided', tone: 'open' }
  if (status?.phase !== 'Running') return { kind: 'waiting', word: 'not begun', tone: 'idle' }
  return status.heldSince === undefined
    ? { kind: 'running', word: 'running', tone: 'active' }
    : { kind: 'running', word: 'held', tone: 'open' }
}

function noteOf(experiment: Experiment, arm: ArmStatus, rows: readonly MetricRow[]): string | undefined {
  if (arm.stopped !== undefined) {
    // Of one that has ended it the decision says so.
    if (experiment.status?.message?.includes(arm.stoppedBecause ?? '')) return undefined
    return `${arm.stoppedBecause} Its figures are those of that moment.`
  }
  if (!isExperimenting(experiment)) return undefined
  if (arm.futileAt !== undefined)
    return `Shown not to be worth it, with ${grouped(arm.futileAt)} callers in it; whether it does harm is waited for.`
  const waiting = rows.filter(({ awaited }) => awaited).map(({ name }) => name)
  if ((arm.better ?? 0) < 1 || waiting.length === 0) return undefined
  return `Shown to be better; that ${waiting.join(', ')} ${waiting.length === 1 ? 'is' : 'are'} no worse is waited for.`
}

function effectView(effect: Effect): EffectView {
  const { value, low, high, level, by, p, saved } = effect
  const words = value === undefined ? 'nothing yet' : `${value > 0 ? '+' : ''}${written(value)} points`
  return {
    ...effect,
    words: value === undefined ? words : `${words} (${written(low)} to ${written(high)})`,
    kind: by === 'exact' ? 'exact: holds for any number of callers' : 'asymptotic: good for large numbers, shown from 500 callers an arm',
    chance: `${level === undefined ? '' : `${level} % interval, `}${pWords(p)} at any look`,
    // The exact ones go by what came after alone.
    ...(by === 'asymptotic' && isSaving(saved)
      ? { sharper: `${inPercent(saved * 100)} of the variance is gone, as callers were watched before` }
      : {}),
  }
}

const missingWords = (units: number, minimum: number) =>
  `about ${grouped(units)} more callers or requests, if it is better by ${inPoints(minimum)}`

/** That callers were watched before has helped. */
export const isSaving = (saved: number | undefined): saved is number => saved !== undefined && saved >= 0.005

function evidenceOf({ better, worse, futile }: ArmStatus, minimum: number): ArmView['evidence'] {
  const part = (name: 'better' | 'worse' | 'not worth it', share: number | undefined, claim: string, tone: Tone) =>
    share === undefined ? [] : [{ name, share, words: proofWords(share, claim), tone }]
  return [
    ...part('better', better, 'better', 'good'),
    ...part('worse', worse, 'worse', worse !== undefined && worse >= 1 ? 'bad' : 'open'),
    ...part('not worth it', futile, `not better by ${inPoints(minimum)}`, 'idle'),
  ]
}

export function samplingWords(sampling: Sampling | undefined): string[] {
  if (!sampling) return []
  const { stop, maxTokens, ...numbers } = sampling
  return [
    ...Object.entries(numbers).flatMap(([key, value]) => (value === undefined ? [] : [`${spaced(key)} ${value}`])),
    ...(stop === undefined ? [] : [`stops at ${stop.map((text) => JSON.stringify(text)).join(', ')}`]),
    ...(maxTokens === undefined ? [] : [`at most ${grouped(maxTokens)} ${maxTokens === 1 ? 'token' : 'tokens'}`]),
  ]
}

/** "topP" → "top p" */
const spaced = (key: string) => key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/**
 * What the bands of all arms are drawn on, with no effect and the smallest worthwhile one, in percentage points. Twice the reach of the narrowest band is
 * enough: of an arm that was stopped early hardly anything is known, and the others would be dots.
 */
export function effectScaleOf({ spec, status }: Experiment): { least: number; most: number } {
  const worth = spec.primary.minimumEffect
  const bands = (status?.arms ?? []).flatMap(({ effect }) => (effect?.value === undefined ? [] : [effect]))
  const reach = 2 * Math.min(...bands.map(({ low, high }) => Math.max(-low, high, worth)))
  const ends = [0, worth, ...bands.flatMap(({ value, low, high }) => [value!, Math.max(low, -reach), Math.min(high, reach)])]
  const [low, high] = [Math.min(...ends), Math.max(...ends)]
  const room = (high - low) * 0.05
  return { least: Math.max(-100, low - room), most: Math.min(100, high + room) }
}

/** "p 0.03", "p below 0.001" */
export function pWords(p: number): string {
  return p < 0.001 ? 'p below 0.001' : `p ${Number(p.toPrecision(2))}`
}

/** "−1.2": with the sign that is as wide as a plus. */
export const minus = (value: number) => shortNumber(value).replace('-', '−')
export const signed = (value: number) => (value > 0 ? `+${minus(value)}` : minus(value))

/** As {@link minus}, "6.0" being as fine as "6.1"; finer only where nothing would be left. */
function written(value: number): string {
  const size = Math.abs(value)
  return size >= 0.05 && size < 10 ? value.toFixed(1).replace('-', '−') : minus(value)
}
