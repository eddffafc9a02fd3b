/**
 * Knative's pod autoscaler (KPA): the mean concurrency of a long window decides, unless that of a short one says that the fleet is far too small.
 *
 * After knative/serving at 98e5ef90: `Scale` in pkg/autoscaler/scaling/autoscaler.go, the averages in pkg/autoscaler/aggregation/bucketing.go, the
 * defaults in config/core/configmaps/autoscaler.yaml. Its excess burst capacity moves the activator in and out of the path and no instance: left out.
 */
import { type Metric, totalOf, UNITS } from './metric.ts'
import { counted, type Decision, type Policy, short } from './policy.ts'

export interface KnativeSettings {
  /** Requests that one instance should have at the same time: the container's concurrency times the target percentage. */
  readonly target: number
  /** Knative's are `concurrency` and requests a second, here `arrivals`; the others follow the same rule. */
  readonly metric: Metric
  readonly stableWindowMs: number
  /** Of the stable window. */
  readonly panicWindowPercent: number
  /** So much more than the ready instances can bear makes it panic. */
  readonly panicThresholdPercent: number
  readonly maxScaleUpRate: number
  readonly maxScaleDownRate: number
  /** The most that was wanted within it is what counts. */
  readonly scaleDownDelayMs: number
  readonly tickMs: number
}

/** config-autoscaler's, for instances that bear `concurrency` requests at the same time. */
export function knativeDefaults(concurrency = 100): KnativeSettings {
  return {
    target: concurrency * 0.7,
    metric: 'concurrency',
    stableWindowMs: 60_000,
    panicWindowPercent: 10,
    panicThresholdPercent: 200,
    maxScaleUpRate: 1000,
    maxScaleDownRate: 2,
    scaleDownDelayMs: 0,
    tickMs: 2_000,
  }
}

type Point = readonly [at: number, value: number]

export interface KnativeState {
  /** Of the stable window. */
  readonly seen: readonly Point[]
  /** Since when it panics, or was last over the threshold; null: it does not. */
  readonly panicAt: number | null
  readonly mostInPanic: number
  /** What was wanted within the delay, where there is one. */
  readonly delayed: readonly Point[]
  readonly decidedAt: number | null
  readonly wanted: number
}

export function knativePolicy(settings: KnativeSettings): Policy<KnativeState> {
  const { target, metric, stableWindowMs, panicThresholdPercent, maxScaleUpRate, maxScaleDownRate, scaleDownDelayMs, tickMs } = settings
  const panicWindowMs = (stableWindowMs * settings.panicWindowPercent) / 100
  return {
    name: 'knative',
    start: { seen: [], panicAt: null, mostInPanic: 0, delayed: [], decidedAt: null, wanted: 0 },
    decide(state, sample, now): Decision<KnativeState> {
      const seen: readonly Point[] = [...within(state.seen, now - stableWindowMs), [sample.at, totalOf(sample, metric)]]
      if (state.decidedAt !== null && now - state.decidedAt < tickMs)
        return { wanted: state.wanted, reason: 'Not the time to decide yet.', inputs: {}, isOld: true, state: { ...state, seen } }
      const stable = mean(seen)
      const panic = mean(within(seen, now - panicWindowMs))
      const ready = Math.max(1, sample.ready)
      const most = Math.ceil(maxScaleUpRate * ready)
      const least = Math.floor(ready / maxScaleDownRate)
      const limited = (count: number) => Math.min(Math.max(count, least), most)
      const [stableCount, panicCount] = [Math.ceil(round(stable) / target), Math.ceil(round(panic) / target)]
      const isOver = panicCount / ready >= panicThresholdPercent / 100

      // One that takes over a fleet begins in panic, lest it takes away what it has not seen the load of yet.
      let { panicAt, mostInPanic } =
        state.decidedAt === null && sample.ready > 1 ? { panicAt: now, mostInPanic: sample.ready } : { ...state }
      if (isOver) panicAt = now
      else if (panicAt !== null && panicAt + stableWindowMs < now) {
        panicAt = null
        mostInPanic = 0
      }
      let wanted = limited(stableCount)
      if (panicAt !== null) {
        mostInPanic = Math.max(mostInPanic, wanted, limited(panicCount))
        wanted = mostInPanic
      }
      let delayed = state.delayed
      if (scaleDownDelayMs > 0) {
        delayed = [...within(delayed, now - scaleDownDelayMs), [now, wanted]]
        wanted = delayed.reduce((highest, [, count]) => Math.max(highest, count), 0)
      }
      return {
        wanted,
        reason: reasonFor(wanted, panicAt !== null, stable, panic, settings, sample.ready),
        inputs: { stable, panic, target, ready: sample.ready, panicking: panicAt !== null },
        state: { seen, panicAt, mostInPanic, delayed, decidedAt: now, wanted },
      }
    },
  }
}

function reasonFor(wanted: number, panics: boolean, stable: number, panic: number, settings: KnativeSettings, ready: number): string {
  const means = `${short(stable)} ${UNITS[settings.metric]} over ${settings.stableWindowMs / 1000} s, ${short(panic)} over the last ${(settings.stableWindowMs * settings.panicWindowPercent) / 100_000} s`
  const each =
    ready === 0
      ? `where none is ready, ${short(settings.target)} an instance`
      : `where ${counted(ready, 'ready instance')} should have ${short(settings.target)} each`
  return panics
    ? `${means}, ${each}: panicking, so no fewer than ${wanted}.`
    : `${means}, ${short(settings.target)} an instance: ${wanted}.`
}

const within = (points: readonly Point[], after: number): readonly Point[] => {
  const first = points.findIndex(([at]) => at > after)
  return first === 0 ? points : first === -1 ? [] : points.slice(first)
}
const mean = (points: readonly Point[]): number => {
  let sum = 0
  for (const [, value] of points) sum += value
  return points.length === 0 ? 0 : sum / points.length
}
/** As upstream, to six digits: a mean that is a hair over a whole number of instances is none. */
const round = (value: number): number => Math.round(value * 1e6) / 1e6
