/**
 * Fleets that exist only in arithmetic: each follows the load by a rule of its own, with the true start-up time, and is told what its misses and its
 * instances would have been. Whoever asks which rule suits this traffic need not guess: he takes the one that would have been cheapest.
 *
 * A rule is a forecast (a mean over seconds or hours, a trend), how slowly it is let down again, and how many instances stand for each one that is
 * forecast. Traffic that drifts is served best by a short mean and little headroom, traffic that comes in storms shorter than a start by a long one
 * and much; which it is changes by the hour, and no single setting of one rule does both.
 */
import type { LoadCurve } from './load-curve.ts'
import { short } from './policy.ts'

/** Time constants of the means, seconds. */
const MEANS_S = [20, 60, 180, 600, 1_800, 7_200] as const
export const LAST_MINUTE = 1

interface Forecast {
  readonly name: string
  /** Of the means, in their order, and the start-up time in seconds. */
  of(means: readonly number[], startup: number): number
  /** What was forecast once is forgotten so slowly, seconds; 0: at once. */
  readonly hold: number
}

const mean = (i: number, hold: number): Forecast => ({
  name: `mean of ${length(MEANS_S[i]!)}${held(hold)}`,
  of: (means) => means[i]!,
  hold,
})
/** The line through two means, each as old as its time constant, followed for as long as a start takes; 0.7, since trends tire. */
const trend = (i: number, j: number, hold: number): Forecast => ({
  name: `trend of ${length(MEANS_S[i]!)} against ${length(MEANS_S[j]!)}${held(hold)}`,
  of: (means, startup) => Math.max(0, means[i]! + (0.7 * (means[i]! - means[j]!) * (MEANS_S[i]! + startup)) / (MEANS_S[j]! - MEANS_S[i]!)),
  hold,
})
const higher = (i: number, j: number, hold: number): Forecast => ({
  name: `higher mean of ${length(MEANS_S[i]!)} and ${length(MEANS_S[j]!)}${held(hold)}`,
  of: (means) => Math.max(means[i]!, means[j]!),
  hold,
})
const length = (seconds: number) =>
  seconds < 120 ? `${seconds} s` : seconds < 7_200 ? `${short(seconds / 60)} min` : `${seconds / 3_600} h`
const held = (hold: number) => (hold === 0 ? '' : `, let down over ${length(hold)}`)

const FORECASTS: readonly Forecast[] = [
  ...[mean(0, 300), mean(0, 900), mean(1, 0), mean(1, 150), mean(1, 400), mean(1, 1_200), mean(2, 0), mean(2, 300), mean(2, 1_200)],
  ...[mean(3, 0), mean(3, 1_200), mean(4, 0), mean(5, 0), trend(1, 3, 300), trend(2, 3, 0), trend(2, 3, 300)],
  ...[higher(1, 3, 150), higher(1, 4, 150)],
]

/** Saturated instances for each that is forecast. */
const HEADROOMS = Array.from({ length: 28 }, (_, i) => 0.7 * 1.075 ** i)
/** What was wanted is kept in pieces of time, each by its least: at most so many as long as a start. */
const PIECES = 6
const PIECE_LENGTHS_MS = [2_000, 5_000, 10_000] as const
/** So much of an instance there always is, lest a load be divided by nothing. */
const CRUMB = 1e-3
/** Longer queues are none: whoever would wait so long has left. */
const LONGEST_QUEUE_S = 30
/** Over so long a load has to last to show in the late share. */
const USE_S = 8
/** Instances for each whose work is missed although it is not allowed. */
const BEYOND = 1_000

export interface Fleets {
  readonly seconds: number
  readonly means: readonly number[]
  /** For each forecast, what it says now, let down slowly. */
  readonly forecasts: readonly number[]
  /** The least that each said in pieces of time as far back as a start: instances that were not wanted then are not there yet. */
  readonly pieces: readonly { readonly at: number; readonly least: readonly number[] }[]
  /** What came, in the mean of late. */
  readonly load: number
  /** For each forecast its mean: what an instance for each would have cost. */
  readonly cost: readonly number[]
  /** For each forecast and headroom: seconds of work that wait, use of late, work that missed, a second. */
  readonly queue: readonly number[]
  readonly use: readonly number[]
  readonly missed: readonly number[]
}

const each = (length: number) => new Array<number>(length).fill(0)
const ALL = FORECASTS.length * HEADROOMS.length

export const NO_FLEETS: Fleets = {
  seconds: 0,
  means: each(MEANS_S.length),
  forecasts: each(FORECASTS.length),
  pieces: [],
  load: 0,
  cost: each(FORECASTS.length),
  queue: each(ALL),
  use: each(ALL),
  missed: each(ALL),
}

export interface World {
  readonly startupMs: number
  /** Seconds that a request may wait for its turn and still be in time. */
  readonly patience: number
  readonly curve: LoadCurve
  /** Misses and costs of so long ago count a third, seconds. */
  readonly memory: number
}

/**
 * @param load What came in the last `seconds`, in saturated instances.
 * @param tells Whether it says which rule is better.
 */
export function advance(
  fleets: Fleets,
  load: number,
  seconds: number,
  now: number,
  { startupMs, patience, curve, memory }: World,
  tells: boolean,
): Fleets {
  const age = fleets.seconds + seconds
  // What is young is a plain mean of all there is.
  const towards = (constant: number) => Math.max(seconds / age, 1 - Math.exp(-seconds / constant))
  const means = fleets.means.map((value, i) => value + towards(MEANS_S[i]!) * (load - value))
  const forecasts = FORECASTS.map(({ of, hold }, i) => {
    const forecast = of(means, startupMs / 1000)
    const before = fleets.forecasts[i]!
    return before <= forecast || hold === 0 ? forecast : forecast + (before - forecast) * Math.exp(-seconds / hold)
  })
  const pieceMs = PIECE_LENGTHS_MS.find((length) => startupMs <= PIECES * length) ?? PIECE_LENGTHS_MS.at(-1)!
  const at = Math.floor(now / pieceMs) * pieceMs
  const last = fleets.pieces.at(-1)
  const earlier = (last?.at === at ? fleets.pieces.slice(0, -1) : fleets.pieces).filter((one) => one.at >= at - startupMs - pieceMs + 1)
  const least = last?.at === at ? last.least.map((value, i) => Math.min(value, forecasts[i]!)) : forecasts
  const pieces = [...earlier, { at, least }]
  if (!tells) return { ...fleets, seconds: age, means, forecasts, pieces, queue: each(ALL), use: each(ALL) }

  const lates = new Float64Array(ALL)
  const [queue, use, missed] = [fleets.queue.slice(), fleets.use.slice(), fleets.missed.slice()]
  const forget = Math.max(seconds / age, seconds / memory)
  const cost = fleets.cost.map((value, i) => value + forget * (forecasts[i]! - value))
  const came = fleets.load + forget * (load - fleets.load)
  const fresh = 1 - Math.exp(-seconds / USE_S)
  // What not one of them could have borne says nothing of which is better.
  let unavoidable = 1
  for (let f = 0; f < FORECASTS.length; f++) {
    let ready = Number.POSITIVE_INFINITY
    for (const { least } of pieces) if (least[f]! < ready) ready = least[f]!
    if (ready < CRUMB) ready = CRUMB
    for (let h = 0; h < HEADROOMS.length; h++) {
      const i = f * HEADROOMS.length + h
      const burden = load / (ready * HEADROOMS[h]!)
      queue[i] = queueAfter(queue[i]!, burden, seconds)
      use[i] = use[i]! + fresh * (burden - use[i]!)
      const late = queue[i]! > patience ? 1 : curve.missShare(use[i]!)
      lates[i] = late
      if (late < unavoidable) unavoidable = late
    }
  }
  for (let i = 0; i < ALL; i++) missed[i] = missed[i]! + forget * ((lates[i]! - unavoidable) * load - missed[i]!)
  return { seconds: age, means, forecasts, pieces, load: came, cost, queue, use, missed }
}

export interface Choice {
  /** Place among all pairs of a forecast and a headroom. */
  readonly index: number
  /** Instances, not rounded, in saturated ones. */
  readonly instances: number
  readonly forecast: number
  readonly headroom: number
  readonly name: string
  /** Share of late first tokens that it would have had, 0 to 1. */
  readonly missShare: number
}

/**
 * The cheapest fleet of which, of late, no more than the allowed share of the work would have missed; where all would have missed more, the one with the
 * fewest misses.
 *
 * @param trust What one foreseen miss is in truth, as far as it is known.
 * @param before The one that was chosen before: another is taken only if it is better by a fiftieth.
 */
export function cheapest(fleets: Fleets, allowed: number, trust: number, before: number | null): number {
  const most = (allowed / trust) * fleets.load
  const price = (i: number) =>
    fleets.cost[Math.floor(i / HEADROOMS.length)]! * HEADROOMS[i % HEADROOMS.length]! + BEYOND * Math.max(0, fleets.missed[i]! - most)
  let best = before ?? 0
  let least = price(best) * (before === null ? 1 : 0.98)
  for (let i = 0; i < ALL; i++) {
    const here = price(i)
    if (here < least) {
      least = here
      best = i
    }
  }
  return best
}

/** The fleet that there is, in the same arithmetic as those that there are not: what is foreseen of it can be held against what comes. */
export interface Strain {
  /** Seconds of work that wait. */
  readonly queue: number
  /** Of late; 1 is saturated. */
  readonly use: number
}

/** @param burden Saturated instances' work for each instance. */
export function strainAfter({ queue, use }: Strain, burden: number, seconds: number): Strain {
  return { queue: queueAfter(queue, burden, seconds), use: use + (1 - Math.exp(-seconds / USE_S)) * (burden - use) }
}

/** Share of what comes that is late, 0 to 1. */
export function lateShareOf({ queue, use }: Strain, { patience, curve }: World): number {
  return queue > patience ? 1 : curve.missShare(use)
}

const queueAfter = (queue: number, burden: number, seconds: number): number =>
  Math.min(LONGEST_QUEUE_S, Math.max(0, queue + (burden - 1) * seconds))

export function describe(fleets: Fleets, index: number): Choice {
  const f = Math.floor(index / HEADROOMS.length)
  const headroom = HEADROOMS[index % HEADROOMS.length]!
  const forecast = fleets.forecasts[f]!
  return {
    ...{ index, forecast, headroom, instances: forecast * headroom, name: FORECASTS[f]!.name },
    missShare: fleets.load > 0 ? Math.min(1, fleets.missed[index]! / fleets.load) : 0,
  }
}
