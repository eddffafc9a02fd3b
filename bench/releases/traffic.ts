/**
 * Traffic of a release, from a seed: who came to which arm, and how each request went. Three shapes, because each breaks another wrong test:
 * requests that are independent, sessions whose requests resemble each other, and a day whose hours differ.
 */
import { randomFrom } from '../../src/kernel/random.ts'

export type Shape = 'independent' | 'clustered' | 'diurnal'

/** What the candidate does to a request, in parts of what the baseline does. 1 and 1: nothing. */
export interface Effect {
  readonly errors: number
  readonly latency: number
}

export interface Traffic {
  readonly shape: Shape
  readonly effect: Effect
  readonly share: number
  readonly errorRate: number
}

/** What one unit of assignment did: a request, or a session of {@link REQUESTS_OF_A_SESSION}. Latencies are multiples of the usual median. */
export interface Unit {
  readonly candidate: boolean
  readonly errors: readonly boolean[]
  readonly latencies: readonly number[]
}

export const REQUESTS_OF_A_SESSION = 20
const SIGMA = 0.5
/** One session in so many has all the errors: something in it fails again and again. */
const BAD_SESSIONS = 25
/** Standard deviation, in logarithms, of how the latencies of sessions differ from each other. */
const SESSION_LATENCY = 0.4
/** Units of a day. */
const DAY = 20_000

/** Endless. */
export function* unitsOf(traffic: Traffic, seed: number): Generator<Unit> {
  const random = randomFrom(seed)
  for (let i = 0; ; i++) {
    const candidate = random.uniform() < traffic.share
    const session = traffic.shape === 'clustered'
    const hour = traffic.shape === 'diurnal' ? 1 + 0.8 * Math.sin((2 * Math.PI * i) / DAY) : 1
    const ofErrors = session ? (random.uniform() < 1 / BAD_SESSIONS ? BAD_SESSIONS : 0) : hour
    const ofLatency = session ? Math.exp(SESSION_LATENCY * random.normal()) : hour
    const rate = Math.min(1, traffic.errorRate * ofErrors * (candidate ? traffic.effect.errors : 1))
    const median = ofLatency * (candidate ? traffic.effect.latency : 1)
    const requests = session ? REQUESTS_OF_A_SESSION : 1
    const errors = new Array<boolean>(requests)
    const latencies = new Array<number>(requests)
    for (let k = 0; k < requests; k++) {
      errors[k] = random.uniform() < rate
      latencies[k] = median * Math.exp(SIGMA * random.normal())
    }
    yield { candidate, errors, latencies }
  }
}

/** The 95th percentile of the latencies before the release, as a sample of 2,000 requests has it. */
export function frozenThreshold(traffic: Traffic, seed: number): number {
  const sample: number[] = []
  for (const unit of unitsOf({ ...traffic, effect: { errors: 1, latency: 1 } }, seed ^ 0x5bd1e995)) {
    sample.push(...unit.latencies)
    if (sample.length >= 2_000) break
  }
  return sample.sort((a, b) => a - b)[Math.floor(0.95 * sample.length)] as number
}
