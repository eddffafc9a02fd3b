import { describe, expect, it } from 'vitest'
import { ago, exampleExperiment, NOW, short } from './example-experiment.ts'
import { armViews, assignedBy, effectScaleOf, headOf, nextOf, pWords, questionOf, ratioOf, samplingWords } from './experiment-view.ts'

type Status = NonNullable<ReturnType<typeof exampleExperiment>['status']>

describe('the head', () => {
  it.each<[Partial<Status>, string]>([
    [{}, 'active Running, divided for 3d, 11d left'],
    [{ phase: 'Preparing', startedAt: ago(3_600 * 20) }, 'active Preparing, callers watched for 20h, 4h left'],
    [{ phase: 'Preparing', startedAt: ago(100_000) }, 'active Preparing, callers watched for 27h, time is up'],
    [{ heldSince: ago(5) }, 'open Held, divided for 3d, 11d left'],
    [{ phase: 'Decided', decision: 'ship', arm: 'short', endedAt: ago(300) }, 'good Decided: ship short, 5m ago, after 2d'],
    [{ phase: 'Decided', decision: 'keep', arm: 'control', endedAt: ago(300) }, 'idle Decided: keep control, 5m ago, after 2d'],
    [{ phase: 'Decided', decision: 'harm', arm: 'blunt', endedAt: ago(300) }, 'bad Decided: blunt does harm, 5m ago, after 2d'],
    [{ phase: 'Decided', decision: 'inconclusive', dividedAt: undefined, endedAt: ago(300) }, 'open Decided: inconclusive, 5m ago'],
  ])('%j', (more, expected) => {
    const { tone, word, times } = headOf(exampleExperiment(more), NOW)
    expect(`${tone} ${word}, ${times}`).toBe(expected)
  })

  it('knows one that control has not looked at yet', () => {
    const { status: _, ...fresh } = exampleExperiment()
    expect(headOf(fresh, NOW)).toEqual({ phase: 'Pending', word: 'Pending', tone: 'idle', message: '', times: '' })
    expect(armViews(fresh).map(({ state, exposed, evidence, metrics }) => [state.word, exposed, evidence, metrics])).toEqual([
      ['the control', 0, [], []],
      ['not begun', 0, [], []],
      ['not begun', 0, [], []],
    ])
    expect(ratioOf(fresh)).toBeUndefined()
  })
})

it.each([
  ['ship', 'short', 'Next: make a version like assistant-v1 with the prompt and sampling of short, and release it on the route assistant.'],
  ['ship', 'blunt', 'Next: release assistant-v2 on the route assistant.'],
  ['keep', 'control', undefined],
] as const)('what comes after %s %s', (decision, arm, expected) =>
  expect(nextOf(exampleExperiment({ phase: 'Decided', decision, arm }))).toBe(expected),
)

describe('what is asked', () => {
  it.each([
    [{ name: 'feedback', minimumEffect: 1 }, 'mean score of the answers that were rated; 1 point more is worth having'],
    [{ name: 'errorRate', minimumEffect: 0.5 }, 'share of requests that failed; 0.5 points less are worth having'],
    [{ name: 'cost', most: 0.2, minimumEffect: 5 }, 'cost of an answer, in percent of 0.2; 5 points less are worth having'],
    [
      { name: 'timeToFirstToken', minimumEffect: 5 },
      'share whose first token is slower than the p95 of control, which is not known yet; 5 points less are worth having',
    ],
  ])('%j', (primary, expected) => expect(questionOf(exampleExperiment({}, { primary }))).toBe(expected))

  it('names the time from which a request is slow, as soon as it is known', () => {
    const arms = [{ ...short, metrics: [{ ...short.metrics![0]!, threshold: 310 }] }]
    const primary = { name: 'timeToFirstToken', quantile: 99, minimumEffect: 5 }
    expect(questionOf(exampleExperiment({ arms }, { primary }))).toMatch(/^share whose first token took over 310 ms, the p99 of control;/)
  })

  it.each([
    [undefined, 'as the route says'],
    [
      { header: 'x-user', body: 'user', else: 'random' },
      'by the header x-user, else by the `user` of the body, else each request by itself',
    ],
    [{ else: 'consumer' }, 'by the consumer'],
  ] as const)('assigned by %j', (assignBy, expected) => expect(assignedBy(exampleExperiment({}, { assignBy }).spec)).toBe(expected))

  it('tells sampling in words', () => {
    const sampling = { temperature: 0, frequencyPenalty: 0.5, seed: 7, stop: ['\n', 'END'], maxTokens: 1 }
    expect(samplingWords(sampling)).toEqual([
      'temperature 0',
      'frequency penalty 0.5',
      'seed 7',
      'stops at "\\n", "END"',
      'at most 1 token',
    ])
    expect(samplingWords(undefined)).toEqual([])
  })
})

describe('an arm', () => {
  const [control, running, stopped] = armViews(exampleExperiment())

  it('is what answers, and how many come to it', () => {
    expect(control).toMatchObject({
      version: 'assistant-v1',
      weight: 40,
      share: 50,
      exposed: 2_104,
      state: { kind: 'control' },
      evidence: [],
    })
    expect(running).toMatchObject({ prompt: 'Answer in one sentence.', sampling: ['top p 0.9', 'at most 64 tokens'], share: 50 })
    expect(stopped).toMatchObject({ weight: 20, share: 0, exposed: 340, sampling: [] })
  })

  it('tells its effect, how it is known, and by what chance', () => {
    expect(running!.effect).toMatchObject({
      words: '+1.2 points (−0.4 to 2.8)',
      kind: 'asymptotic: good for large numbers, shown from 500 callers an arm',
      chance: 'p 0.12 at any look',
      sharper: '43 % of the variance is gone, as callers were watched before',
    })
    expect(stopped!.effect).toMatchObject({
      words: '−9.6 points (−18 to 0)',
      kind: 'exact: holds for any number of callers',
      chance: 'p below 0.001 at any look',
    })
    expect(stopped!.effect).not.toHaveProperty('sharper')
  })

  it.each<[string, object]>([
    ['has helped too little', { saved: 0.004 }],
    ['is not in the exact band', { by: 'exact' }],
    ['was not done', { saved: undefined }],
  ])('does not say that watching callers before makes it sharper where that %s', (_name, effect) => {
    const arms = [{ ...short, effect: { ...short.effect!, ...effect } as NonNullable<typeof short.effect> }]
    expect(armViews(exampleExperiment({ arms }))[1]!.effect).not.toHaveProperty('sharper')
  })

  it('tells how far each answer is proven', () => {
    expect(running!.evidence.map(({ name, words, tone }) => [name, words, tone])).toEqual([
      ['better', '31 % of the proof that it is better', 'good'],
      ['worse', '0 % of the proof that it is worse', 'open'],
      ['not worth it', '12 % of the proof that it is not better by 2 points', 'idle'],
    ])
    expect(stopped!.evidence.map(({ words, tone }) => [words, tone])).toEqual([
      ['0 % of the proof that it is better', 'good'],
      ['proven worse', 'bad'],
      ['proven not better by 2 points', 'idle'],
    ])
  })

  it('shows scores where feedback is what it is about, and dissatisfaction where it is a guardrail', () => {
    expect(running!.metrics[0]).toMatchObject({
      what: 'mean score of the answers that were rated',
      control: { units: 2_050, value: '71.2 %', range: '69.9–72.5' },
      arm: { units: 2_060, value: '72.4 %', range: '71.1–73.8' },
      verdict: { word: 'undecided' },
    })
    const guarded = exampleExperiment(
      { arms: [{ ...short, metrics: [short.metrics![1]!, short.metrics![0]!] }] },
      { primary: { name: 'errorRate', minimumEffect: 1 }, guardrails: [{ name: 'feedback', margin: 1 }], preparation: '0s' },
    )
    expect(armViews(guarded)[1]!.metrics[1]).toMatchObject({
      what: 'dissatisfaction with the answers that were rated: 1 − score',
      control: { value: '29 %', range: '28–30' },
      awaited: true,
    })
  })

  it('tells of each guardrail what it is, what is shown and what is missing', () => {
    expect(running!.metrics.slice(1).map(({ name, verdict, awaited, missing }) => [name, verdict.word, awaited, missing])).toEqual([
      ['errorRate', 'safe', false, undefined],
      ['totalTime p95', 'undecided', true, 'about 12,000 more units until it can be shown to be safe'],
      ['tokensPerAnswer', 'only watched', false, undefined],
    ])
    expect(running!.metrics[2]!.what).toBe('share whose whole answer took over 1.24 s, the p95 of control')
    expect(stopped!.metrics[0]!.verdict).toEqual({ word: 'worse', tone: 'bad' })
  })

  const second = (arm: object, more: Partial<Status> = {}) => armViews(exampleExperiment({ arms: [{ ...short, ...arm }], ...more }))[1]!
  it.each([
    ['runs', {}, {}, 'running', undefined],
    ['is held', {}, { heldSince: ago(3) }, 'held', undefined],
    ['waits for guardrails', { better: 1 }, {}, 'running', 'Shown to be better; that totalTime p95 is no worse is waited for.'],
    [
      'may do harm',
      { futile: 1, futileAt: 1_500 },
      {},
      'running',
      'Shown not to be worth it, with 1,500 callers in it; whether it does harm is waited for.',
    ],
    [
      'is not worth it',
      { futile: 1, futileAt: 1_500, stopped: 'futile', stoppedBecause: 'It is no better.' },
      {},
      'not worth it',
      'It is no better. Its figures are those of that moment.',
    ],
    ['has won', { better: 1 }, { phase: 'Decided', decision: 'ship', arm: 'short' }, 'better, ship it', undefined],
    ['is left', { better: 1 }, { phase: 'Decided', decision: 'inconclusive' }, 'undecided', undefined],
  ] as const)('%s', (_name, arm, more, word, note) => {
    const view = second(arm, more)
    expect([view.state.word, view.note]).toEqual([word, note])
  })

  it('is not told why it was stopped where the decision says the same', () => {
    const stoppedBecause = 'It is worse.'
    expect(second({ stopped: 'harm', stoppedBecause }, { message: `${stoppedBecause} All callers are back.` }).note).toBeUndefined()
  })

  it('says which metrics stopped it', () => {
    expect(second({ stopped: 'harm', stoppedBecause: '', stoppedBy: ['errorRate', 'cost'] }).state.word).toBe(
      'stopped for harm: errorRate, cost',
    )
  })

  it('says at which level its interval is', () => {
    expect(second({ effect: { ...short.effect, level: 97.5, low: 0.38, high: 0.02 } }).effect).toMatchObject({
      words: '+1.2 points (0.4 to 0.02)',
      chance: '97.5 % interval, p 0.12 at any look',
    })
  })

  it('says how many are missing, while it goes on', () => {
    const missing = 'about 9,600 more callers or requests, if it is better by 2 points'
    expect(second({ missing: 9_600 }).missing).toBe(missing)
    expect(second({ missing: 9_600 }, { phase: 'Decided' })).not.toHaveProperty('missing')
  })

  it('says how many came to it, and whether that is as set', () => {
    const two = (p: number, more = {}) =>
      armViews(
        exampleExperiment({
          arms: [
            { name: 'control', exposed: 300 },
            { ...short, exposed: 100, ratioP: p, ...more },
          ],
        }),
      ).map(({ came, crooked }) => [came, crooked?.tone])
    expect(two(0.5).slice(0, 2)).toEqual([
      [75, undefined],
      [25, undefined],
    ])
    expect(two(0.005)[1]).toEqual([25, 'open'])
    expect(two(0.0005)[1]).toEqual([25, 'bad'])
    // The others have had more since.
    expect(two(0.5, { stopped: 'harm' }).slice(0, 2)).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ])
  })

  it('gets nobody while callers are not divided', () => {
    for (const more of [{ heldSince: ago(3) }, { phase: 'Preparing' }, { phase: 'Decided' }] as const)
      expect(armViews(exampleExperiment(more)).map(({ share }) => share)).toEqual([0, 0, 0])
  })

  it('has no effect yet where nobody has been counted', () => {
    const view = second({
      effect: { low: -100, high: 100, by: 'exact', p: 1 },
      metrics: [{ ...short.metrics![0]!, baseline: { units: 0, mean: 0, low: 0, high: 100 } }],
    })
    expect(view.effect).toMatchObject({ words: 'nothing yet', chance: 'p 1 at any look' })
    expect(view.metrics[0]!.control).toMatchObject({ value: '–', range: 'nothing yet' })
  })
})

it.each([
  [0.42, 'good callers come to the arms as set (p 0.42)'],
  [0.004, 'open callers hardly come to the arms as set (p 0.004; at 0.001 it ends)'],
  [0.0002, 'bad callers do not come to the arms as set (p below 0.001)'],
])('a sample ratio of p %d', (p, expected) => {
  const { word, tone } = ratioOf(exampleExperiment({ sampleRatio: { p } }))!
  expect(`${tone} ${word}`).toBe(expected)
})

it('all effects are drawn on one scale, with no difference and the one that is worth having', () => {
  const scale = (effects: readonly (readonly [value: number, low: number, high: number])[]) => {
    const arms = effects.map(([value, low, high]) => ({ ...short, effect: { ...short.effect!, value, low, high } }))
    const { least, most } = effectScaleOf(exampleExperiment({ arms }))
    return [Math.round(least * 100) / 100, Math.round(most * 100) / 100]
  }
  expect(scale([[1.2, -0.4, 2.8]])).toEqual([-0.56, 2.96])
  expect(scale([])).toEqual([-0.1, 2.1])
  // One that is hardly known does not make dots of the others, but its middle is there.
  expect(
    scale([
      [1.2, -0.4, 2.8],
      [0, -90, 85],
    ]),
  ).toEqual([-6.16, 6.16])
  expect(
    scale([
      [1.2, -0.4, 2.8],
      [-9.6, -18, 0],
    ]),
  ).toEqual([-10.22, 3.42])
  expect(scale([[0, -100, 100]])).toEqual([-100, 100])
})

it('a p is never told as nothing', () => {
  expect([1, 0.0312, 0.001, 0.00099, 0].map(pWords)).toEqual(['p 1', 'p 0.031', 'p 0.001', 'p below 0.001', 'p below 0.001'])
})
