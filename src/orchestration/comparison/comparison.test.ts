import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../kernel/random.ts'
import type { FinishedRecord, RequestRecord } from '../../monitoring/request-records.ts'
import { rollout } from '../../resources/rollout.ts'
import { Comparison, type ComparisonPlan } from './comparison.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const KEY = 'Rollout/a#uid#1'

function planWith(metrics: readonly object[], rest: Partial<ComparisonPlan> = {}): ComparisonPlan {
  const spec = rollout.spec.parse({ route: 'r', from: 'v1', to: 'v2', analysis: { metrics } })
  return {
    key: KEY,
    from: 'v1',
    to: 'v2',
    metrics: spec.analysis.metrics,
    alpha: 0.01,
    windows: { request: 60_000, feedback: 600_000 },
    watched: [0],
    ...rest,
  }
}

interface Request {
  readonly id: string
  readonly at: number
  readonly candidate: boolean
  readonly share?: number
  readonly caller?: string
  /** Milliseconds until it ends; absent: it hangs. */
  readonly total?: number
  readonly firstToken?: number
  readonly outcome?: FinishedRecord['outcome']
  readonly served?: string
  /** Not streamed. */
  readonly plain?: boolean
}

/** What a gateway writes of a request, with the moment at which control can know it. */
function recordsOf(request: Request): [number, Omit<RequestRecord, 'seq'>][] {
  const { id, at, candidate, share = 50, caller, total, firstToken, outcome = 'ok', served, plain = false } = request
  const arm = candidate ? 'v2' : 'v1'
  const assignments = [
    {
      by: KEY,
      arm,
      share: candidate ? share : 100 - share,
      unitKind: caller === undefined ? ('random' as const) : ('consumer' as const),
      unit: caller ?? '',
    },
  ]
  const written = (after: number) => ({ id, gateway: 'g', boot: 'b', time: new Date(at + after).toISOString(), assigned: arm, assignments })
  const found: [number, object][] = []
  if (total === undefined || total > 100) found.push([at + 100, { type: 'started', ...written(100), after: 100, stream: !plain }])
  if (firstToken !== undefined && (total === undefined || total > firstToken + 100))
    found.push([at + firstToken + 100, { type: 'progress', ...written(firstToken + 100), after: firstToken + 100, firstToken }])
  if (total !== undefined)
    found.push([
      at + total,
      {
        type: 'finished',
        ...written(total),
        stream: !plain,
        served: served ?? arm,
        outcome,
        status: 200,
        attempts: [],
        tokens: { in: 10, out: 1 + (at % 90) },
        times: { total, ...(firstToken === undefined ? {} : { firstToken, betweenTokens: at % 100 }) },
      },
    ])
  return found as [number, Omit<RequestRecord, 'seq'>][]
}

/** Lets control see them in the order in which they are written, looking every `lookMs`. */
function watch(
  plan: ComparisonPlan,
  requests: readonly Request[],
  until: number,
  lookMs = 1_000,
  each?: (analysis: Comparison, now: number) => Comparison | undefined,
) {
  const records = requests.flatMap(recordsOf).sort(([a], [b]) => a - b)
  let analysis = Comparison.begin(plan)
  let next = 0
  for (let now = START; now <= START + until; now += lookMs) {
    for (; next < records.length && records[next]![0] <= now; next++) analysis.add({ ...records[next]![1], seq: next } as RequestRecord)
    analysis.settle(now)
    const other = each?.(analysis, now)
    if (other === analysis) break
    if (other) analysis = other
  }
  return analysis
}

function traffic(
  count: number,
  everyMs: number,
  of: (candidate: boolean, random: () => number) => Partial<Request>,
  seed = 1,
  share = 50,
): Request[] {
  const random = randomFrom(seed).uniform
  return Array.from({ length: count }, (_, i) => {
    const candidate = random() * 100 < share
    return { id: `r${i}`, at: START + i * everyMs, candidate, share, ...of(candidate, random) }
  })
}

function never(): never {
  throw new Error('there is a report for each metric')
}
const ERRORS = [{ name: 'errorRate' }]
const harmed = (analysis: Comparison) => analysis.evidence(0.5).harm

describe('errors', () => {
  const failing = (rates: readonly [number, number]) => (candidate: boolean, random: () => number) =>
    ({ total: 50, outcome: random() < rates[candidate ? 1 : 0] ? 'upstream_error' : 'ok' }) as const

  test('a version that fails more is said to, with both numbers', () => {
    const analysis = watch(planWith(ERRORS), traffic(2_000, 10, failing([0.01, 0.2])), 30_000)
    expect(harmed(analysis)).toMatch(
      /^v2 is worse: failed are [12]\d % of (9|1,0)\d\d there and \d\.\d % of (9|1,0)\d\d on v1 at the same time\. Of changes that do no harm at most 1\.0 % ever look like this\.$/,
    )
    expect(analysis.report(0.5)[0]).toMatchObject({ name: 'errorRate', verdict: 'harm', harm: 1 })
  })

  test('one that is as good is not, and is shown to be after a while', () => {
    const analysis = watch(planWith(ERRORS), traffic(30_000, 10, failing([0.01, 0.01])), 310_000)
    expect(harmed(analysis)).toBeUndefined()
    expect(analysis.evidence(0.5)).toMatchObject({ safe: true, missing: '' })
  })

  test('until then it is said what is missing', () => {
    const analysis = watch(planWith(ERRORS), traffic(1_000, 100, failing([0.01, 0.01])), 110_000)
    expect(analysis.evidence(0.5)).toMatchObject({
      safe: false,
      missing: expect.stringMatching(/^errorRate wants about [\d,]+ more requests or callers, about \d+ min at the pace so far\.$/),
    })
    expect(Comparison.begin(planWith(ERRORS)).evidence(0.05).missing).toMatch(/so far there is no traffic to judge by/)
  })

  test('what is said of both is of the same moments, though their shares have changed', () => {
    // Both fail more in the second half, in which the new version has most of the traffic; at each moment it fails a little more often.
    const half = (from: number, share: number, rate: number) =>
      traffic(
        4_000,
        10,
        (candidate, random) => ({ total: 50, outcome: random() < rate + (candidate ? 0.06 : 0) ? 'upstream_error' : 'ok' }),
        share,
        share,
      ).map((each) => ({ ...each, id: `${from}-${each.id}`, at: each.at + from }))
    const analysis = watch(planWith(ERRORS), [...half(0, 10, 0.01), ...half(40_000, 80, 0.2)], 90_000)
    const [{ baseline, candidate } = never()] = analysis.report(0.5)
    expect(candidate.mean - baseline.mean).toBeGreaterThan(3)
    expect(candidate.mean - baseline.mean).toBeLessThan(9)
  })

  test('an answer that a fallback gave is a failure of the version that was chosen', () => {
    const analysis = watch(
      planWith(ERRORS),
      traffic(1_000, 10, (candidate, random) => ({ total: 50, ...(candidate && random() < 0.5 ? { served: 'v1' } : {}) })),
      20_000,
    )
    expect(harmed(analysis)).toMatch(/^v2 is worse/)
  })

  test('who is turned away before says nothing', () => {
    const analysis = watch(
      planWith(ERRORS),
      traffic(500, 10, (candidate) => ({ total: 5, outcome: candidate ? 'limited' : 'ok' })),
      20_000,
    )
    expect(analysis.report(0.5)[0]!.candidate.units).toBe(0)
  })

  test('a version that is as good but slower is not thought to fail, whenever one looks', () => {
    let cried = 0
    for (let seed = 1; seed <= 20; seed++) {
      const requests = traffic(
        3_000,
        10,
        (candidate, random) => (random() < 0.05 ? { total: 20, outcome: 'upstream_error' } : { total: candidate ? 12_000 : 10_000 }),
        seed,
      )
      watch(planWith(ERRORS), requests, 50_000, 500, (analysis) => {
        if (harmed(analysis) === undefined) return undefined
        cried++
        return analysis
      })
    }
    expect(cried).toBeLessThanOrEqual(1)
  })
})

describe('slowness', () => {
  const TIMES = [
    { name: 'timeToFirstToken', quantile: 95 },
    { name: 'totalTime', quantile: 95 },
  ]
  const usual = (random: () => number) => ({ firstToken: 200 + 100 * random(), total: 2_000 + 1_000 * random() })

  test('requests that hang count when they are slow, not when they end', () => {
    let seenAt: number | undefined
    const requests = traffic(18_000, 10, (candidate, random) => (candidate && random() < 0.5 ? {} : usual(random)))
    watch(planWith(TIMES), requests, 180_000, 250, (analysis, now) => {
      if (harmed(analysis) === undefined) return undefined
      seenAt = now - START
      return analysis
    })
    // 200 requests of the baseline until it is known what slow is, and then as many seconds as it takes.
    expect(seenAt).toBeLessThan(75_000)
  })

  test('a long stream whose first token came in time is not slow to it', () => {
    const long = (_: boolean, random: () => number) => ({ firstToken: 200 + 100 * random(), total: 40_000 })
    const analysis = watch(planWith(TIMES.slice(0, 1)), traffic(3_000, 20, long), 60_000)
    const [report] = analysis.report(0.5)
    expect(report!.threshold).toBeGreaterThan(250)
    expect(report!.candidate.units).toBeGreaterThan(200)
    expect(report!.candidate.mean).toBeLessThan(15)
    expect(harmed(analysis)).toBeUndefined()
  })

  test('is found from first tokens, be the streams longer than anything is waited for, and not from who is turned away', () => {
    const some = (_: boolean, random: () => number): Partial<Request> =>
      random() < 0.3 ? { total: 3, outcome: 'limited' } : { firstToken: 200 + 100 * random(), total: random() < 0.3 ? 100_000 : 2_000 }
    const analysis = watch(planWith(TIMES.slice(0, 1)), traffic(3_000, 50, some), 150_000)
    expect(analysis.report(0.5)[0]!.threshold).toBeLessThan(310)
  })

  test('what fails at once is not quick', () => {
    const analysis = watch(
      planWith(TIMES.slice(1)),
      traffic(20_000, 10, (candidate, random) => (candidate && random() < 0.3 ? { total: 3, outcome: 'upstream_error' } : usual(random))),
      210_000,
    )
    expect(harmed(analysis)).toMatch(/^v2 is worse: slow \(over (2\.9|3\.0) s\) are/)
  })

  test('the whole answers of plain requests say nothing of first tokens', () => {
    const half = (candidate: boolean, random: () => number) =>
      random() < 0.5 ? { plain: true, total: 3_000 } : { firstToken: (candidate ? 400 : 200) + 100 * random(), total: 2_000 }
    const analysis = watch(planWith(TIMES.slice(0, 1)), traffic(20_000, 10, half), 210_000)
    expect(analysis.report(0.5)[0]!.threshold).toBeLessThan(310)
    expect(harmed(analysis)).toMatch(/slow to the first token/)
  })

  test('who gives up before the first token had waited long enough', () => {
    const analysis = watch(
      planWith(TIMES.slice(0, 1)),
      traffic(20_000, 10, (candidate, random) => (candidate && random() < 0.3 ? { total: 150, outcome: 'aborted' } : usual(random))),
      210_000,
    )
    expect(harmed(analysis)).toMatch(/slow to the first token/)
  })
})

describe('no answer', () => {
  const quick = (random: () => number) => ({ total: 50 + 50 * random(), firstToken: 20 })

  test('what never begins to answer has failed when nothing is waited for any more', () => {
    const hangs = (candidate: boolean, random: () => number) => (candidate && random() < 0.3 ? {} : quick(random))
    expect(harmed(watch(planWith(ERRORS), traffic(10_000, 10, hangs), 120_000))).toMatch(/^v2 is worse/)
  })

  test('so has what its client gave up on, and not what was given up at once or when the answer had begun', () => {
    const given = (total: number, firstToken?: number) => (candidate: boolean, random: () => number) =>
      candidate && random() < 0.3
        ? ({ total, outcome: 'aborted', ...(firstToken === undefined ? {} : { firstToken }) } as const)
        : quick(random)
    const judged = (...of: Parameters<typeof given>) => harmed(watch(planWith(ERRORS), traffic(6_000, 10, given(...of)), 120_000))
    expect(judged(4_000)).toMatch(/^v2 is worse/)
    expect(judged(300)).toBeUndefined()
    expect(judged(4_000, 100)).toBeUndefined()
  })
})

describe('feedback', () => {
  const plan = planWith([{ name: 'feedback' }], { windows: { request: 10_000, feedback: 20_000 } })
  /** Everybody rates: the new version's answers are liked half as often. */
  const rated = (consumer: string) => {
    const analysis = Comparison.begin(plan)
    const random = randomFrom(5).uniform
    let seq = 0
    for (let i = 0; i < 600; i++) {
      const now = START + i * 100
      const candidate = random() < 0.5
      for (const [at, record] of recordsOf({ id: `r${i}`, at: now, candidate, total: 50 }))
        analysis.add({ ...record, consumer: 'ann', namespace: 'default', seq: seq++, time: new Date(at).toISOString() } as RequestRecord)
      const score = Number(random() < (candidate ? 0.4 : 0.8))
      const origin = { id: `f${i}`, gateway: 'g', boot: 'b', seq: seq++, time: new Date(now + 90).toISOString() }
      analysis.add({ type: 'feedback', ...origin, namespace: 'default', consumer, key: 'k', request: `r${i}`, score })
      analysis.settle(now + 95)
    }
    analysis.settle(START + 120_000)
    return analysis
  }

  test('of the consumer whose request it was counts', () => {
    expect(harmed(rated('ann'))).toMatch(
      /^v2 is worse: dissatisfied with their answers are, of those who said so, [56]\d % of \d+ there and [12]\d % of/,
    )
  })

  test('that is turned counts as it was last', () => {
    const analysis = Comparison.begin(plan)
    let seq = 0
    for (let i = 0; i < 60; i++) {
      const now = START + i * 100
      for (const [at, record] of recordsOf({ id: `r${i}`, at: now, candidate: i % 2 === 0, total: 50 }))
        analysis.add({ ...record, consumer: 'ann', namespace: 'default', seq: seq++, time: new Date(at).toISOString() } as RequestRecord)
    }
    const rate = (now: number, score: number) => {
      for (let i = 0; i < 60; i++) {
        const origin = { id: `f${i}-${score}`, gateway: 'g', boot: 'b', seq: seq++, time: new Date(now).toISOString() }
        analysis.add({ type: 'feedback', ...origin, namespace: 'default', consumer: 'ann', key: 'k', request: `r${i}`, score })
        analysis.settle(now + 500)
      }
    }
    rate(START + 7_000, 0)
    rate(START + 8_000, 1)
    for (let now = START + 9_000; now < START + 60_000; now += 500) analysis.settle(now)
    expect(analysis.report(0.5)[0]).toMatchObject({ baseline: { units: 30, mean: 0 }, candidate: { units: 30, mean: 0 } })
  })

  test('of anybody else does not', () => {
    expect(rated('bob').report(0.5)[0]).toMatchObject({ baseline: { units: 0 }, candidate: { units: 0 } })
  })
})

describe('callers who stay on a version', () => {
  const HOUR = 3_600_000
  const plan = planWith(ERRORS, { watched: [60_000, HOUR], windows: { request: 10_000, feedback: 20_000 } })

  test('each counts once, after its time, whatever many requests it makes', () => {
    const requests = traffic(2_000, 100, (candidate) => ({ total: 20, caller: candidate ? 'one' : 'two' }))
    const analysis = watch(plan, requests, 2 * HOUR, 5_000)
    expect(analysis.report(0.5)[0]).toMatchObject({ baseline: { units: 1, mean: 0 }, candidate: { units: 1, mean: 0 } })
  })

  test('one of whose requests failed has failed, which is known at once', () => {
    const requests = traffic(4_000, 20, (candidate, random) => ({
      total: 20,
      caller: `${candidate ? 'c' : 'b'}${Math.floor(random() * 200)}`,
      outcome: candidate && random() < 0.2 ? 'upstream_error' : 'ok',
    }))
    let seenAt: number | undefined
    watch(plan, requests, HOUR, 1_000, (analysis, now) => {
      if (harmed(analysis) === undefined) return undefined
      seenAt = now - START
      return analysis
    })
    expect(seenAt).toBeLessThan(120_000)
  })

  test('more of them than can be held are looked at in part, and what is found is the same', () => {
    const requests = traffic(40_000, 20, (candidate, random) => ({
      total: 20,
      caller: `${candidate ? 'c' : 'b'}${random()}`,
      outcome: random() < (candidate ? 0.03 : 0.01) ? 'upstream_error' : 'ok',
    }))
    const analysis = watch(plan, requests, 3 * HOUR, 5_000)
    expect(analysis.serialize().length).toBeLessThan(4_000_000)
    expect(harmed(analysis)).toMatch(/^v2 is worse: failed are [23]\.\d % of [\d,]+ there and (0|1)\.\d %/)
  })

  test('who comes to the other version when shares change is not counted there too', () => {
    const first = traffic(200, 10, () => ({ candidate: false, caller: 'moved', total: 20 }))
    const then = traffic(200, 10, () => ({ candidate: true, caller: 'moved', total: 20, outcome: 'upstream_error' })).map((each) => ({
      ...each,
      id: `then-${each.id}`,
      at: each.at + 5_000,
    }))
    const analysis = watch(plan, [...first, ...then], 2 * HOUR, 5_000)
    expect(analysis.report(0.5)[0]).toMatchObject({ baseline: { units: 1, mean: 0 }, candidate: { units: 0 } })
  })
})

test('a control that is killed and begins again where it had stored counts everything once', () => {
  const request = fc.record({
    gap: fc.integer({ min: 0, max: 3_000 }),
    candidate: fc.boolean(),
    total: fc.option(fc.integer({ min: 1, max: 30_000 }), { nil: undefined }),
    firstToken: fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined }),
    outcome: fc.constantFrom<FinishedRecord['outcome']>('ok', 'upstream_error', 'aborted', 'limited'),
    caller: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
    plain: fc.boolean(),
    // Milliseconds after the request.
    thumbs: fc.array(fc.record({ after: fc.integer({ min: 1_000, max: 40_000 }), score: fc.constantFrom(0, 1) }), { maxLength: 3 }),
  })
  const plan = planWith(
    [
      { name: 'errorRate' },
      { name: 'timeToFirstToken', quantile: 95 },
      { name: 'totalTime', quantile: 90 },
      { name: 'timeBetweenTokens', quantile: 95 },
      { name: 'feedback' },
      { name: 'tokensPerAnswer', most: 100, watch: true },
    ],
    { watched: [0, 30_000], windows: { request: 10_000, feedback: 20_000 } },
  )
  fc.assert(
    fc.property(fc.array(request, { maxLength: 40 }), fc.array(fc.nat(200), { maxLength: 5 }), (drafts, kills) => {
      let at = START
      const rated: [number, object][] = []
      const requests = drafts.map(({ gap, caller, total, firstToken, thumbs, ...rest }, i): Request => {
        at += gap
        for (const [nth, { after, score }] of thumbs.entries()) {
          const origin = { id: `f${i}-${nth}`, gateway: 'g', boot: 'b', time: new Date(at + after).toISOString() }
          rated.push([
            at + after,
            { type: 'feedback', ...origin, namespace: 'default', consumer: 'ann', key: 'k', request: `r${i}`, score },
          ])
        }
        return {
          id: `r${i}`,
          at,
          ...rest,
          ...(caller === undefined ? {} : { caller }),
          ...(total === undefined ? {} : { total }),
          ...(firstToken === undefined || (total !== undefined && firstToken > total) ? {} : { firstToken }),
        }
      })
      const records = [...requests.flatMap(recordsOf), ...rated].sort(([a], [b]) => a - b)
      const run = (killed: readonly number[]) => {
        let analysis = Comparison.begin(plan, [undefined, 1_000, 4_000, 50])
        let stored = { text: analysis.serialize(), next: 0 }
        let next = 0
        for (let turn = 0; turn < 300; turn++) {
          const now = START + turn * 1_000
          // Killed: from what was stored, with records again that it had seen already.
          if (killed.includes(turn)) {
            analysis = Comparison.parse(stored.text)
            next = Math.max(0, stored.next - 3)
          }
          for (; next < records.length && records[next]![0] <= now; next++)
            analysis.add({ ...records[next]![1], consumer: 'ann', namespace: 'default', seq: next } as RequestRecord)
          analysis.settle(now)
          if (turn % 7 === 0) stored = { text: analysis.serialize(), next }
        }
        return analysis.report(0.5)
      }
      expect(run(kills)).toEqual(run([]))
    }),
    { numRuns: 60 },
  )
})
