/**
 * Strata's own policy: holds an objective for the first token at least cost, knowing how long a start takes and how latency follows load.
 *
 * Load is counted as work: what the requests that came will cost an instance, by their tokens. Unlike concurrency it neither lags behind arrivals by the
 * length of an answer nor explodes when a queue forms. How to follow it is not set but found: objective-fleets.ts replays a few hundred ways at the same
 * time, and the cheapest of those that would have held the objective of late is the one that is done. What the same arithmetic foresees of the fleet that
 * there is is held against what came, so that a curve that is off, or a dispatch that is better, is made up for. A queue comes on
 * top, and a crowd, far more than all that is ready can bear, is met as it comes: that is Knative's panic, by requests that come and not by concurrency.
 */
import { type LoadPoint, loadCurve } from './load-curve.ts'
import {
  advance,
  type Choice,
  cheapest,
  describe,
  type Fleets,
  LAST_MINUTE,
  lateShareOf,
  NO_FLEETS,
  type Strain,
  strainAfter,
  type World,
} from './objective-fleets.ts'
import { counted, existing, type Policy, type Sample, short } from './policy.ts'
import type { UnitCosts } from './service-curve.ts'

export interface ObjectiveSettings {
  /** First tokens later than that are misses, milliseconds. */
  readonly objectiveMs: number
  /** Measured, milliseconds. */
  readonly startupMs: number
  /** Measured: late share by load. */
  readonly curve: readonly LoadPoint[]
  readonly costs: UnitCosts
  /** Mean length of an answer, until it is seen. */
  readonly tokensOut: number
  /** The one knob: what share of the requests may miss, above 0 and below 1. 0.05 holds the objective for the 95th percentile. */
  readonly allowedMisses: number
  /** The last instance goes when nobody has asked for so long, milliseconds. */
  readonly idleMs?: number
}

export const DEFAULT_ALLOWED_MISSES = 0.05

export interface ObjectiveState {
  readonly fleets: Fleets
  /** Mean length of an answer, tokens. */
  readonly tokensOut: number
  /** The fleet that is followed. */
  readonly chosen: number | null
  /** The fleet that there is, by arithmetic. */
  readonly strain: Strain
  /** Requests a second in the mean of late: that were foreseen to miss in it, that missed, all. */
  readonly foreseen: number
  readonly missed: number
  readonly arrivals: number
  readonly askedAt: number | null
  readonly beganAt: number | null
  /** Seconds in which somebody asked, since nothing was ready or nothing was known. */
  readonly asked: number
  /** Seconds in which somebody asked, and the fleets could be told apart. */
  readonly learned: number
  /** Mean of what came in the last seconds, in saturated instances. */
  readonly surge: number
  /** Requests a second in the same time. */
  readonly coming: number
  /** When they were last far more than all that was ready can bear. */
  readonly crowdAt: number | null
}

/** Of traffic that was so short nothing is known. */
const LEARNING_S = 300
const FIRST_HEADROOM = 1.4
/** A surge shows in the mean of a few seconds, and so does chance. */
const SURGE_S = 6
const SURGE_HEADROOM = 1.1
/** So many times more than what is ready can bear, and not by chance, is waited out by no rule. The mean of a minute takes over from there. */
const CROWD = 2
const DEVIATIONS = 6
const CROWD_HELD_MS = 120_000
const FIRST_RULE = `${FIRST_HEADROOM} times the last minute's mean`
const SURGE_RULE = `${SURGE_HEADROOM} times what came in the last seconds`
/** Of what was so long ago a third counts. */
const MEMORY_S = 9_000
/** A queue is to be gone as soon after those that come for it are ready as their start took, within these seconds: a quick start is not worth a long wait. */
const QUICKEST_FLUSH_S = 10
const LONGEST_FLUSH_S = 60
/** Parts of an instance that make no difference. */
const CLOSE = 0.4
/** Answers until their mean length is believed. */
const ANSWERS = 500
const IDLE_MS = 600_000
const TAKING_OVER_MS = 60_000
/** By then what came to nothing has been served, and the mean of a minute knows of it. */
const SETTLING_MS = 60_000
/** One miss in a hundred requests says nothing yet about how good the foresight is. */
const NOISE = 0.01
/** What is foreseen is never held to be further off than that. */
const LEAST_TRUST = 0.05
const MOST_TRUST = 4

/** @throws RangeError for an allowed share that is none, or a curve without points. */
export function objectivePolicy(settings: ObjectiveSettings): Policy<ObjectiveState> {
  const { costs, allowedMisses, startupMs, idleMs = IDLE_MS } = settings
  if (!(allowedMisses > 0 && allowedMisses < 1)) throw new RangeError(`${allowedMisses} is no share of misses between 0 and 1`)
  const curve = loadCurve(settings.curve)
  const flushS = Math.min(LONGEST_FLUSH_S, Math.max(QUICKEST_FLUSH_S, startupMs / 1_000))
  const world: World = { startupMs, curve, patience: settings.objectiveMs / 1000, memory: MEMORY_S }
  return {
    name: 'objective',
    start: {
      fleets: NO_FLEETS,
      tokensOut: settings.tokensOut,
      chosen: null,
      strain: { queue: 0, use: 0 },
      foreseen: 0,
      missed: 0,
      arrivals: 0,
      askedAt: null,
      learned: 0,
      surge: 0,
      coming: 0,
      crowdAt: null,
      beganAt: null,
      asked: 0,
    },
    decide(state, sample, now) {
      const beganAt = state.beganAt ?? now
      const asks = sample.arrivals > 0 || sample.concurrency > 0
      const asked = sample.ready === 0 ? 0 : state.asked + (asks ? sample.periodMs / 1000 : 0)
      const tokensOut = lengthOfAnswers(state.tokensOut, sample)
      const request = costs.request + costs.tokenOut * tokensOut
      const load = (sample.arrivals * request + sample.tokensIn * costs.tokenIn) / curve.saturation
      // Who comes when nothing runs, or to what was idle, waits for a start whatever the rule, and the rules know of him only with time.
      const tells = asked * 1000 >= startupMs + SETTLING_MS
      const fleets = advance(state.fleets, load, sample.periodMs / 1000, now, world, tells)
      const counts = heldAgainst(state, sample, fleets, world, load, tells)
      const prior = NOISE * counts.arrivals
      const ratio = prior > 0 ? (counts.missed + prior) / (counts.foreseen + prior) : 1
      const trust = Math.min(MOST_TRUST, Math.max(LEAST_TRUST, ratio))

      const fresh = 1 - Math.exp(-sample.periodMs / 1000 / SURGE_S)
      const surge = state.surge + fresh * (load - state.surge)
      const learned = state.learned + (asks && tells ? sample.periodMs / 1000 : 0)
      const chosen = learned < LEARNING_S ? null : cheapest(fleets, allowedMisses, trust, state.chosen)
      const choice = chosen === null ? undefined : describe(fleets, chosen)
      const usual = sample.arrivals > 0 ? load / sample.arrivals : request / curve.saturation
      const forQueue = (sample.queued * usual) / flushS
      // Whatever was best of late, a load of a whole minute that no fleet smaller than this can bear is not waited out.
      const lastMinute = fleets.means[LAST_MINUTE]!
      const isSurge = SURGE_HEADROOM * surge > FIRST_HEADROOM * lastMinute
      const forNew = isSurge ? SURGE_HEADROOM * surge : FIRST_HEADROOM * lastMinute
      const coming = state.coming + fresh * (sample.arrivals - state.coming)
      const work = counts.arrivals > 0 ? fleets.load / counts.arrivals : usual
      const crowdAt = isCrowd(coming, sample.ready / work) ? now : state.crowdAt
      const forCrowd = crowdAt !== null && now - crowdAt < startupMs + CROWD_HELD_MS ? SURGE_HEADROOM * coming * work : 0
      const forLoad = choice ? Math.max(choice.instances, lastMinute, forCrowd) : forNew
      const askedAt = asks ? now : state.askedAt
      const isAsked = askedAt !== null && now - askedAt < idleMs
      // Whoever takes over a fleet takes nothing away before it has seen what the fleet is for.
      const least = now - beganAt < startupMs + TAKING_OVER_MS ? existing(sample) : 1
      const wanted = isAsked ? Math.max(1, least, steadily(forLoad + forQueue, existing(sample))) : 0
      return {
        wanted,
        reason: isAsked
          ? reasonFor(wanted, load, sample, choice ?? (isSurge ? SURGE_RULE : FIRST_RULE), trust, forQueue, forCrowd)
          : `Nobody has asked ${askedAt === null ? 'yet' : `for ${idleMs < 60_000 ? `${short(idleMs / 1000)} s` : `${short(idleMs / 60_000)} min`}`}: none.`,
        inputs: {
          load,
          ...(choice
            ? { forecast: choice.forecast, headroom: choice.headroom, rule: choice.name, foreseenMisses: choice.missShare, trust }
            : {}),
          ...{ queued: sample.queued, forQueue, ready: sample.ready, starting: sample.starting, allowedMisses },
        },
        state: {
          fleets,
          tokensOut,
          chosen,
          ...counts,
          askedAt,
          learned,
          surge,
          coming,
          crowdAt,
          beganAt,
          asked,
        },
      }
    },
  }
}

/**
 * Requests are counted, for one long prompt is none: of so many in the mean of some seconds, as independent ones would have once in a great while.
 *
 * @param coming Requests a second in the mean of SURGE_S.
 * @param bearable As many as all that is ready can bear.
 */
function isCrowd(coming: number, bearable: number): boolean {
  // Such a mean is as good as one over twice its time constant.
  const seconds = 2 * SURGE_S
  return bearable > 0 && coming > CROWD * bearable && (coming - bearable) * seconds > DEVIATIONS * Math.sqrt(bearable * seconds)
}

/** Rounded up, but one less than there are only where that is not close: a start for each wave of the last digit costs more than it saves. */
function steadily(needed: number, current: number): number {
  const wanted = Math.ceil(needed)
  return wanted === current - 1 && needed > wanted - CLOSE ? current : wanted
}

function lengthOfAnswers(before: number, { completions, tokensOut, periodMs }: Sample): number {
  if (completions === 0) return before
  // Tokens are counted as they are written, answers when they end: a burst of either would mislead.
  const seen = Math.min(10 * before, tokensOut / completions)
  return before + (1 - Math.exp((-completions * periodMs) / 1000 / ANSWERS)) * (seen - before)
}

/** What is foreseen of the fleet that there is, beside what it missed. */
function heldAgainst(state: ObjectiveState, sample: Sample, fleets: Fleets, world: World, load: number, tells: boolean) {
  const seconds = sample.periodMs / 1000
  // Where nothing is ready, what comes waits as for one.
  const strain = strainAfter(state.strain, sample.ready === 0 ? load : load / sample.ready, seconds)
  if (!tells) return { strain, foreseen: state.foreseen, missed: state.missed, arrivals: state.arrivals }
  const fresh = Math.max(seconds / fleets.seconds, seconds / MEMORY_S)
  const towards = (before: number, now: number) => before + fresh * (now - before)
  return {
    strain,
    foreseen: towards(state.foreseen, lateShareOf(strain, world) * sample.arrivals),
    missed: towards(state.missed, sample.misses),
    arrivals: towards(state.arrivals, sample.arrivals),
  }
}

function reasonFor(
  wanted: number,
  load: number,
  sample: Sample,
  rule: Choice | string,
  trust: number,
  forQueue: number,
  forCrowd: number,
): string {
  const now = `${short(sample.arrivals)} requests/s are work for ${short(load)} busy instances`
  const queue = forQueue > 0.1 ? `, ${short(forQueue)} more for the ${counted(sample.queued, 'request')} that wait` : ''
  if (typeof rule === 'string') return `${now}; too new to know its habits, so ${rule}${queue}: ${wanted}.`
  if (forCrowd > rule.instances) return `${now}, far more than all that is ready can bear, so ${SURGE_RULE}${queue}: ${wanted}.`
  return `${now}; ${short(rule.forecast)} are forecast (${rule.name}) and ${short(rule.headroom)} times that is the cheapest that would have held the objective of late (${short(rule.missShare * trust * 100)} % misses)${queue}: ${wanted}.`
}
