import { describe, expect, it } from 'vitest'
import type { FinishedRecord } from '../../monitoring/request-records.ts'
import type { Spec } from '../../resources/index.ts'
import { modelVersion } from '../../resources/model-version.ts'
import { deriveCurve } from './curve.ts'
import { ENOUGH_SERVED, Measured } from './measured.ts'
import type { ReportedInstance } from './seen.ts'

const T0 = 1_700_000_000_000
const llama = { kind: 'llama', weights: { from: ['hf:a/b/c.gguf'] } }
const spec = (engine: object, firstToken = '2s'): Spec<'ModelVersion'> =>
  modelVersion.spec.parse({
    ...{ model: 'm', version: 'v', source: { engine }, scaling: { min: 0, max: 8, policy: { objective: { firstToken } } } },
  })
const instance = (
  id: string,
  state: string,
  changes: readonly (readonly [state: string, at: number])[],
  message?: string,
): ReportedInstance => ({
  ...{
    instance: { id, uid: 'u', sequences: 8 },
    state,
    since: changes.at(-1)?.[1] ?? 0,
    changes: changes.map(([each, at]) => ({ state: each, at })),
  },
  ...(message === undefined ? {} : { message }),
})
/** An answer of an instance that reads 1,000 tokens a second after 50 ms, and writes one every 20 ms. */
const answer = (tokensIn: number, tokensOut = 20): FinishedRecord => {
  const firstToken = 50 + tokensIn
  return {
    ...{ type: 'finished', outcome: 'ok', instance: 'i', tokens: { in: tokensIn, cached: 0, out: tokensOut } },
    times: { total: firstToken + (tokensOut - 1) * 20, firstToken },
  } as unknown as FinishedRecord
}
function filled(count: number, tokensInOf = (i: number) => 50 + (i % 40) * 10): Measured {
  const measured = new Measured()
  for (let i = 0; i < count; i++) measured.add(answer(tokensInOf(i)), T0 + i * 2_000)
  return measured
}

describe('how long a start takes', () => {
  it('is the median of the last eight, from creation until it serves', () => {
    const measured = new Measured()
    expect(measured.startupMs).toBeUndefined()
    for (const [i, seconds] of [90, 5, 1, 2, 3, 4, 5, 6, 7].entries()) {
      measured.see(
        [
          instance(`a-${i}`, 'starting', [
            ['pending', T0],
            ['starting', T0 + 10],
          ]),
        ],
        T0 + 500,
      )
      const ready = [
        ['pending', T0],
        ['starting', T0 + 10],
        ['ready', T0 + seconds * 1_000],
      ] as const
      expect(measured.see([instance(`a-${i}`, 'ready', ready)], T0 + 100_000)).toBe(true)
    }
    expect(measured.startupMs).toBe(5_000)
    expect(new Measured(JSON.parse(JSON.stringify(measured.state()))).startupMs).toBe(5_000)
  })

  it('does not count the wait for room', () => {
    const measured = new Measured()
    measured.see([instance('a', 'pending', [['pending', T0]], 'it waits for memory')], T0 + 60_000)
    measured.see(
      [
        instance('a', 'starting', [
          ['pending', T0],
          ['starting', T0 + 60_100],
        ]),
      ],
      T0 + 60_200,
    )
    measured.see(
      [
        instance('a', 'ready', [
          ['pending', T0],
          ['ready', T0 + 63_000],
        ]),
      ],
      T0 + 64_000,
    )
    expect(measured.startupMs).toBe(3_000)
  })

  it('knows it of one that began and served between two looks, and counts it once', () => {
    const measured = new Measured()
    const quick = instance('a', 'ready', [
      ['pending', T0],
      ['starting', T0 + 10],
      ['ready', T0 + 710],
    ])
    expect(measured.see([quick], T0 + 1_000)).toBe(true)
    expect(measured.startupMs).toBe(700)
    expect(measured.see([quick], T0 + 3_000)).toBe(false)
    expect(measured.state().startups).toEqual([700])
  })

  it.each<[string, [string, number][], number | undefined]>([
    [
      'one that had waited for an hour',
      [
        ['pending', T0 - 3_600_000],
        ['starting', T0],
        ['ready', T0 + 1_000],
      ],
      1_000,
    ],
    [
      'one of which control has not seen the beginning',
      [
        ['loading', T0],
        ['warming', T0 + 10],
        ['ready', T0 + 450],
      ],
      undefined,
    ],
    [
      'one that was never seen to start',
      [
        ['pending', T0],
        ['ready', T0 + 1_000],
      ],
      undefined,
    ],
    [
      'one that came back',
      [
        ['pending', T0],
        ['starting', T0],
        ['ready', T0 + 9],
        ['failed', T0 + 10],
        ['ready', T0 + 99],
      ],
      undefined,
    ],
  ])('of what began between two looks: %s', (_what, changes, startupMs) => {
    const measured = new Measured()
    measured.see([instance('a', 'ready', changes)], T0 + 5_000)
    expect(measured.startupMs).toBe(startupMs)
  })

  it('says nothing of one that a control found in the middle of its start', () => {
    const measured = new Measured()
    measured.see([instance('a', 'loading', [['loading', T0]])], T0 + 1)
    const ready: [string, number][] = [
      ['loading', T0],
      ['ready', T0 + 50],
    ]
    expect(measured.see([instance('a', 'ready', ready)], T0 + 100)).toBe(false)
  })

  it('says nothing of one that control found ready, or that comes back', () => {
    const measured = new Measured()
    expect(measured.see([instance('a', 'ready', [['ready', T0]])], T0)).toBe(false)
    measured.see(
      [
        instance('a', 'failed', [
          ['ready', T0],
          ['failed', T0 + 1],
        ]),
      ],
      T0 + 2,
    )
    expect(
      measured.see(
        [
          instance('a', 'ready', [
            ['ready', T0],
            ['failed', T0 + 1],
            ['ready', T0 + 9],
          ]),
        ],
        T0 + 10,
      ),
    ).toBe(false)
  })

  it('goes on where a control was killed in the middle of it', () => {
    const before = new Measured()
    before.see([instance('a', 'pending', [['pending', T0]])], T0 + 5)
    const after = new Measured(JSON.parse(JSON.stringify(before.state())))
    after.see(
      [
        instance('a', 'ready', [
          ['starting', T0 + 4_000],
          ['ready', T0 + 7_000],
        ]),
      ],
      T0 + 8_000,
    )
    expect(after.startupMs).toBe(7_000)
  })
})

describe('a curve', () => {
  it('is due when enough was answered, at most every ten minutes, and one at a time', () => {
    const few = filled(ENOUGH_SERVED - 1)
    expect(few.due(spec(llama), 'v', T0)).toBeUndefined()
    expect(few.missing(spec(llama))).toBe('499 of 500 requests, streamed ones')
    const measured = filled(ENOUGH_SERVED)
    const job = measured.due(spec(llama), 'v', T0)!
    expect(job.served).toHaveLength(ENOUGH_SERVED)
    expect(measured.due(spec(llama), 'v', T0)).toBeUndefined()
    expect(measured.missing(spec(llama))).toBe('it is being made')
    measured.take(deriveCurve(job))
    expect(measured.curve(spec(llama))!.curve.prefill.tokensPerSecond).toBeCloseTo(1_000, -1)
    expect(measured.due(spec(llama), 'v', T0 + 599_000)).toBeUndefined()
    expect(measured.due(spec(llama), 'v', T0 + 600_000)).toBeDefined()
  })

  it('is stored; of the answers the last ones are', () => {
    const measured = filled(2_400)
    measured.take(deriveCurve(measured.due(spec(llama), 'v', T0)!))
    const text = JSON.stringify(measured.state())
    expect(text.length).toBeLessThan(40_000)
    expect(new Measured(JSON.parse(text)).curve(spec(llama))).toEqual(measured.curve(spec(llama)))
  })

  it('of one objective is none of another, and one that cannot be made anew stays', () => {
    const measured = filled(ENOUGH_SERVED)
    measured.take(deriveCurve(measured.due(spec(llama), 'v', T0)!))
    const made = measured.curve(spec(llama))
    expect(measured.curve(spec(llama, '1s'))).toBeUndefined()
    measured.due(spec(llama), 'v', T0 + 600_000)
    measured.take({ missing: 'no memory' })
    expect(measured.curve(spec(llama))).toBe(made)
    measured.due(spec(llama, '1s'), 'v', T0 + 600_000)
    measured.take({ missing: 'no memory' })
    expect(measured.curve(spec(llama, '1s'))).toBeUndefined()
    expect(measured.missing(spec(llama, '1s'))).toBe('no memory')
  })

  it('says in words what the requests do not tell', () => {
    const measured = filled(ENOUGH_SERVED)
    const hasty = spec(llama, '1ms')
    measured.take(deriveCurve(measured.due(hasty, 'v', T0)!))
    expect(measured.missing(hasty)).toBe('an instance that has a request for itself gives few first tokens within 1 ms')
  })

  it('is told by prompts of one length too', () => {
    const measured = filled(ENOUGH_SERVED, () => 100)
    measured.take(deriveCurve(measured.due(spec(llama), 'v', T0)!))
    expect(measured.curve(spec(llama))?.rate).toBeGreaterThan(0)
  })

  it('of a simulated engine follows from its parameters at once, and bears what its places bear', () => {
    const parameters = { timeToFirstToken: '100ms', tokensPerSecond: 50, sequences: 8, answerTokens: 20 }
    const measured = new Measured()
    const job = measured.due(spec({ kind: 'simulated', parameters }), 'v', T0)!
    const made = deriveCurve(job)
    if ('missing' in made) throw new Error(made.missing)
    // 8 places ÷ (0.1 s + 20 tokens at 20 ms)
    expect(made.rate).toBeGreaterThan(0.8 * (8 / 0.5))
    expect(made.rate).toBeLessThan(1.1 * (8 / 0.5))
    measured.take(made)
    expect(measured.due(spec({ kind: 'simulated', parameters }), 'v', T0 + 1_000_000)).toBeUndefined()
  })

  it('of a simulated engine that cannot hold the objective at all says so', () => {
    const made = deriveCurve({
      ...{ name: 'v', served: [], objectiveMs: 400 },
      simulated: { firstTokenMs: 500, tokensPerSecond: 50, sequences: 8, contextSize: 4096, answerTokens: 20 },
    })
    expect(made).toEqual({ missing: 'the simulated engine takes 500 ms for any first token, and the objective is 400 ms' })
  })

  it('is that of all places, also where fewer were ever in use', () => {
    const measured = filled(ENOUGH_SERVED)
    measured.see([instance('i', 'ready', [['ready', T0]])], T0)
    const made = deriveCurve(measured.due(spec(llama), 'v', T0)!)
    expect(made).toMatchObject({ curve: { sequences: 8 } })
  })
})
