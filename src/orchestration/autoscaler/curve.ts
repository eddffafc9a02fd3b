/**
 * How fast an instance of a version is, and what share of its first tokens comes late at which load: from its requests, or from the parameters of an
 * engine that is simulated. Pure, and slow: curve-thread.ts runs it beside everything else.
 */
import { StrataError } from '../../kernel/errors.ts'
import type { LoadPoint } from '../autoscaling/load-curve.ts'
import { type ServiceCurve, type UnitCosts, unitCosts } from '../autoscaling/service-curve.ts'
import { calibrate, type Served } from '../simulator/calibrate.ts'
import { measure } from '../simulator/capacity.ts'
import { meanOf, type Requests, requestsOf } from '../simulator/requests.ts'

export interface CurveJob {
  readonly name: string
  readonly served: readonly Served[]
  readonly objectiveMs: number
  readonly simulated?: SimulatedSpeed
  /** Places and tokens of cache that an instance has, where they are known: traffic shows only what it has used. */
  readonly places?: number
  readonly kvTokens?: number
}

export interface SimulatedSpeed {
  readonly firstTokenMs: number
  readonly tokensPerSecond: number
  readonly sequences: number
  readonly contextSize: number
  readonly answerTokens: number
}

export interface Curve {
  readonly curve: ServiceCurve
  readonly costs: UnitCosts
  readonly points: readonly LoadPoint[]
  /** Mean tokens of a request. */
  readonly tokensIn: number
  readonly tokensOut: number
  /** Requests a second that an instance bears, with one first token in twenty late. */
  readonly rate: number
  /** So long a request may wait for its turn and be in time, milliseconds. */
  readonly patienceMs: number
}

export type CurveResult = Curve | { readonly missing: string }

/** A load test of so many instances at the same time. */
const TESTED = 4
const MOST_REQUESTS = 40_000
/** Faster instances are not simulated: nothing waits in them that is not overload. */
const TOO_FAST = 200_000
/** Until its requests are known. */
const PROMPT_TOKENS = 200
const ENOUGH_LENGTHS = 100

export function deriveCurve(job: CurveJob): CurveResult {
  try {
    const { simulated, objectiveMs } = job
    const curve = simulated ? simulatedCurve(job.name, simulated) : measuredCurve(job)
    const trace = traceOf(job)
    // A simulated first token takes its time whatever else is done: nobody waits for it, and it hastens nobody else.
    const patienceMs = objectiveMs - (simulated ? simulated.firstTokenMs - curve.prefill.overheadMs : 0)
    if (patienceMs <= 0)
      return {
        missing: `the simulated engine takes ${simulated!.firstTokenMs} ms for any first token, and the objective is ${objectiveMs} ms`,
      }
    const tested =
      tooFast(curve, trace, patienceMs) ??
      measure({ curve, trace, objectiveMs: patienceMs, instances: TESTED, mostRequests: MOST_REQUESTS })
    if (!(tested.rate > 0)) return { missing: `an instance that has a request for itself gives few first tokens within ${objectiveMs} ms` }
    return { ...tested, rate: tested.rate / TESTED, curve, patienceMs }
  } catch (error) {
    if (error instanceof StrataError) return { missing: error.message.replace(/^[^:]*: /, '').replace(/\.$/, '') }
    throw error
  }
}

/**
 * A simulated engine reads all prompts at the same time, and the curve's model one after the other: what a first token takes is divided by the places,
 * which is what it costs an instance whose places are all in use.
 */
export function simulatedCurve(name: string, { firstTokenMs, tokensPerSecond, sequences, contextSize }: SimulatedSpeed): ServiceCurve {
  return {
    name,
    sequences: Math.min(4096, sequences),
    kvTokens: contextSize * sequences,
    contextTokens: contextSize,
    prefill: { overheadMs: firstTokenMs / sequences, tokensPerSecond: 1e7, chunkTokens: 1_000_000 },
    decode: [{ sequences: 1, stepMs: 1000 / tokensPerSecond }],
    source: 'The parameters of the simulated engine.',
  }
}

function measuredCurve({ served, name, places, kvTokens }: CurveJob): ServiceCurve {
  const seen = calibrate(served, name)
  const sequences = Math.max(seen.sequences, Math.min(4096, places ?? 0))
  return { ...seen, sequences, kvTokens: Math.max(seen.kvTokens, kvTokens ?? 0), decode: extended(seen.decode, sequences) }
}

/** A step with more answers than were ever seen takes as much longer as the last ones did. */
function extended(decode: ServiceCurve['decode'], sequences: number): ServiceCurve['decode'] {
  const [before, last] = decode.slice(-2)
  if (!before || !last || last.sequences >= sequences) return decode
  const slope = (last.stepMs - before.stepMs) / (last.sequences - before.sequences)
  return [...decode, { sequences, stepMs: last.stepMs + slope * (sequences - last.sequences) }]
}

function traceOf({ served, simulated }: CurveJob): Requests {
  if (simulated && served.length < ENOUGH_LENGTHS) return requestsOf([[0, PROMPT_TOKENS, simulated.answerTokens]])
  return requestsOf(served.map(({ arrival, tokensIn, tokensOut }) => [arrival, tokensIn, tokensOut]))
}

function tooFast(curve: ServiceCurve, trace: Requests, objectiveMs: number) {
  const [tokensIn, tokensOut] = [meanOf(trace.tokensIn), meanOf(trace.tokensOut)]
  const costs = unitCosts(curve, tokensIn + tokensOut)
  const rate = TESTED / (costs.request + costs.tokenIn * tokensIn + costs.tokenOut * tokensOut)
  if (rate * ((20 * objectiveMs) / 1000) < TOO_FAST) return undefined
  const points = [
    { load: 0.9, missShare: 0 },
    { load: 1, missShare: 0.5 },
    { load: 1.1, missShare: 1 },
  ]
  return { costs, tokensIn, tokensOut, points, rate: rate * 0.9 }
}
