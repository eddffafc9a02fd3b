/**
 * The state machine of an experiment: pure functions of what is written, what is seen and the time. Whoever calls them writes the result into the
 * status, from where a new control goes on; how callers are divided follows from the status alone (`overlay.ts`).
 *
 * Each of three things is decided once it is proven, at the level of the manifest whenever that is: an arm is better and its guardrails are shown not to
 * be worse (ship), it is worse or a guardrail is (harm), it is not better by as much as would be worth having (keep).
 */
import type { ArmStatus } from '../../resources/experiment.ts'
import type { Spec, Status } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import { grouped, inAbout, roughly } from '../comparison/words.ts'
import type { ArmFinding } from './findings.ts'

export type ExperimentStatus = Status<'Experiment'>
type ExperimentSpec = Spec<'Experiment'>

/** Arms that get nothing any more. */
export function stoppedArms(status: ExperimentStatus | undefined): ReadonlySet<string> {
  return new Set(status?.arms?.filter(({ stopped }) => stopped !== undefined).map(({ name }) => name))
}

export interface Seen {
  readonly now: number
  /** Why an arm cannot answer, or nothing can be divided. */
  readonly unready?: string
  /** Of the arms beside the control, in their order; none before callers are divided. */
  readonly arms: readonly ArmFinding[]
  /** Callers that are known from before. */
  readonly prepared: number
}

/** Callers come to the arms as set, or else one in a thousand such experiments would be given up. */
const RATIO_ALPHA = 0.001
const KEPT_EVENTS = 100
/** Of the evidence that is needed. */
const POSSIBLE_HARM = 0.2

/** The status that follows. */
export function advance(spec: ExperimentSpec, before: ExperimentStatus | undefined, seen: Seen): ExperimentStatus {
  const status: ExperimentStatus = before?.phase === undefined ? { conditions: [], history: [], ...before, phase: 'Pending' } : before
  switch (status.phase) {
    case 'Pending':
      return whilePending(spec, status, seen)
    case 'Preparing':
      return whilePreparing(spec, status, seen)
    case 'Running':
      return whileRunning(spec, status, seen)
    default:
      return status
  }
}

/** A person ends it. */
export function stop(status: ExperimentStatus | undefined, who: string, now: number): ExperimentStatus | { readonly refused: string } {
  if (status?.phase === 'Decided') return { refused: `it is decided already: ${status.message ?? status.decision}` }
  const begun: ExperimentStatus = { conditions: [], history: [], ...status }
  return decided(begun, now, 'inconclusive', undefined, `${who} has stopped it before it was decided.`)
}

function whilePending(spec: ExperimentSpec, status: ExperimentStatus, { now, unready }: Seen): ExperimentStatus {
  if (unready !== undefined) return said(status, `It begins when it can: ${unready}`)
  const time = iso(now)
  if (durationMs(spec.preparation) === 0)
    return noted({ ...status, phase: 'Running', startedAt: time, dividedAt: time }, now, 'Running', 'Callers are divided between the arms.')
  return noted(
    { ...status, phase: 'Preparing', startedAt: time },
    now,
    'Preparing',
    `Callers are watched for ${spec.preparation}; all go where the route says.`,
  )
}

function whilePreparing(spec: ExperimentSpec, status: ExperimentStatus, { now, unready, prepared }: Seen): ExperimentStatus {
  const over = Date.parse(status.startedAt ?? '') + durationMs(spec.preparation)
  const left = over - now
  const known = `${grouped(prepared)} ${prepared === 1 ? 'caller is' : 'callers are'} known`
  if (left > 0) return said({ ...status, prepared }, `${known}; they are divided in ${inAbout(left / 1000)}.`)
  if (unready !== undefined) return said({ ...status, prepared }, `${known}; they are divided when it can be: ${unready}`)
  return noted(
    { ...status, phase: 'Running', dividedAt: iso(now), prepared },
    now,
    'Running',
    `Callers are divided between the arms; ${known} from before.`,
  )
}

function whileRunning(spec: ExperimentSpec, status: ExperimentStatus, seen: Seen): ExperimentStatus {
  const { now, arms } = seen
  const crooked = arms.find(({ name, ratioP }) => ratioP <= RATIO_ALPHA && stoppedIn(status, name) === undefined)
  if (crooked) return decided(status, now, 'inconclusive', undefined, crookedSentence(spec, crooked))
  let next = withStopped(status, arms, now)
  const left = arms.filter(({ name }) => stoppedIn(next, name) === undefined)
  const winner = left
    .filter(({ better, futile, guarded }) => better >= 1 && futile < 1 && guarded)
    .sort((a, b) => (b.effect.value ?? 0) - (a.effect.value ?? 0))[0]
  if (winner) return decided(next, now, 'ship', winner.name, shipSentence(spec, winner))
  if (arms.length > 0 && left.length === 0) return allStopped(spec, next, now)
  const since = Date.parse(next.dividedAt ?? '')
  if (now - since >= durationMs(spec.decision.stopAfter))
    return decided(
      next,
      now,
      'inconclusive',
      undefined,
      `${spec.decision.stopAfter} are over and nothing is proven. ${missingSentence(spec, left)}`.trim(),
    )
  next = held(next, seen)
  return next.heldSince === undefined ? said(next, missingSentence(spec, left)) : next
}

/** Arms that do harm, and those that are not worth it, get nothing more. */
function withStopped(status: ExperimentStatus, arms: readonly ArmFinding[], now: number): ExperimentStatus {
  let next = status
  for (const arm of arms) {
    if (stoppedIn(next, arm.name) !== undefined) continue
    const known = next.arms?.find(({ name }) => name === arm.name) ?? { name: arm.name, exposed: arm.exposed.candidate }
    if (arm.harm !== undefined) next = stoppedArm(next, known, 'harm', arm.harm, now)
    else if (arm.futile >= 1 && mayBeHarmful(arm, known.futileAt))
      next = withArm(next, { ...known, futileAt: known.futileAt ?? arm.exposed.candidate })
    else if (arm.futile >= 1)
      next = stoppedArm(next, known, 'futile', `${arm.name} is not better by as much as would be worth having: ${effectWords(arm)}.`, now)
  }
  return next
}

/**
 * That an arm is not worth it is proven before that it does harm, and harm is the more useful thing to know: where some of the evidence is there it is
 * waited for, until twice as many callers have come again.
 */
function mayBeHarmful({ worse, exposed, effect }: ArmFinding, futileAt = exposed.candidate): boolean {
  return worse >= POSSIBLE_HARM && (effect.value ?? 0) < 0 && exposed.candidate < 3 * futileAt
}

function stoppedArm(
  status: ExperimentStatus,
  arm: ArmStatus,
  stopped: 'harm' | 'futile',
  stoppedBecause: string,
  now: number,
): ExperimentStatus {
  return noted(
    withArm(status, { ...arm, stopped, stoppedBecause }),
    now,
    stopped === 'harm' ? 'StoppedForHarm' : 'NotWorthIt',
    stoppedBecause,
  )
}

function withArm(status: ExperimentStatus, arm: ArmStatus): ExperimentStatus {
  const known = status.arms ?? []
  const isKnown = known.some(({ name }) => name === arm.name)
  return { ...status, arms: isKnown ? known.map((each) => (each.name === arm.name ? arm : each)) : [...known, arm] }
}

function stoppedIn({ arms }: ExperimentStatus, name: string): ArmStatus['stopped'] {
  return arms?.find((arm) => arm.name === name)?.stopped
}

function allStopped(spec: ExperimentSpec, status: ExperimentStatus, now: number): ExperimentStatus {
  const control = spec.arms[0]!.name
  const futile = status.arms?.find(({ stopped }) => stopped === 'futile')
  if (futile) return decided(status, now, 'keep', control, `${control} stays.`, futile.stoppedBecause)
  const harmful = status.arms?.find(({ stopped }) => stopped === 'harm')
  return decided(status, now, 'harm', harmful?.name, 'All callers are back where the route says.', harmful?.stoppedBecause)
}

/** While an arm cannot answer nobody is divided: what its absence costs would count against it for good. */
function held(status: ExperimentStatus, { now, unready }: Seen): ExperimentStatus {
  if (unready === undefined) {
    if (status.heldSince === undefined) return status
    const { heldSince: _, ...rest } = status
    return noted(rest, now, 'Divided', 'All arms can answer again; callers are divided.')
  }
  if (status.heldSince !== undefined) return said(status, `Nobody is divided for the moment: ${unready}`)
  return noted({ ...status, heldSince: iso(now) }, now, 'Held', `Nobody is divided for the moment: ${unready}`)
}

/** @param because Why, where the history has it already. */
function decided(
  status: ExperimentStatus,
  now: number,
  decision: NonNullable<ExperimentStatus['decision']>,
  arm: string | undefined,
  message: string,
  because = '',
): ExperimentStatus {
  const { heldSince: _, ...rest } = status
  const ended = { ...rest, phase: 'Decided' as const, decision, ...(arm === undefined ? {} : { arm }), endedAt: iso(now) }
  return { ...noted(ended, now, 'Decided', message), message: `${because} ${message}`.trim() }
}

function noted(status: ExperimentStatus, now: number, event: string, message: string): ExperimentStatus {
  return { ...status, message, history: [...status.history, { time: iso(now), event, message }].slice(-KEPT_EVENTS) }
}

const said = (status: ExperimentStatus, message: string): ExperimentStatus => (status.message === message ? status : { ...status, message })
const iso = (now: number) => new Date(now).toISOString()

function shipSentence({ arms, primary }: ExperimentSpec, arm: ArmFinding): string {
  const guards = arm.metrics
    .slice(1)
    .filter(({ verdict }) => verdict === 'safe')
    .map(({ name }) => name)
  const safe = guards.length === 0 ? '' : `, and ${guards.join(', ')} ${guards.length === 1 ? 'is' : 'are'} shown not to be worse`
  return `${arm.name} is better than ${arms[0]!.name} by ${primary.name}: ${effectWords(arm)}${safe}.`
}

/** "+2.1 points (−0.4 to 3.8, p 0.01)" */
function effectWords({ effect }: ArmFinding): string {
  const value = effect.value === undefined ? 'nothing yet' : `${signed(effect.value)} points`
  return `${value} (${bound(effect.low)} to ${bound(effect.high)}, p ${effect.p < 0.001 ? 'below 0.001' : effect.p.toPrecision(2)})`
}

function crookedSentence({ arms }: ExperimentSpec, { name, exposed }: ArmFinding): string {
  const weightOf = (each: string) => arms.find((arm) => arm.name === each)?.weight
  const control = arms[0]!.name
  return (
    `Callers do not come to the arms as set, so nothing can be believed of them: ${grouped(exposed.baseline)} came to ${control} and ` +
    `${grouped(exposed.candidate)} to ${name}, where ${weightOf(control)} : ${weightOf(name)} was set. Look for callers that are lost on the way to one arm, or that change who they are.`
  )
}

function missingSentence(spec: ExperimentSpec, left: readonly ArmFinding[]): string {
  return left.map((arm) => missingOf(spec, arm)).join(' ')
}

function missingOf({ primary, arms, assignBy, analysis }: ExperimentSpec, arm: ArmFinding): string {
  const { name, exposed, effect, better, unitsMissing, pace } = arm
  const control = arms[0]!.name
  if (exposed.baseline + exposed.candidate === 0) return `${name}: nobody has come yet.`
  if (exposed.baseline === 0 || exposed.candidate === 0) {
    const came =
      exposed.baseline === 0
        ? `${callers(exposed.candidate)} come to ${name} and none to ${control}`
        : `${callers(exposed.baseline)} come to ${control} and none to ${name}`
    const { header, body, else: otherwise } = assignBy ?? { else: undefined }
    const known = [header && `the header ${header}`, body && 'the `user` of the body', otherwise === 'consumer' && 'the consumer'].filter(
      Boolean,
    )
    return `${came} so far${known.length === 0 ? '' : `; callers are told apart by ${known.join(', else ')}`}.`
  }
  if (effect.value === undefined)
    return `${name}: ${callers(exposed.baseline + exposed.candidate)} come so far; a caller is watched for ${analysis.unitWindow} before it counts.`
  if (better >= 1) return `${name} is better by ${primary.name}, ${effectWords(arm)}. ${arm.missing}`.trim()
  if (!Number.isFinite(unitsMissing)) return `${name}: ${effectWords(arm)}.`
  const about = pace > 0 ? `, ${inAbout(unitsMissing / pace)} at the pace so far` : ''
  return (
    `${name}: ${effectWords(arm)}. If it is better than ${control} by ${primary.minimumEffect} ${primary.minimumEffect === 1 ? 'point' : 'points'}, ` +
    `about ${grouped(roughly(unitsMissing))} more callers or requests show it${about}.`
  )
}

const callers = (count: number) => (count === 1 ? '1 caller has' : `${grouped(count)} callers have`)

const bound = (value: number) => signed(value).replace('+', '')
const signed = (value: number) => (value === 0 ? '0' : `${value > 0 ? '+' : '−'}${Math.abs(value).toFixed(Math.abs(value) < 10 ? 1 : 0)}`)
