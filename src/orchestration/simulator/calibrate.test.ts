import { describe, expect, it } from 'vitest'
import { PromptPace } from '../../balancing/unread-prompts.ts'
import { serviceCurve, stepTimes } from '../autoscaling/service-curve.ts'
import { calibrate, type Served } from './calibrate.ts'
import { LLAMA_70B } from './curves.ts'
import { SimulatedInstance } from './instance.ts'
import { steadily } from './profile.ts'
import { type Row, requestsOf } from './requests.ts'

/** What an instance with the curve makes of requests at a steady rate. */
function serve(rate: number, seconds: number, seed: number): Served[] {
  const lengths = requestsOf(Array.from({ length: 500 }, (_, i): Row => [i, 100 + ((i * 379) % 3000), 20 + ((i * 97) % 400)]))
  const requests = steadily(lengths, rate, seconds, seed)
  const firsts: number[] = []
  const served: Served[] = []
  const listener = {
    firstToken: (request: number, at: number) => {
      firsts[request] = at
    },
    finished: (request: number, at: number) => {
      const [arrival, tokensIn, tokensOut] = [requests.at[request]!, requests.tokensIn[request]!, requests.tokensOut[request]!]
      served.push({ instance: `i${seed}`, arrival, firstToken: firsts[request]!, end: at, tokensIn, tokensOut })
    },
    timedOut: () => undefined,
  }
  const instance = new SimulatedInstance({
    curve: LLAMA_70B,
    requests,
    pace: new PromptPace(),
    listener,
    timeoutMs: 1e9,
    createdAt: 0,
    readyAt: 0,
  })
  instance.begin(0)
  for (let next = 0; next < requests.length || Number.isFinite(instance.nextAt); ) {
    const arrival = requests.at[next] ?? Number.POSITIVE_INFINITY
    if (arrival <= instance.nextAt) instance.accept(next++, arrival)
    else instance.happen(instance.nextAt)
  }
  return served
}

describe('a service curve from records', () => {
  it('is the one that made them, where the traffic shows it', () => {
    const curve = calibrate([...serve(0.02, 40_000, 1), ...serve(0.3, 10_000, 2)], 'mine')
    expect(serviceCurve.parse(curve)).toEqual(curve)
    expect(curve.prefill.tokensPerSecond / LLAMA_70B.prefill.tokensPerSecond).toBeCloseTo(1, 1)
    expect(curve.prefill.overheadMs).toBeLessThan(80)
    const truth = stepTimes(LLAMA_70B)
    for (const { sequences, stepMs } of curve.decode) expect(stepMs / truth[Math.min(32, sequences)]!).toBeCloseTo(1, 0.7)
    expect(curve.decode.length).toBeGreaterThan(1)
  })

  it('has room for the longest request, what was cached of its prompt too', () => {
    const alone = Array.from({ length: 40 }, (_, i) => at(i, 100 + i, 500 + i))
    const { contextTokens, kvTokens } = calibrate([...alone, { ...at(40, 60, 480, 50), cached: 900 }], 'mine')
    expect([contextTokens, kvTokens]).toEqual([1_010, 1_010])
  })

  it('takes longer prompts to cost as much more where all are alike, and nothing more where they differ and took the same', () => {
    const prefillOf = (tokensOf: (i: number) => number) =>
      calibrate(
        Array.from({ length: 40 }, (_, i) => at(i, tokensOf(i), 500)),
        'mine',
      ).prefill
    expect(prefillOf(() => 100)).toMatchObject({ overheadMs: 0, tokensPerSecond: 200 })
    expect(prefillOf((i) => 100 - (i % 10))).toMatchObject({ overheadMs: 0 })
    expect(prefillOf((i) => 100 * (1 + (i % 10)))).toMatchObject({ overheadMs: 500, tokensPerSecond: 1e7 })
    expect(prefillOf(() => 0)).toMatchObject({ overheadMs: 500, tokensPerSecond: 1e7 })
  })

  it.each([
    ['none', [], /0 requests had an instance for themselves/],
    ['answers of a token', Array.from({ length: 40 }, (_, i) => at(i, 100 + i, 500 + i, 1)), /no answer is long enough/],
  ])('is refused from %s', (_name, served, message) => {
    expect(() => calibrate(served as Served[], 'mine')).toThrow(message)
  })
})

function at(i: number, tokensIn: number, firstMs: number, tokensOut = 20): Served {
  return {
    instance: 'a',
    arrival: i * 60_000,
    firstToken: i * 60_000 + firstMs,
    end: i * 60_000 + firstMs + tokensOut * 10,
    tokensIn,
    tokensOut,
  }
}
