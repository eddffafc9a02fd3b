/**
 * The life of one instance, from what is seen of it: the states that people read, whether it gets requests, and what is due to be done to it.
 * Pure. Times are monotonic milliseconds.
 *
 * Probes mean what Kubernetes' do (kubernetes.io, "Liveness, Readiness, and Startup Probes"): until it has served once only the time of its start
 * is watched; then readiness decides whether it gets requests and liveness whether it is ended and started again.
 */
import { escapeControls } from '../../kernel/sentences.ts'
import type { Probes } from '../../resources/probes.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { RunningInstance } from '../runtimes/port.ts'

export type InstanceState = 'pending' | 'pulling' | 'starting' | 'loading' | 'warming' | 'ready' | 'draining' | 'stopped' | 'failed'

/** What it said to the question whether it serves. */
export interface Found {
  /** It answers, in its protocol. */
  readonly reachable: boolean
  readonly ready: boolean
  readonly message?: string
}

export interface Life {
  /** As its runtime sees it; undefined where that knows nothing of it. */
  readonly seen?: RunningInstance
  /** Starts of its program, by which a new one is told from the last. */
  readonly run: number
  /** Since when its program runs, as far as is known here. */
  readonly runningSince?: number
  readonly ready: boolean
  /** It has been ready since its program started. */
  readonly served: boolean
  readonly found?: Found
  /** Answers in a row. */
  readonly good: number
  readonly bad: number
  /** Liveness failures in a row. */
  readonly dead: number
  readonly warm: 'cold' | 'warming' | 'warm'
  readonly warmProblem?: string
  readonly warmAgainAt: number
  readonly readinessAt: number
  readonly livenessAt: number
  /** It was ended by us, so often in a row and last then. */
  readonly kills: number
  readonly killedAt: number
  readonly killedFor?: string
  /** What it said last before its last run ended. */
  readonly lastWords?: string
}

export const NEW_LIFE: Life = {
  run: 0,
  ready: false,
  served: false,
  good: 0,
  bad: 0,
  dead: 0,
  warm: 'cold',
  warmAgainAt: 0,
  readinessAt: Number.NEGATIVE_INFINITY,
  livenessAt: Number.NEGATIVE_INFINITY,
  kills: 0,
  killedAt: Number.NEGATIVE_INFINITY,
}

/** While it is not ready it is asked this often, whatever its period. */
const STARTING_MS = 200
const WARM_AGAIN_MS = 5_000
/** Between two ends by our hand: doubling, and forgotten after so long without one, as Kubernetes' crash loop back-off. */
const FIRST_KILL_PAUSE_MS = 10_000
const LONGEST_KILL_PAUSE_MS = 300_000
const FORGIVEN_MS = 600_000

/** What its runtime says. Another run begins anew; what is known of the ends by our hand stays. */
export function seeRun(life: Life, seen: RunningInstance | undefined, now: number): Life {
  const running = seen?.state === 'running'
  if (running && life.runningSince !== undefined && isSameRun(life, seen)) return { ...life, seen, run: seen.restarts }
  const { kills, killedAt, killedFor } = life
  const lastWords = life.found?.reachable && !life.ready ? life.found.message : life.found ? undefined : life.lastWords
  const base = {
    ...{ ...NEW_LIFE, kills, killedAt },
    ...(killedFor === undefined ? {} : { killedFor }),
    ...(lastWords === undefined ? {} : { lastWords }),
  }
  return { ...base, ...(seen ? { seen, run: seen.restarts } : { run: life.run }), ...(running ? { runningSince: now } : {}) }
}

/** A count of starts begins anew where its runtime did; what it says of the run itself goes before. */
function isSameRun({ seen: before, run }: Life, { incarnation, restarts }: RunningInstance): boolean {
  return incarnation !== undefined && before?.incarnation !== undefined ? incarnation === before.incarnation : restarts === run
}

export function seeReadiness(life: Life, found: Found, { readiness }: Probes, hasWarmup: boolean): Life {
  if (found.ready) {
    const good = life.good + 1
    const counts = life.ready || good >= readiness.successes
    const warm = hasWarmup ? life.warm : 'warm'
    const ready = counts && warm === 'warm'
    return { ...life, found, good, bad: 0, dead: 0, warm, ready, served: life.served || ready }
  }
  const bad = life.bad + 1
  return { ...life, found, good: 0, bad, ready: life.ready && bad < readiness.failures }
}

export function seeLiveness(life: Life, alive: boolean): Life {
  return { ...life, dead: alive ? 0 : life.dead + 1 }
}

/** `problem`: what came of its warm-up requests, nothing where all was well. */
export function seeWarmup(life: Life, problem: string | undefined, now: number): Life {
  if (problem !== undefined) return { ...life, warm: 'cold', warmProblem: problem, warmAgainAt: now + WARM_AGAIN_MS }
  const ready = life.found?.ready === true
  return { ...life, warm: 'warm', warmProblem: undefined, ready, served: life.served || ready }
}

export interface Due {
  readonly readiness: boolean
  readonly liveness: boolean
  readonly warmup: boolean
  /** Why it is to be ended and started again. */
  readonly restart?: string
}

const NOTHING: Due = { readiness: false, liveness: false, warmup: false }

export function dueOf(life: Life, probes: Probes, now: number): Due {
  if (life.runningSince === undefined) return NOTHING
  const { readiness, liveness } = probes
  const period = life.ready ? durationMs(readiness.period) : Math.min(durationMs(readiness.period), STARTING_MS)
  const why = endingReason(life, probes, now)
  return {
    readiness: now - life.readinessAt >= period,
    liveness: life.served && now - life.livenessAt >= durationMs(liveness.period),
    warmup: life.found?.ready === true && life.good >= readiness.successes && life.warm === 'cold' && now >= life.warmAgainAt,
    ...(why !== undefined && now - life.killedAt >= killPause(life) ? { restart: why } : {}),
  }
}

function endingReason(life: Life, { startup, liveness }: Probes, now: number): string | undefined {
  if (life.dead >= liveness.failures) return `it did not answer ${life.dead} liveness probes in a row`
  if (!life.served && now - life.runningSince! > durationMs(startup.timeout)) {
    const last = life.warmProblem ?? life.found?.message
    return `it did not serve within ${startup.timeout}${last ? `: ${last}` : ''}`
  }
  return undefined
}

const killPause = ({ kills }: Life) =>
  kills === 0 ? 0 : Math.min(LONGEST_KILL_PAUSE_MS, FIRST_KILL_PAUSE_MS * 2 ** Math.min(kills - 1, 30))

export function killed(life: Life, why: string, now: number): Life {
  const kills = now - life.killedAt > FORGIVEN_MS ? 1 : life.kills + 1
  // It is seen again before its end is: not a second time for the same.
  return { ...life, ready: false, dead: 0, runningSince: now, kills, killedAt: now, killedFor: why }
}

export interface Leaving {
  /** No new requests. */
  readonly retiring: boolean
  /** Its runtime was told that it is wanted no more. */
  readonly ended: boolean
}

/** The state that people read, and why. `waits`: why it is not given to its runtime yet. */
export function stateOf(life: Life, leaving: Leaving, waits?: string): { readonly state: InstanceState; readonly message?: string } {
  const { seen, found } = life
  if (leaving.retiring) return { state: 'draining', ...(leaving.ended ? { message: 'it was told to end' } : {}) }
  if (!seen) return { state: 'pending', ...(waits === undefined ? {} : { message: waits }) }
  // Servers that are not ours say what they like; it stands in tables and on terminals.
  const told = (message: string | undefined) => (message === undefined ? {} : { message: escapeControls(message) })
  switch (seen.state) {
    case 'pulling':
    case 'starting':
      return { state: seen.state, ...told(seen.message ?? pastOf(life)) }
    case 'failed':
      return { state: 'failed', ...told(seen.message ?? seen.lastEnd) }
    case 'waiting':
      return { state: 'failed', message: crashLoop(life) }
    case 'ending':
      return { state: 'pending', message: 'one of the same name ends first' }
    case 'running':
      break
    default:
      seen.state satisfies never
  }
  if (life.ready) return { state: 'ready', ...told(seen.message) }
  if (life.warm === 'warming' || life.warmProblem !== undefined) return { state: 'warming', ...told(life.warmProblem) }
  if (life.served && !found?.reachable) return { state: 'failed', message: `it does not answer: ${found?.message ?? 'no reason is known'}` }
  return {
    state: found?.reachable ? 'loading' : 'starting',
    ...told((found?.reachable ? found.message : undefined) ?? seen.message ?? pastOf(life)),
  }
}

/** Why this is not its first run. */
function pastOf(life: Life): string | undefined {
  const end = life.seen && life.seen.restarts > 0 ? endOf(life) : undefined
  return end === undefined ? undefined : `its last run ended: ${end}`
}

/** How its last run ended, with what it said of it itself. */
function endOf({ seen, killedFor, lastWords }: Life): string | undefined {
  const end = killedFor ?? seen?.message ?? seen?.lastEnd
  return end === undefined || lastWords === undefined || end.includes(lastWords) ? end : `${end}: ${lastWords}`
}

function crashLoop(life: Life): string {
  const why = endOf(life) ?? 'it ended'
  const { restarts } = life.seen!
  return restarts > 1 ? `${why}; it has ended ${restarts} times and is started again after a pause` : why
}
