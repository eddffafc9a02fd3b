/**
 * Requests that nobody sent, in the shape of those that people and programs send: for trying policies where no trace is at hand.
 *
 * Three shapes after three public traces (Azure LLM inference 2023 "conversation" and "code": Patel et al., "Splitwise", ISCA 2024, §III; Mooncake's
 * conversations: Qin et al., "Mooncake", FAST 2025, §4): lengths are log-normal with their medians and means, and the rate wanders as theirs does:
 * slowly for conversations, in storms between minutes of silence for code, hardly for long contexts. Within a minute requests come in small groups.
 */
import { randomFrom } from '../../kernel/random.ts'
import { type Requests, type Row, requestsOf } from './requests.ts'

export type Shape = 'conversation' | 'code' | 'long'
export const SHAPES: readonly Shape[] = ['conversation', 'code', 'long']

interface Parameters {
  readonly tokensIn: LogNormal
  readonly tokensOut: LogNormal
  /** Standard deviation and correlation time (seconds) of the logarithm of the rate: slow and fast. */
  readonly slow: readonly [deviation: number, seconds: number]
  readonly fast: readonly [deviation: number, seconds: number]
  /** Mean number of requests that come together, and within how many seconds. */
  readonly group: readonly [size: number, seconds: number]
  /** Mean lengths in seconds of storms and of the silences between them. */
  readonly storms?: readonly [on: number, off: number]
}

interface LogNormal {
  readonly median: number
  readonly mean: number
  readonly most: number
}

const PARAMETERS: Readonly<Record<Shape, Parameters>> = {
  conversation: {
    tokensIn: { median: 900, mean: 1155, most: 8192 },
    tokensOut: { median: 129, mean: 211, most: 1000 },
    slow: [0.2, 1200],
    fast: [0.15, 45],
    group: [1.5, 1],
  },
  code: {
    tokensIn: { median: 1469, mean: 2048, most: 8192 },
    tokensOut: { median: 13, mean: 28, most: 2000 },
    slow: [0.35, 900],
    fast: [0.9, 40],
    group: [4, 3],
    storms: [90, 45],
  },
  long: {
    tokensIn: { median: 5000, mean: 7000, most: 32768 },
    tokensOut: { median: 320, mean: 343, most: 2000 },
    slow: [0.1, 1800],
    fast: [0.08, 60],
    group: [3, 0.5],
  },
}

export interface Generation {
  readonly shape: Shape
  readonly seed: number
  readonly hours: number
  /** Requests a second, in the long run. */
  readonly rate: number
  /** How far the rate swings over a day, 0 (not) to 1 (down to nothing); it begins on the slope between trough and peak. */
  readonly daily?: number
}

/** The rate is kept for so long. */
const STEP_S = 1

export function generate({ shape, seed, hours, rate, daily = 0 }: Generation): Requests {
  const random = randomFrom(seed)
  const { tokensIn, tokensOut, slow, fast, group, storms } = PARAMETERS[shape]
  const walks = [slow, fast].map(([deviation, seconds]) => wander(deviation, seconds, random.normal))
  const isStormy = storms ? storm(storms, random.uniform) : () => true
  const share = storms ? storms[0] / (storms[0] + storms[1]) : 1
  const phase = random.uniform() * 2 * Math.PI
  const rows: Row[] = []
  for (let second = 0; second < hours * 3600; second += STEP_S) {
    const level = walks.reduce((product, walk) => product * walk(), isStormy() ? 1 / share : 0)
    const day = 1 + daily * Math.sin((2 * Math.PI * second) / 86_400 + phase)
    const groups = poisson(((rate * level * day) / group[0]) * STEP_S, random.uniform)
    for (let i = 0; i < groups; i++) {
      const at = (second + random.uniform() * STEP_S) * 1000
      const size = geometric(group[0], random.uniform)
      for (let j = 0; j < size; j++)
        rows.push([at + j * random.uniform() * group[1] * 1000, logNormal(tokensIn, random.normal), logNormal(tokensOut, random.normal)])
    }
  }
  return requestsOf(rows)
}

/** exp of an Ornstein-Uhlenbeck process with mean 1. */
function wander(deviation: number, seconds: number, normal: () => number): () => number {
  const kept = Math.exp(-STEP_S / seconds)
  const kick = deviation * Math.sqrt(1 - kept * kept)
  let value = deviation * normal()
  return () => {
    value = kept * value + kick * normal()
    return Math.exp(value - (deviation * deviation) / 2)
  }
}

function storm([on, off]: readonly [number, number], uniform: () => number): () => boolean {
  let stormy = uniform() < on / (on + off)
  let left = 0
  return () => {
    if (left <= 0) {
      stormy = !stormy
      left = -Math.log(1 - uniform()) * (stormy ? on : off)
    }
    left -= STEP_S
    return stormy
  }
}

function logNormal({ median, mean, most }: LogNormal, normal: () => number): number {
  const sigma = Math.sqrt(2 * Math.log(mean / median))
  return Math.min(most, Math.max(1, Math.round(median * Math.exp(sigma * normal()))))
}

/** By counting exponential gaps; a sum of halves above 30, lest exp(-mean) be nothing. */
function poisson(mean: number, uniform: () => number): number {
  if (mean > 30) return poisson(mean / 2, uniform) + poisson(mean / 2, uniform)
  let count = -1
  for (let product = 1, limit = Math.exp(-mean); product > limit; product *= uniform()) count += 1
  return count
}

function geometric(mean: number, uniform: () => number): number {
  return mean <= 1 ? 1 : 1 + Math.floor(Math.log(1 - uniform()) / Math.log(1 - 1 / mean))
}
