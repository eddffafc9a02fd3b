/** How much so many instances can do: the latency-vs-load curve, found by simulating it. */
import { fixedPolicy } from '../autoscaling/fixed.ts'
import type { LoadPoint } from '../autoscaling/load-curve.ts'
import { type ServiceCurve, type UnitCosts, unitCosts } from '../autoscaling/service-curve.ts'
import { answerTokens, promptTokens } from './instance.ts'
import { steadily } from './profile.ts'
import { meanOf, type Requests } from './requests.ts'
import type { Outcome } from './scenario.ts'
import { simulate } from './simulate.ts'

export interface Load {
  readonly curve: ServiceCurve
  /** Lengths are drawn from it. */
  readonly trace: Requests
  readonly objectiveMs: number
  readonly instances: number
  /** A run of more requests than that is cut short, down to twenty times the objective: less says nothing of what piles up. */
  readonly mostRequests?: number
}

/** What comes of a steady rate (requests a second), over `seconds` and those before in which the instances fill. */
export function atRate(
  { curve, trace, objectiveMs, instances, mostRequests = Number.POSITIVE_INFINITY }: Load,
  rate: number,
  seconds: number,
  seed = 1,
): Outcome {
  const length = Math.min(seconds, Math.max(mostRequests / rate, (20 * objectiveMs) / 1000))
  const warmup = Math.min(120, length / 4)
  const requests = steadily(trace, rate, length + warmup, seed)
  return simulate(
    {
      ...{ requests, curve, objectiveMs, startupMs: 0, tickMs: 10_000, timeoutMs: 60_000, queue: 1000 },
      ...{ warmupMs: warmup * 1000, initial: instances, bounds: { min: instances, max: instances } },
    },
    fixedPolicy(instances),
  )
}

/** The largest steady rate, requests a second, at which 95 % of the first tokens of `instances` instances come within the objective; to about 1 %. */
export function capacity(load: Load): number {
  const holds = (rate: number) => atRate(load, rate, 1800).missShare <= 0.05
  let low = 0
  let high = load.instances
  while (holds(high)) {
    low = high
    high *= 2
  }
  while (high - low > 0.01 * high && high > 1e-3) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}

/** What a version costs and bears with such requests: measured as a load test would, twenty minutes at each of some steady rates. */
export interface Measured {
  readonly costs: UnitCosts
  /** Mean tokens of a request. */
  readonly tokensIn: number
  readonly tokensOut: number
  readonly points: readonly LoadPoint[]
  /** Requests a second that all instances of the test bear. */
  readonly rate: number
}

const STEPS = 13

export function measure(load: Load): Measured {
  const { curve, trace, instances } = load
  const tokensIn = meanOf(trace.tokensIn.map((_, request) => promptTokens(curve, trace, request)))
  const tokensOut = meanOf(trace.tokensOut.map((_, request) => answerTokens(curve, trace, request)))
  const costs = unitCosts(curve, tokensIn + tokensOut)
  const work = costs.request + costs.tokenIn * tokensIn + costs.tokenOut * tokensOut
  const rate = capacity(load)
  const points = Array.from({ length: STEPS }, (_, i) => {
    const here = (rate * 1.3 * (i + 1)) / STEPS
    return { load: (here * work) / instances, missShare: atRate(load, here, 1200).missShare }
  })
  return { costs, tokensIn, tokensOut, points, rate }
}
