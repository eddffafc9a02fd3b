/**
 * The service curve of instances from what their requests took: how long prompts were read when nobody was in the way, and how long a token took with so
 * many answers written at the same time. No load test, only records of ordinary traffic; what the traffic never did, the curve cannot know.
 */
import { StrataError } from '../../kernel/errors.ts'
import type { ServiceCurve } from '../autoscaling/service-curve.ts'

/** One answered request. Milliseconds, on one clock. */
export interface Served {
  readonly instance: string
  readonly arrival: number
  readonly firstToken: number
  readonly end: number
  /** Without those that a prefix cache had. */
  readonly tokensIn: number
  readonly tokensOut: number
  /** Prompt tokens that a prefix cache had. */
  readonly cached?: number
}

/** Fewer requests than that with nobody in the way, or of a number of answers at a time, say nothing. */
const LEAST_ALONE = 20
const LEAST_OF_A_KIND = 5
/** A time between tokens is the mean of at least so many. */
const LEAST_TOKENS = 8
const CHUNK_TOKENS = 512
/** Prompts of which the longer ones are so many times as long as the shorter ones are of different lengths. */
const UNLIKE = 2
/** Tokens a second that are read in no time. */
const NO_TIME = 1e7

/** @throws StrataError `invalid` where the records do not say enough. */
export function calibrate(served: readonly Served[], name: string): ServiceCurve {
  const byInstance = Map.groupBy(served, ({ instance }) => instance)
  const alone: (readonly [tokens: number, ms: number])[] = []
  const paces: (readonly [answers: number, ms: number])[] = []
  let sequences = 1
  let kvTokens = 1
  for (const own of byInstance.values()) {
    const sorted = own.toSorted((a, b) => a.arrival - b.arrival)
    let running: Served[] = []
    for (const [i, one] of sorted.entries()) {
      running = running.filter(({ end }) => end > one.arrival)
      const next = sorted[i + 1]
      if (running.length === 0 && !(next && next.arrival < one.firstToken)) alone.push([one.tokensIn, one.firstToken - one.arrival])
      running.push(one)
      const writing = running.filter(({ firstToken }) => firstToken <= one.arrival).length
      sequences = Math.max(sequences, writing)
      kvTokens = Math.max(
        kvTokens,
        running.reduce((sum, one) => sum + lengthOf(one), 0),
      )
    }
    paces.push(...pacesOf(sorted))
  }
  if (alone.length < LEAST_ALONE)
    throw tooFew(`${alone.length} requests had an instance for themselves until their first token`, `${LEAST_ALONE} are needed`)
  const decode = stepsOf(paces)
  if (decode.length === 0)
    throw tooFew('no answer is long enough to tell the time between its tokens', `${LEAST_OF_A_KIND} of ${LEAST_TOKENS} tokens are needed`)
  const most = served.reduce((longest, one) => Math.max(longest, lengthOf(one)), 1)
  return {
    ...{ name, sequences: Math.max(sequences, decode.at(-1)!.sequences), kvTokens, contextTokens: most },
    prefill: { ...readingOf(alone), chunkTokens: CHUNK_TOKENS },
    decode,
    source: `${served.length} request records. The places and the cache are the most that were in use.`,
  }
}

/**
 * What reading a prompt takes, of a length and beside it. Where longer ones do not take longer, that is what was seen if they differ by a factor; are
 * they all alike, it says nothing, and a longer one is taken to cost as much more.
 */
function readingOf(
  alone: readonly (readonly [tokens: number, ms: number])[],
): Pick<ServiceCurve['prefill'], 'overheadMs' | 'tokensPerSecond'> {
  const { slope, intercept } = line(alone)
  if (slope > 0) return { overheadMs: Math.max(0, intercept), tokensPerSecond: 1000 / slope }
  const lengths = alone.map(([tokens]) => tokens).toSorted((a, b) => a - b)
  const [short, long] = [lengths[Math.floor(lengths.length * 0.1)]!, lengths[Math.floor(lengths.length * 0.9)]!]
  const took = Math.max(1, median(alone.map(([, ms]) => ms)))
  return long > UNLIKE * short || short === 0
    ? { overheadMs: took, tokensPerSecond: NO_TIME }
    : { overheadMs: 0, tokensPerSecond: (1000 * median(lengths)) / took }
}

/** What it takes of a context, and of a cache. */
const lengthOf = ({ tokensIn, tokensOut, cached = 0 }: Served) => tokensIn + cached + tokensOut

const tooFew = (found: string, needed: string) =>
  new StrataError('invalid', `The records do not say how fast an instance is: ${found}; ${needed}.`, {
    advice: 'More records, or --curve FILE.',
  })

/** For each answer during which no prompt was read: how many were written at its middle, and its time between tokens. */
function pacesOf(sorted: readonly Served[]): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  /** When all up to here had ended. */
  const lastEnd = new Float64Array(sorted.length)
  for (const [i, { end }] of sorted.entries()) lastEnd[i] = Math.max(end, lastEnd[i - 1] ?? 0)
  for (const [i, one] of sorted.entries()) {
    if (one.tokensOut < LEAST_TOKENS) continue
    const middle = (one.firstToken + one.end) / 2
    let answers = 0
    let readMs = 0
    for (let j = firstAbove(lastEnd, one.firstToken); j < sorted.length; j++) {
      const other = sorted[j]!
      if (other.arrival >= one.end) break
      if (other.end <= one.firstToken) continue
      if (other.firstToken <= middle && other.end > middle) answers += 1
      if (j !== i) readMs += Math.max(0, Math.min(other.firstToken, one.end) - Math.max(other.arrival, one.firstToken))
    }
    if (readMs < 0.1 * (one.end - one.firstToken)) found.push([Math.max(1, answers), (one.end - one.firstToken) / (one.tokensOut - 1)])
  }
  return found
}

function firstAbove(growing: Float64Array, value: number): number {
  let [low, high] = [0, growing.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (growing[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** Medians by number of answers, in powers of two; a step with more answers is never shorter. */
function stepsOf(paces: readonly (readonly [number, number])[]): ServiceCurve['decode'] {
  const groups = Map.groupBy(paces, ([answers]) => 2 ** Math.round(Math.log2(answers)))
  let longest = 0
  return [...groups]
    .filter(([, group]) => group.length >= LEAST_OF_A_KIND)
    .sort(([a], [b]) => a - b)
    .map(([sequences, group]) => {
      longest = Math.max(longest, median(group.map(([, ms]) => ms)))
      return { sequences, stepMs: longest }
    })
}

/** Theil and Sen's: the median of the slopes between pairs, which a few stragglers do not turn. Pairs half the list apart are enough. */
function line(points: readonly (readonly [x: number, y: number])[]): { slope: number; intercept: number } {
  const sorted = points.toSorted(([a], [b]) => a - b)
  const half = Math.floor(sorted.length / 2)
  const slopes = sorted.slice(half).flatMap(([x, y], i) => (x > sorted[i]![0] ? [(y - sorted[i]![1]) / (x - sorted[i]![0])] : []))
  const slope = slopes.length === 0 ? 0 : median(slopes)
  return { slope, intercept: median(sorted.map(([x, y]) => y - slope * x)) }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Answers of known instances among the lines of request records (src/monitoring/request-records.ts); all other lines are none of its business. */
export async function readServed(lines: AsyncIterable<string>): Promise<Served[]> {
  const served: Served[] = []
  for await (const line of lines) {
    if (!line.includes('"finished"')) continue
    const one = servedOf(line)
    if (one) served.push(one)
  }
  return served
}

interface RecordLine {
  readonly type?: string
  readonly time?: string
  readonly outcome?: string
  readonly instance?: string
  readonly tokens?: { readonly in: number; readonly cached: number; readonly out: number }
  readonly times?: { readonly queue?: number; readonly firstToken?: number; readonly total: number }
}

function servedOf(line: string): Served | undefined {
  let record: RecordLine
  try {
    record = JSON.parse(line) as RecordLine
  } catch {
    return undefined // the reader of the trace has told of it
  }
  const { type, time, outcome, instance, tokens, times } = record
  if (type !== 'finished' || outcome !== 'ok' || !instance || !tokens || times?.firstToken === undefined) return undefined
  const end = Date.parse(time ?? '')
  const start = end - times.total
  const one = {
    ...{ instance, end, arrival: start + (times.queue ?? 0), firstToken: start + times.firstToken },
    ...{ tokensIn: tokens.in - (tokens.cached ?? 0), cached: tokens.cached ?? 0, tokensOut: tokens.out },
  }
  return Object.values(one).every((value) => typeof value === 'string' || Number.isFinite(value)) ? one : undefined
}
