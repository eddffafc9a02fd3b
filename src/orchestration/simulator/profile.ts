/** Makes a day of a trace that lasts an hour, as busy as wanted. */
import { randomFrom } from '../../kernel/random.ts'
import { durationOf, type Requests, type Row, requestsOf } from './requests.ts'

export interface Day {
  readonly hours: number
  /** Requests a second, the mean over all hours. */
  readonly rate: number
  readonly seed: number
  /** 0: no profile. */
  readonly swing: number
}

/** Further groups of users have the same habits, at most so much earlier or later. */
const SHIFT_MS = 600_000

/**
 * The trace again and again, each time begun at another place, by one group of users after the other until the mean rate is as wanted and follows a
 * profile with one peak and one trough a day. Silences and storms of each group stay what they are, which a thinning to a Poisson process would undo,
 * and those of one group are not those of all, which repeating each request on the spot would make of them.
 */
export function dayOf(trace: Requests, { hours, rate, seed, swing }: Day): Requests {
  const random = randomFrom(seed)
  const length = hours * 3_600_000
  const lap = durationOf(trace) + durationOf(trace) / Math.max(1, trace.length - 1)
  const factor = rate / ((trace.length / lap) * 1000)
  const phase = random.uniform() * 2 * Math.PI
  const wave = (at: number) => {
    const angle = (2 * Math.PI * at) / 86_400_000 + phase
    return 1 + swing * (0.85 * Math.sin(angle) + 0.15 * Math.sin(2 * angle))
  }
  const rows: Row[] = []
  for (let from = 0; from < length; from += lap) {
    const turn = random.uniform() * lap
    const groups = Math.ceil(factor * (1 + swing))
    const shifts = Array.from({ length: groups }, (_, group) => (group === 0 ? 0 : (random.uniform() - 0.5) * 2 * SHIFT_MS))
    for (const [group, shift] of shifts.entries())
      for (let i = 0; i < trace.length; i++) {
        const at = from + ((((trace.at[i]! + turn + shift) % lap) + lap) % lap)
        // The last group that is needed is there in part.
        const share = factor * wave(at) - group
        if (at < length && (share >= 1 || (share > 0 && random.uniform() < share))) rows.push([at, trace.tokensIn[i]!, trace.tokensOut[i]!])
      }
  }
  return requestsOf(rows)
}

/** The same requests, their lengths in another order, coming independently of each other at a steady rate. */
export function steadily(trace: Requests, rate: number, seconds: number, seed: number): Requests {
  const random = randomFrom(seed)
  const rows: Row[] = []
  for (let at = 0; at < seconds * 1000; at += (-Math.log(1 - random.uniform()) / rate) * 1000) {
    const i = Math.floor(random.uniform() * trace.length)
    rows.push([at, trace.tokensIn[i]!, trace.tokensOut[i]!])
  }
  return requestsOf(rows)
}
