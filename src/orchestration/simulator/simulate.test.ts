import { describe, expect, it } from 'vitest'
import { PromptPace } from '../../balancing/unread-prompts.ts'
import { randomFrom } from '../../kernel/random.ts'
import { fixedPolicy } from '../autoscaling/fixed.ts'
import { hpaDefaults, hpaPolicy } from '../autoscaling/hpa.ts'
import { knativeDefaults, knativePolicy } from '../autoscaling/knative.ts'
import type { Policy, Sample } from '../autoscaling/policy.ts'
import type { ServiceCurve } from '../autoscaling/service-curve.ts'
import { capacity, measure } from './capacity.ts'
import { LLAMA_70B } from './curves.ts'
import { generate } from './generator.ts'
import { SimulatedInstance } from './instance.ts'
import { type Row, requestsOf } from './requests.ts'
import type { Ending, Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'

/** Reads 1,000 tokens a second, 100 beside each step; a step takes 10 ms, whatever is in it. */
const PLAIN: ServiceCurve = {
  ...{ name: 'plain', sequences: 4, kvTokens: 1_000_000, contextTokens: 100_000, source: 'made up' },
  prefill: { overheadMs: 0, tokensPerSecond: 1_000, chunkTokens: 100 },
  decode: [{ sequences: 1, stepMs: 10 }],
}

describe('an instance, by hand', () => {
  const play = (rows: readonly Row[], curve: ServiceCurve = PLAIN, timeoutMs = 1e9) => {
    const requests = requestsOf(rows)
    const seen: string[] = []
    const told = (what: string) => (request: number, at: number) => seen.push(`${request} ${what} ${Math.round(at * 10) / 10}`)
    const listener = { firstToken: told('first'), finished: told('end'), timedOut: told('out') }
    const instance = new SimulatedInstance({ curve, requests, pace: new PromptPace(), listener, timeoutMs, createdAt: 0, readyAt: 0 })
    instance.begin(0)
    for (let next = 0; next < requests.length || Number.isFinite(instance.nextAt); ) {
      const arrival = requests.at[next] ?? Number.POSITIVE_INFINITY
      if (arrival <= instance.nextAt) instance.accept(next++, arrival)
      else instance.happen(instance.nextAt)
    }
    return { seen, instance }
  }

  it('reads 100 tokens in 100 ms and writes ten more in steps of 10 ms', () => {
    expect(play([[0, 100, 11]]).seen).toEqual(['0 first 100', '0 end 200'])
  })

  it('reads beside writing: a step takes both, and both wait for it', () => {
    // From 100 ms on a step is 10 + 100 ms and reads all of the second prompt; one token of the first answer is written meanwhile.
    const { seen } = play([
      [0, 100, 11],
      [100, 100, 1],
    ])
    expect(seen).toEqual(['0 first 100', '1 first 210', '1 end 210', '0 end 300'])
  })

  it('reads one prompt after the other, and none while all its places are taken', () => {
    const { seen } = play([
      [0, 100, 1],
      [0, 100, 1],
    ])
    expect(seen).toEqual(['0 first 100', '0 end 100', '1 first 200', '1 end 200'])
    const one = play(
      [
        [0, 100, 11],
        [0, 100, 1],
      ],
      { ...PLAIN, sequences: 1 },
    )
    expect(one.seen).toEqual(['0 first 100', '0 end 200', '1 first 300', '1 end 300'])
  })

  it('reads none that its cache cannot hold beside the others, but any alone', () => {
    const { seen } = play(
      [
        [0, 100, 11],
        [0, 100, 1],
      ],
      { ...PLAIN, kvTokens: 150 },
    )
    expect(seen).toEqual(['0 first 100', '0 end 200', '1 first 300', '1 end 300'])
    expect(play([[0, 500, 1]], { ...PLAIN, kvTokens: 150 }).seen).toEqual(['0 first 500', '0 end 500'])
  })

  it('cuts prompts to its context, and begins each with its overhead', () => {
    expect(play([[0, 900, 1]], { ...PLAIN, contextTokens: 200, prefill: { ...PLAIN.prefill, overheadMs: 30 } }).seen[0]).toBe('0 first 230')
  })

  it('lets go whose time is up before the first token, read or not', () => {
    expect(
      play(
        [
          [0, 1000, 1],
          [0, 100, 1],
          [600, 100, 1],
        ],
        PLAIN,
        500,
      ).seen,
    ).toEqual(['0 out 500', '1 out 500', '2 first 700', '2 end 700'])
  })

  it('serves who has the first token in time, to the end', () => {
    expect(play([[0, 400, 100]], PLAIN, 500).seen).toEqual(['0 first 400', '0 end 1390'])
    expect(play([[0, 500, 1]], PLAIN, 500).seen).toEqual(['0 first 500', '0 end 500'])
  })

  it('ends answers at its context, and where they fill its cache', () => {
    const { seen, instance } = play([[0, 100, 10_000_000]], { ...PLAIN, contextTokens: 1_000 })
    expect(seen).toEqual(['0 first 100', '0 end 10090'])
    expect([instance.kvUsed, instance.inFlight]).toEqual([0, 0])
    const full = { ...PLAIN, contextTokens: 1_000, kvTokens: 111 }
    expect(play([[0, 100, 10_000_000]], full).seen).toEqual(['0 first 100', '0 end 200'])
  })

  it('holds no cache when all have ended', () => {
    const { instance } = play(Array.from({ length: 50 }, (_, i): Row => [i * 37, 50 + i, 1 + (i % 9)]))
    expect([instance.kvUsed, instance.inFlight]).toEqual([0, 0])
    expect(instance.written).toBeCloseTo(
      Array.from({ length: 50 }, (_, i) => 1 + (i % 9)).reduce((a, b) => a + b),
      4,
    )
  })
})

const scenario = (rows: readonly Row[], change: Partial<Scenario> = {}): Scenario => ({
  ...{ requests: requestsOf(rows), curve: PLAIN, objectiveMs: 500, startupMs: 60_000, bounds: { min: 0, max: 50 } },
  ...{ tickMs: 2_000, timeoutMs: 10_000, queue: 20, warmupMs: 0, initial: 1 },
  ...change,
})

it('a request goes to the instance that has least to read, though it has more requests', () => {
  const requests = scenario(
    [
      [0, 3_000, 5],
      [0, 100, 200],
      [200, 100, 200],
      [400, 100, 200],
    ],
    { initial: 2 },
  )
  const late: number[] = []
  const onEnd = (request: number, ending: Ending) => void (ending === 'late' && late.push(request))
  expect(simulate(requests, fixedPolicy(2), { onEnd }).misses).toBe(1)
  expect(late).toEqual([0])
  expect(simulate(requests, fixedPolicy(2), { rank: ({ inFlight }) => inFlight }).misses).toBe(2)
})

/** The same policy, that shows what it is shown. */
const watched = (policy: Policy<null>, look: (sample: Sample) => void): Policy<null> => ({
  ...policy,
  decide(state, sample, now) {
    look(sample)
    return policy.decide(state, sample, now)
  },
})

describe('against theory', () => {
  /** Poisson arrivals, answers of exponential length, one place: M/M/1. */
  const one: ServiceCurve = { ...PLAIN, sequences: 1, prefill: { overheadMs: 0, tokensPerSecond: 1e9, chunkTokens: 1e6 } }
  const poisson = (rate: number, seconds: number, meanTokens: number, seed: number): Row[] => {
    const { uniform } = randomFrom(seed)
    const rows: Row[] = []
    for (let at = 0; at < seconds * 1000; at += (-Math.log(1 - uniform()) / rate) * 1000)
      rows.push([at, 1, -Math.log(1 - uniform()) * meanTokens])
    return rows
  }

  it.each([0.5, 0.8])('an M/M/1 queue at ρ = %d waits ρ ÷ (μ − λ) and holds ρ ÷ (1 − ρ)', (rho) => {
    // 500 steps of 10 ms: 5 s.
    const mu = 0.2
    const lambda = rho * mu
    const waits: number[] = []
    const levels: number[] = []
    const watching = watched(fixedPolicy(1), ({ concurrency }) => levels.push(concurrency))
    const given = scenario(poisson(lambda, 1_500_000, 500, 11), { curve: one, timeoutMs: 1e12, queue: 1e9 })
    simulate(given, watching, { onEnd: (_request, _ending, firstTokenMs) => waits.push(firstTokenMs!) })
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(waits) / 1000 / (rho / (mu - lambda))).toBeCloseTo(1, 1)
    expect(mean(levels) / (rho / (1 - rho))).toBeCloseTo(1, 1)
  })

  it('an instance is busy for the share of time that its work takes (utilisation law)', () => {
    const rows = poisson(0.4, 100_000, 100, 3)
    const work = rows.reduce((sum, [, , out]) => sum + (Math.max(1, Math.round(out)) - 1) * 0.01, 0)
    let busy = 0
    let ticks = 0
    const watching = watched(fixedPolicy(1), ({ tokensOut }) => {
      busy += tokensOut * 0.01
      ticks += 1
    })
    simulate(scenario(rows, { curve: one, timeoutMs: 1e12, queue: 1e9 }), watching)
    expect(busy / ticks / (work / 100_000)).toBeCloseTo(1, 1)
  })
})

describe('every request ends exactly once', () => {
  const traffic = generate({ shape: 'code', seed: 8, hours: 1, rate: 4 })
  it.each([
    ['a fleet that is far too small', fixedPolicy(1), 1],
    ['a fleet from nothing', knativePolicy({ ...knativeDefaults(), target: 8 }), 0],
    ['a fleet that comes and goes', hpaPolicy({ ...hpaDefaults(), target: 5 }), 3],
    ['a fleet that is taken away', fixedPolicy(0), 4],
  ] as [string, Policy<never>, number][])('%s', (_name, policy, initial) => {
    const ends = new Map<number, Ending>()
    const given: Scenario = { ...scenario([], { initial, curve: LLAMA_70B, queue: 5, objectiveMs: 2_000 }), requests: traffic }
    const outcome = simulate(given, policy, {
      onEnd: (request, ending) => {
        expect(ends.has(request)).toBe(false)
        ends.set(request, ending)
      },
    })
    expect(ends.size).toBe(traffic.length)
    const count = (ending: Ending) => [...ends.values()].filter((one) => one === ending).length
    expect(outcome).toMatchObject({ requests: traffic.length, late: count('late'), refused: count('refused'), timedOut: count('timedOut') })
    expect(outcome.misses).toBe(traffic.length - count('ok'))
  })
})

it('lets all go where no first token can come in time', () => {
  const rows = Array.from({ length: 200 }, (_, i): Row => [i * 100, 50, 20])
  expect(simulate(scenario(rows, { timeoutMs: 1 }), fixedPolicy(1))).toMatchObject({ timedOut: 200, late: 0, refused: 0 })
})

describe('instances', () => {
  /** Wants what is written for the time. */
  const told = (plan: (second: number) => number): Policy<null> => ({
    ...{ name: 'told', start: null },
    decide: (_state, _sample, now) => ({ wanted: plan(now / 1000), reason: 'Told.', inputs: {}, state: null }),
  })
  const spread = (seconds: number, tokensOut = 1): Row[] => Array.from({ length: seconds + 1 }, (_, i): Row => [i * 1000, 10, tokensOut])

  it('cost from their creation to their stop, starts and draining included, not in the warm-up', () => {
    const given = scenario(spread(1000), { warmupMs: 100_000 })
    expect(simulate(given, fixedPolicy(1)).instanceHours).toBeCloseTo(900 / 3600)
    // The second is created at 200 s, ready at 260, told to go at 500.
    expect(
      simulate(
        given,
        told((second) => (second >= 200 && second < 500 ? 2 : 1)),
      ).instanceHours,
    ).toBeCloseTo(1200 / 3600)
    // One that never gets ready costs too.
    expect(
      simulate(
        given,
        told((second) => (second >= 200 && second < 230 ? 2 : 1)),
      ).instanceHours,
    ).toBeCloseTo(930 / 3600)
  })

  it('finish what they have before they go', () => {
    const rows: Row[] = [[0, 10, 5_000], [0, 10, 5_000], ...spread(100)]
    const seen: Sample[] = []
    const outcome = simulate(
      scenario(rows, { initial: 2 }),
      watched(
        told((second) => (second < 10 ? 2 : 1)),
        (sample) => seen.push(sample),
      ),
    )
    // 5,000 steps of 10 ms are 50 s, and those that come meanwhile slow them down.
    expect(seen.filter(({ draining }) => draining === 1).length).toBeGreaterThan(15)
    expect(outcome.misses).toBe(0)
    expect(seen.at(-1)).toMatchObject({ ready: 1, draining: 0 })
  })

  it('stay, the last one, while somebody is answered', () => {
    const seen: Sample[] = []
    simulate(
      scenario([[0, 10, 5_000]]),
      watched(
        told(() => 0),
        (sample) => seen.push(sample),
      ),
    )
    expect(seen.some(({ draining }) => draining > 0)).toBe(false)
    expect(seen.filter(({ ready }) => ready === 1).length).toBeGreaterThan(20)
  })

  it('start when one waits and none is there, and serve who still waits', () => {
    const given = scenario(
      [
        [0, 10, 1],
        [5_000, 10, 1],
      ],
      { initial: 0, startupMs: 3_000 },
    )
    const ends: (number | undefined)[] = []
    simulate(given, fixedPolicy(0), { onEnd: (_request, _ending, firstTokenMs) => ends.push(firstTokenMs) })
    // The first decision is at 2 s, the instance ready at 5: just in time for the second, too.
    expect(ends.map((ms) => Math.round(ms!))).toEqual([5010, 20])
  })

  it('get requests where the fewest are in flight', () => {
    const rows: Row[] = [
      [0, 10, 1_000],
      [1, 10, 1],
      [2, 10, 1_000],
      [3, 10, 1],
    ]
    let most = 0
    simulate(
      scenario(rows, { initial: 2, objectiveMs: 30 }),
      watched(fixedPolicy(2), ({ kvUse }) => {
        most = Math.max(most, kvUse)
      }),
    )
    // The two long ones are on different instances: the mean use is that of one.
    expect(most).toBeCloseTo(1_010 / 1_000_000)
  })
})

it('is the same to the last digit each time', () => {
  const given: Scenario = {
    ...scenario([], { curve: LLAMA_70B, initial: 4 }),
    requests: generate({ shape: 'conversation', seed: 5, hours: 0.5, rate: 4 }),
  }
  const once = () => simulate(given, knativePolicy({ ...knativeDefaults(), target: 10 }), { timelineMs: 10_000, keepDecisions: 50 })
  expect(once()).toEqual(once())
})

it('keeps decisions and a timeline whose requests add up', () => {
  const requests = generate({ shape: 'conversation', seed: 5, hours: 0.5, rate: 4 })
  const { timeline, decisions } = simulate(
    { ...scenario([], { curve: LLAMA_70B, initial: 4 }), requests },
    hpaPolicy({ ...hpaDefaults(), target: 10 }),
    {
      timelineMs: 10_000,
      keepDecisions: 50,
    },
  )
  const counted = timeline.reduce((sum, { arrivals }) => sum + arrivals, 0)
  expect(requests.length - counted).toBeLessThan(100)
  expect(decisions.length).toBeGreaterThan(0)
  expect(decisions[0]).toMatchObject({ at: expect.any(Number), reason: expect.stringMatching(/\.$/) })
})

describe('capacity', () => {
  const trace = generate({ shape: 'conversation', seed: 1, hours: 0.5, rate: 2 })

  it('grows with the instances, more than in proportion', () => {
    const of = (instances: number) => capacity({ curve: LLAMA_70B, trace, objectiveMs: 5_000, instances })
    expect(of(4) / of(1)).toBeGreaterThan(4)
    expect(of(4) / of(1)).toBeLessThan(8)
  })

  it('is measured as late shares that grow with load', () => {
    const { points, tokensIn } = measure({ curve: LLAMA_70B, trace, objectiveMs: 5_000, instances: 3 })
    expect(tokensIn).toBeGreaterThan(1000)
    expect(points[0]!.missShare).toBeLessThan(0.01)
    expect(points.at(-1)!.missShare).toBeGreaterThan(0.5)
    expect(points.map(({ load }) => load)).toEqual(points.map(({ load }) => load).toSorted((a, b) => a - b))
  })
})
