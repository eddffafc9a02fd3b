/**
 * The state machine of a release: pure functions of what is written, what is, what is seen and the time. Whoever calls them writes the result into the
 * rollout's status, from where a new control goes on. Weights follow from the status alone (`overlay.ts`), so a step is one write.
 *
 * Two gates stand in the way. The next weight wants `minSamples` units at the present one, because a step that nobody was sent to tests nothing. All
 * of the traffic wants every judged metric to be shown not to be worse by its margin; time alone never promotes. Shown to be safe, the clock is not
 * waited for.
 */
import type { Spec, Status } from '../../resources/index.ts'
import { isJudged, isRunning } from '../../resources/rollout-misfits.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { Evidence } from '../comparison/findings.ts'

type RolloutSpec = Spec<'Rollout'>
export type RolloutStatus = Status<'Rollout'>

/** What is known at this moment. */
export interface Seen {
  readonly now: number
  /** Why the new version cannot be sent anything, and the old one can: a sentence. Undefined: it is ready, or none is. */
  readonly unready?: string
  /** Why there is nothing that it could be given: a sentence. */
  readonly displaced?: string
  /** The route itself names the new version in the place of the old one. */
  readonly written?: boolean
  /** Why what was seen before does not count any more. */
  readonly anew?: string
  readonly evidence: Evidence
}

export type Action = 'pause' | 'resume' | 'promote' | 'promote-full' | 'abort' | 'retry' | 'undo'

const KEPT_EVENTS = 100

/** Milliseconds that a release waits for a new version that is not ready any more, before it goes back. */
const LONGEST_HELD_MS = 300_000

/** The status that follows. The same object comes back where nothing changes. */
export function advance(spec: RolloutSpec, before: RolloutStatus | undefined, seen: Seen): RolloutStatus {
  const known = before?.phase === undefined ? begun(before, seen.now) : before
  const status =
    seen.anew === undefined || !isRunning({ status: known })
      ? known
      : noted({ ...known, unitsBefore: 0 }, seen.now, 'ComparedAnew', `${seen.anew}, so all is compared anew.`)
  switch (status.phase) {
    case 'Pending':
      return whilePending(spec, status, seen)
    case 'Progressing':
    case 'Paused':
      return whileRunning(spec, status, seen)
    case 'Healthy':
      return said(status, sayPromoted(spec, seen))
    default:
      return status
  }
}

function begun(before: RolloutStatus | undefined, now: number): RolloutStatus {
  const time = new Date(now).toISOString()
  return {
    conditions: [],
    history: [],
    ...before,
    phase: 'Pending',
    step: 0,
    weight: 0,
    attempt: (before?.attempt ?? 0) + 1,
    startedAt: time,
  }
}

function whilePending(spec: RolloutSpec, status: RolloutStatus, seen: Seen): RolloutStatus {
  const obstacle = seen.displaced ?? seen.unready
  if (obstacle !== undefined) {
    const { maxDuration } = spec.analysis
    return seen.now - Date.parse(status.startedAt ?? '') < durationMs(maxDuration)
      ? said(status, `Waiting. ${obstacle}`)
      : ended(status, seen.now, 'TimedOut', `Not begun within ${maxDuration}. ${obstacle}`)
  }
  const time = new Date(seen.now).toISOString()
  const first = spec.steps[0]
  const started: RolloutStatus = { ...status, phase: 'Progressing', startedAt: time, clockFrom: time, stepStartedAt: time, unitsBefore: 0 }
  // A pause may stand before the first weight.
  return first && 'weight' in first && !mayTake(spec, first.weight, started, seen)
    ? said(started, waitingFor(spec, first.weight, seen))
    : enter(spec, noted(started, seen.now, 'Started', `${spec.to} is compared with ${spec.from}.`), 0, seen)
}

function whileRunning(spec: RolloutSpec, status: RolloutStatus, seen: Seen): RolloutStatus {
  const { evidence, now } = seen
  if (evidence.harm !== undefined) return ended(status, now, 'RolledBack', evidence.harm)
  const obstacle = seen.displaced ?? seen.unready
  if (obstacle !== undefined && (status.weight ?? 0) > 0) {
    const until = seen.displaced === undefined ? ` Its share goes to ${spec.from} until it is.` : ' The release waits for that to change.'
    return whileHeld(status, obstacle, `${obstacle}${until}`, now)
  }
  if (status.heldSince !== undefined) {
    const { heldSince: _, ...rest } = status
    return noted(rest, now, 'Released', `${spec.to} is ready and gets its share again.`)
  }
  if (status.phase === 'Paused') return status
  const since = Date.parse(status.clockFrom ?? status.startedAt ?? '')
  if (now - since >= durationMs(spec.analysis.maxDuration) && isJudged(spec) && !evidence.safe) {
    const message = `Not decided within ${spec.analysis.maxDuration}: ${evidence.missing}`
    if (spec.analysis.onTimeout === 'rollback') return ended(status, now, 'TimedOut', message)
    return noted({ ...status, phase: 'Paused', pausedBy: 'timeout', message }, now, 'TimedOut', message)
  }
  return climb(spec, status, seen)
}

/** A version that answers nobody keeps its weight, and is sent nothing: `overlay.ts` leaves its share with the old one. */
function whileHeld(status: RolloutStatus, obstacle: string, message: string, now: number): RolloutStatus {
  if (status.heldSince === undefined) return noted({ ...status, heldSince: new Date(now).toISOString(), message }, now, 'Held', message)
  if (now - Date.parse(status.heldSince) < LONGEST_HELD_MS) return said(status, message)
  return ended(status, now, 'Unready', `For 5 minutes: ${obstacle}`)
}

/** Takes the next step, if it may be taken now. */
function climb(spec: RolloutSpec, status: RolloutStatus, seen: Seen): RolloutStatus {
  const at = status.step ?? 0
  const present = spec.steps[at]
  if (present && 'pause' in present) {
    if (typeof present.pause !== 'string') {
      const message = `Step ${at + 1} of ${spec.steps.length} waits until somebody promotes.`
      return noted({ ...status, phase: 'Paused', pausedBy: 'step', message }, seen.now, 'Paused', message)
    }
    const left = Date.parse(status.stepStartedAt ?? '') + durationMs(present.pause) - seen.now
    const shown = seen.evidence.safe && seen.evidence.good
    if (left > 0 && !shown) return said(status, `Pauses ${present.pause} at ${status.weight} %. ${seen.evidence.missing}`.trim())
  }
  const next = spec.steps[at + 1]
  const weight = next === undefined ? 100 : 'weight' in next ? next.weight : undefined
  if (weight !== undefined && status.weight !== 100 && !mayTake(spec, weight, status, seen))
    return said(status, waitingFor(spec, weight, seen))
  return enter(spec, status, at + 1, seen)
}

function enter(spec: RolloutSpec, status: RolloutStatus, step: number, seen: Seen): RolloutStatus {
  const stepStartedAt = new Date(seen.now).toISOString()
  const entered = spec.steps[step]
  if (entered === undefined) return promoted(spec, status, seen)
  const there = { ...status, step, stepStartedAt }
  if ('pause' in entered) return there
  const message = `${spec.to} gets ${entered.weight} % of what went to ${spec.from}.`
  const moved = noted({ ...there, weight: entered.weight, unitsBefore: seen.evidence.units, message }, seen.now, 'Weight', message)
  const next = spec.steps[step + 1]
  // What was seen before says nothing of the new weight: only what follows without looking is done at once.
  if (next === undefined) return entered.weight === 100 ? promoted(spec, moved, seen) : moved
  return 'pause' in next ? enter(spec, moved, step + 1, seen) : moved
}

/** Whether the gates before this weight are open. */
function mayTake(spec: RolloutSpec, weight: number, status: RolloutStatus, { evidence }: Seen): boolean {
  if (weight >= 100 && isJudged(spec) && !evidence.safe) return false
  // To begin with nothing has been seen of it that a check could look at.
  if ((status.weight ?? 0) === 0) return true
  const compared = spec.analysis.metrics.length > 0
  return evidence.good && (!compared || evidence.units - (status.unitsBefore ?? 0) >= spec.analysis.minSamples)
}

function waitingFor(spec: RolloutSpec, weight: number, { evidence }: Seen): string {
  if (weight >= 100 && isJudged(spec))
    return `Before ${spec.to} gets everything it must be shown to be no worse. ${evidence.missing}`.trim()
  const samples = spec.analysis.metrics.length > 0 ? ` at least ${spec.analysis.minSamples} units of ${spec.to} at this weight.` : ''
  return `Before ${weight} %:${samples} ${evidence.missing}`.trim()
}

function sayPromoted({ from, to, route }: RolloutSpec, { written }: Seen): string {
  const rest = written
    ? `Route/${route} says so itself by now: this rollout may be deleted.`
    : 'Write it into the route, then this rollout may be deleted.'
  return `${to} has what went to ${from}. ${rest}`
}

function promoted(spec: RolloutSpec, status: RolloutStatus, seen: Seen): RolloutStatus {
  const { now } = seen
  const message = sayPromoted(spec, seen)
  const { pausedBy: _, heldSince: __, ...rest } = status
  const done: RolloutStatus = {
    ...rest,
    phase: 'Healthy',
    step: spec.steps.length,
    weight: 100,
    endedAt: new Date(now).toISOString(),
    message,
  }
  return noted(done, now, 'Promoted', message)
}

function ended(status: RolloutStatus, now: number, event: string, message: string): RolloutStatus {
  const { pausedBy: _, heldSince: __, ...rest } = status
  return noted({ ...rest, phase: 'Degraded', weight: 0, endedAt: new Date(now).toISOString(), message }, now, event, message)
}

/** What a person wants. Undefined, with a reason, where that cannot be now. */
export function act(
  spec: RolloutSpec,
  before: RolloutStatus | undefined,
  action: Action,
  who: string,
  seen: Seen,
): { readonly status: RolloutStatus } | { readonly refused: string } {
  const status = before?.phase === undefined ? begun(before, seen.now) : before
  const { now } = seen
  const phase = status.phase as NonNullable<RolloutStatus['phase']>
  const wrong = (expected: string) => ({ refused: `It is ${phase}, and can be ${WORDS[action]} only while it is ${expected}.` })
  const obstacle = seen.displaced ?? seen.unready
  if ((action === 'promote' || action === 'promote-full') && obstacle !== undefined)
    return { refused: `It cannot be ${WORDS[action]}. ${obstacle}` }
  const back = seen.displaced === undefined ? `everything goes to ${spec.from} again` : 'it moves nothing any more'
  switch (action) {
    case 'pause':
      if (phase !== 'Progressing') return wrong('Progressing')
      return { status: noted({ ...status, phase: 'Paused', pausedBy: 'user', message: `Paused by ${who}.` }, now, 'Paused', `By ${who}.`) }
    case 'resume': {
      if (phase !== 'Paused') return wrong('Paused')
      const { pausedBy, ...rest } = status
      const resumed = noted(
        { ...rest, phase: 'Progressing', clockFrom: new Date(now).toISOString(), message: `Resumed by ${who}.` },
        now,
        'Resumed',
        `By ${who}.`,
      )
      return { status: pausedBy === 'step' ? past(spec, resumed, seen) : resumed }
    }
    case 'promote': {
      if (phase !== 'Progressing' && phase !== 'Paused') return wrong('Progressing or Paused')
      const { pausedBy: _, ...rest } = status
      return { status: past(spec, noted({ ...rest, phase: 'Progressing' }, now, 'PromotedByHand', `One step, by ${who}.`), seen) }
    }
    case 'promote-full':
      if (phase !== 'Progressing' && phase !== 'Paused') return wrong('Progressing or Paused')
      return { status: promoted(spec, noted(status, now, 'PromotedByHand', `Fully, by ${who}.`), seen) }
    case 'abort':
      if (!isRunning({ status })) return wrong('Pending, Progressing or Paused')
      return { status: ended(status, now, 'Aborted', `Aborted by ${who}: ${back}.`) }
    case 'retry': {
      if (phase !== 'Degraded') return wrong('Degraded')
      const { phase: _, endedAt: __, analysis: ___, ...rest } = status
      return { status: noted(begun(rest, now), now, 'Retried', `By ${who}.`) }
    }
    case 'undo':
      if (phase !== 'Healthy') return wrong('Healthy')
      return { status: ended(status, now, 'Undone', `Undone by ${who}: ${back}.`) }
    default:
      return action satisfies never
  }
}

const WORDS: Record<Action, string> = {
  pause: 'paused',
  resume: 'resumed',
  promote: 'promoted',
  'promote-full': 'promoted',
  abort: 'aborted',
  retry: 'tried again',
  undo: 'undone',
}

/** The next step with a weight, whatever its gates say. */
function past(spec: RolloutSpec, status: RolloutStatus, seen: Seen): RolloutStatus {
  const next = spec.steps.findIndex((step, i) => i > (status.step ?? 0) && 'weight' in step)
  return enter(spec, status, next === -1 ? spec.steps.length : next, seen)
}

function said(status: RolloutStatus, message: string): RolloutStatus {
  return status.message === message ? status : { ...status, message }
}

function noted(status: RolloutStatus, now: number, event: string, message: string): RolloutStatus {
  const history = [...(status.history ?? []), { time: new Date(now).toISOString(), event, message }].slice(-KEPT_EVENTS)
  return { ...status, message, history }
}
