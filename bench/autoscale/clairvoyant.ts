/**
 * Knows all requests in advance and is never late: each instance is created so early that it is ready when the load comes. What no policy without a
 * crystal ball can be expected to beat by much; how near one comes says what is still to be had. It is a good plan, not a proof that none is better.
 */
import type { Policy } from '../../src/orchestration/autoscaling/policy.ts'
import type { Measured } from '../../src/orchestration/simulator/capacity.ts'
import { durationOf, type Requests } from '../../src/orchestration/simulator/requests.ts'
import { CURVE } from './scenario.ts'

const BIN_MS = 2_000
/** It looks at the mean load of so long around a moment: shorter ones follow every gust, at a start each. */
const AROUND_MS = 300_000

export function clairvoyant(requests: Requests, { costs }: Measured, startupMs: number, headroom: number): Policy<null> {
  const bins = Math.ceil(durationOf(requests) / BIN_MS) + 1
  const until = new Float64Array(bins + 1)
  for (let i = 0; i < requests.length; i++) {
    const work =
      costs.request + costs.tokenIn * Math.min(requests.tokensIn[i]!, CURVE.contextTokens) + costs.tokenOut * requests.tokensOut[i]!
    until[Math.floor(requests.at[i]! / BIN_MS) + 1]! += work / (BIN_MS / 1000)
  }
  for (let i = 0; i < bins; i++) until[i + 1]! += until[i]!
  const mean = (from: number, to: number) => {
    const [low, high] = [from, to].map((at) => Math.min(bins, Math.max(0, Math.round(at / BIN_MS)))) as [number, number]
    return high > low ? (until[high]! - until[low]!) / (high - low) : 0
  }
  return {
    name: 'clairvoyant',
    start: null,
    decide(_state, _sample, now) {
      const ready = now + startupMs
      // One that is needed when it could be ready again is not sent away.
      const load = Math.max(mean(ready - AROUND_MS / 2, ready + AROUND_MS / 2), mean(now - AROUND_MS / 2, now + AROUND_MS / 2))
      return { wanted: Math.ceil(load * headroom), reason: 'It knows.', inputs: {}, state: null }
    },
  }
}
