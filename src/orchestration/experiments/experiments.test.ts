import { describe, expect, test } from 'vitest'
import { runLab } from './lab.ts'

type Rates = Readonly<Record<string, number>>
const failing = (rates: Rates) => (arm: string, _taste: number, random: () => number) => ({ failed: random() < rates[arm]! })
const rated = (gain: Rates) => (arm: string, taste: number, random: () => number) => ({
  score: Math.min(1, Math.max(0, 0.1 + 0.6 * taste + 0.2 * random() + gain[arm]!)),
})
const seeds = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

describe('an arm', () => {
  test('that is better is shipped', () => {
    const { status } = runLab({ seed: 1, callers: 5_000, outcome: failing({ control: 0.2, other: 0.1 }) })
    expect(status).toMatchObject({ phase: 'Decided', decision: 'ship', arm: 'other' })
    expect(status.message).toMatch(/^other is better than control by errorRate: \+\d+\.\d points \(0 to \d+, p 0\.0\d+\)\.$/)
    expect(status.history.map(({ event }) => event)).toEqual(['Running', 'Decided'])
  })

  test('that does harm is stopped for it, and not only found to be no better', () => {
    const results = seeds(20).map((seed) => runLab({ seed, callers: 5_000, outcome: failing({ control: 0.1, other: 0.2 }) }))
    expect(results.filter(({ status }) => status.decision === 'harm').length).toBeGreaterThanOrEqual(17)
    expect(results.filter(({ status }) => status.decision === 'ship')).toEqual([])
    const [first] = results
    expect(first!.status).toMatchObject({ decision: 'harm', arm: 'other' })
    expect(first!.status.message).toMatch(/^other is worse: failed are \d+ % of .* All callers are back where the route says\.$/)
    // The reason once.
    expect(first!.status.history.map(({ event, message }) => [event, message]).at(-1)).toEqual([
      'Decided',
      'All callers are back where the route says.',
    ])
  })

  test('that is not better by as much as would be worth having is given up', () => {
    const { status } = runLab({
      seed: 1,
      callers: 8_000,
      spec: { primary: { name: 'errorRate', minimumEffect: 5 } },
      outcome: failing({ control: 0.1, other: 0.1 }),
    })
    expect(status).toMatchObject({ phase: 'Decided', decision: 'keep', arm: 'control' })
    expect(status.message).toMatch(/^other is not better by as much as would be worth having: .* control stays\.$/)
    expect(status.arms?.find(({ name }) => name === 'other')).toMatchObject({ stopped: 'futile' })
  })

  test('that is better and breaks a guardrail is stopped for harm', () => {
    const outcome = (arm: string, taste: number, random: () => number) => ({
      ...rated({ control: 0, other: 0.1 })(arm, taste, random),
      failed: random() < (arm === 'other' ? 0.2 : 0.02),
    })
    const spec = { primary: { name: 'feedback', minimumEffect: 1 }, guardrails: [{ name: 'errorRate', margin: 1 }] }
    const { status } = runLab({ seed: 1, callers: 5_000, spec, outcome })
    expect(status).toMatchObject({ decision: 'harm', arm: 'other' })
    expect(status.message).toMatch(/^other is worse: failed are/)
  })

  test('that is better waits until its guardrails are shown to be safe', () => {
    const spec = { primary: { name: 'feedback', minimumEffect: 1 }, guardrails: [{ name: 'errorRate', margin: 1 }] }
    const outcome = (arm: string, taste: number, random: () => number) => ({
      ...rated({ control: 0, other: 0.2 })(arm, taste, random),
      failed: random() < 0.02,
    })
    const early = runLab({ seed: 1, callers: 700, spec, outcome })
    expect(early.status.phase).toBe('Running')
    expect(early.status.message).toMatch(/^other is better by feedback, .* errorRate wants about [\d,]+ more requests or callers/)
    const { status } = runLab({ seed: 1, callers: 20_000, spec, outcome })
    expect(status).toMatchObject({ decision: 'ship', arm: 'other' })
    expect(status.message).toMatch(/and errorRate is shown not to be worse\.$/)
  })
})

describe('what is not decided', () => {
  test('says what it has and what is missing, and is inconclusive when its time is over', () => {
    const equal = failing({ control: 0.1, other: 0.1 })
    const open = runLab({ seed: 3, callers: 1_000, outcome: equal })
    expect(open.status.phase).toBe('Running')
    expect(open.status.message).toMatch(
      /^other: [+−]\d\.\d points \(.* p \d.*\)\. If it is better than control by 2 points, about [\d,]+ more callers or requests show it, about \d+ min at the pace so far\.$/,
    )
    const { status } = runLab({ seed: 3, callers: 2_000, spec: { decision: { error: 5, stopAfter: '1m' } }, outcome: equal })
    expect(status).toMatchObject({ phase: 'Decided', decision: 'inconclusive' })
    expect(status.message).toMatch(/^1m are over and nothing is proven\. other: /)
  })

  test.each([
    [0, /^other: nobody has come yet\.$/],
    [1, /^1 caller has come to \w+ and none to \w+ so far; callers are told apart by the header x-user-id, else the consumer\.$/],
    [30, /^other: 30 callers have come so far; a caller is watched for 1h before it counts\.$/],
  ])('says why it has nothing to say yet, with %i callers', (count, message) => {
    const { status } = runLab({
      seed: 1,
      callers: count,
      spec: { analysis: { unitWindow: '1h' } },
      outcome: failing({ control: 0.1, other: 0.1 }),
    })
    expect(status.message).toMatch(message)
  })

  test('has narrowing bands to show, in a bounded number of points', () => {
    const { analysis } = runLab({
      seed: 3,
      callers: 6_000,
      outcome: failing({ control: 0.1, other: 0.1 }),
      spec: { primary: { name: 'errorRate', minimumEffect: 0.5 } },
    })
    const [course] = analysis.courses()
    expect(course!.length).toBeGreaterThan(20)
    expect(course!.length).toBeLessThanOrEqual(96)
    const width = ([, , low, high]: readonly number[]) => high! - low!
    expect(width(course!.at(-1)!)).toBeLessThan(width(course![5]!) / 3)
  })

  test('is given up where callers do not come to the arms as set', () => {
    const crooked = (arm: string, random: () => number) => arm === 'control' || random() < 0.85
    const { status } = runLab({ seed: 1, callers: 8_000, crooked, outcome: failing({ control: 0.1, other: 0.1 }) })
    expect(status).toMatchObject({ phase: 'Decided', decision: 'inconclusive' })
    expect(status.message).toMatch(
      /^Callers do not come to the arms as set, .* came to control and [\d,]+ to other, where 50 : 50 was set\./,
    )
  })
})

test('of three arms a harmful one is stopped, its callers go to the others, and the better one is shipped', () => {
  const arms = [
    { name: 'control', version: 'v1', weight: 40 },
    { name: 'bad', version: 'v1', weight: 30, prompt: { system: 'Be rude.' } },
    { name: 'good', version: 'v1', weight: 30, sampling: { temperature: 0 } },
  ]
  const rates = { control: 0.2, bad: 0.6, good: 0.1 }
  const { status, analysis } = runLab({ seed: 2, callers: 12_000, spec: { arms }, outcome: failing(rates) })
  expect(status).toMatchObject({ decision: 'ship', arm: 'good' })
  expect(status.arms?.find(({ name }) => name === 'bad')).toMatchObject({ stopped: 'harm' })
  const [bad, good] = analysis.findings()
  expect(bad!.exposed.candidate).toBeLessThan(good!.exposed.candidate / 2)
  expect(status.history.map(({ event }) => event)).toEqual(['Running', 'StoppedForHarm', 'Decided'])
})

describe('callers who are watched before', () => {
  const spec = { primary: { name: 'feedback', minimumEffect: 1 } }

  test('make the comparison sharper', () => {
    const outcome = rated({ control: 0, other: 0.01 })
    const plain = seeds(6).map((seed) => runLab({ seed, callers: 9_000, spec, outcome }).came)
    const results = seeds(6).map((seed) => runLab({ seed, callers: 9_000, spec: { ...spec, preparation: '1h' }, outcome }))
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[3]!
    expect(median(results.map(({ came }) => came))).toBeLessThan(median(plain) * 0.7)
    const [first] = results
    expect(first!.status.history[0]).toMatchObject({ event: 'Preparing' })
    expect(first!.analysis.findings()[0]!.effect.saved).toBeGreaterThan(0.6)
    expect(first!.analysis.before.size).toBe(9_000)
  })

  test('are told in words while they are', () => {
    const { status } = runLab({ seed: 1, callers: 0, spec: { ...spec, preparation: '1h' }, outcome: rated({ control: 0, other: 0 }) })
    expect(status.history.map(({ message }) => message)).toEqual([
      'Callers are watched for 1h; all go where the route says.',
      'Callers are divided between the arms; 0 callers are known from before.',
    ])
  })
})

test('a control that is killed and goes on from what it had stored finds the same', () => {
  const lab = {
    seed: 5,
    callers: 3_000,
    spec: { preparation: '1h', primary: { name: 'feedback', minimumEffect: 1 } },
    outcome: rated({ control: 0, other: 0.02 }),
  }
  const [once, again] = [runLab(lab), runLab({ ...lab, killed: true })]
  expect(again.status).toEqual(once.status)
  expect(again.analysis.findings()).toEqual(once.analysis.findings())
})
