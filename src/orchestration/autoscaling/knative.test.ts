/** The examples are those of knative/serving, pkg/autoscaler/scaling/autoscaler_test.go, where they name a test. */
import { describe, expect, it } from 'vitest'
import { type KnativeSettings, type KnativeState, knativeDefaults, knativePolicy } from './knative.ts'
import { IDLE, itIsAPolicy } from './policy.contract.ts'

/** As upstream's tests have it. */
const settings = (target: number, change: Partial<KnativeSettings> = {}): KnativeSettings => ({
  ...knativeDefaults(),
  ...{ target, maxScaleUpRate: 10, maxScaleDownRate: 10 },
  ...change,
})

const CALM: KnativeState = { seen: [], panicAt: null, mostInPanic: 0, delayed: [], decidedAt: -1e9, wanted: 0 }
const START = 1_000_000

/** Decides at `now` with a history of which the mean over 60 s is `stable` and that over 6 s `panic`. */
function decide(given: KnativeSettings, state: KnativeState, now: number, ready: number, stable: number, panic: number) {
  const before = (30 * stable - 3 * panic) / 27
  const seen = Array.from({ length: 29 }, (_, i): [number, number] => [now - 58_000 + i * 2_000, i < 27 ? before : panic])
  return knativePolicy(given).decide({ ...state, seen }, { ...IDLE, at: now, ready, concurrency: panic }, now)
}

describe('in stable mode', () => {
  it.each([
    ['TestAutoscalerStableModeIncreaseWithConcurrencyDefault', settings(10), 1, 50, 10, 5],
    ['the same, at 100', settings(10), 1, 100, 10, 10],
    ['AutoscalerStableModeNoChangeAlreadyScaled', settings(10), 5, 50, 50, 5],
    ['AutoscalerStableModeIncreaseWithSmallScaleUpRate', settings(1, { maxScaleUpRate: 1.1 }), 2, 3, 3.1, 3],
    ['AutoscalerStableModeDecreaseWithSmallScaleDownRate', settings(10, { maxScaleDownRate: 1.1 }), 100, 1, 1, 90],
    ['TestAutoscalerStableModeNoTrafficScaleToZero', settings(10), 1, 1, 0, 1],
    ['TestAutoscalerStableModeNoTrafficScaleToZero, nothing', settings(10), 1, 0, 0, 0],
    ['TestAutoscalerRateLimitScaleUp', settings(10), 1, 1000, 1001, 10],
    ['TestAutoscalerRateLimitScaleUp, again', settings(10), 10, 1000, 1001, 100],
    ['TestAutoscalerRateLimitScaleDown', settings(10), 100, 1, 1, 10],
    ['AutoscalerPanicModeDoublePodCount', settings(10), 1, 50, 100, 10],
  ])('%s', (_name, given, ready, stable, panic, wanted) => {
    expect(decide(given, CALM, START, ready, stable, panic).wanted).toBe(wanted)
  })

  it('has Knative’s defaults: 70 of 100, 60 s and 6 s, twice, 1000, 2', () => {
    expect(knativeDefaults()).toMatchObject({
      ...{ target: 70, stableWindowMs: 60_000, panicWindowPercent: 10, panicThresholdPercent: 200 },
      ...{ maxScaleUpRate: 1000, maxScaleDownRate: 2, scaleDownDelayMs: 0, tickMs: 2_000 },
    })
  })
})

describe('panicking', () => {
  it('ends when the stable window has passed since it was last over the threshold (TestAutoscalerUnpanicAfterSlowIncrease)', () => {
    const first = decide(settings(1), CALM, START, 10, 11, 25)
    expect(first).toMatchObject({ wanted: 25, state: { panicAt: START } })
    const half = decide(settings(1), first.state, START + 30_000, 40, 30, 41)
    expect(half).toMatchObject({ wanted: 41, state: { panicAt: START } })
    expect(decide(settings(1), half.state, START + 62_000, 55, 50, 56)).toMatchObject({ wanted: 50, state: { panicAt: null } })
  })

  it('goes on where the surge does (TestAutoscalerExtendPanicWindow)', () => {
    const first = decide(settings(1), CALM, START, 10, 11, 25)
    expect(decide(settings(1), first.state, START + 30_000, 40, 30, 80)).toMatchObject({ wanted: 80, state: { panicAt: START + 30_000 } })
  })

  it('takes nothing away (TestAutoscalerPanicThenUnPanicScaleDown)', () => {
    const first = decide(settings(10), CALM, START, 10, 100, 1000)
    expect(first.wanted).toBe(100)
    const dropped = decide(settings(10), first.state, START + 30_000, 10, 1, 1)
    expect(dropped.wanted).toBe(100)
    expect(decide(settings(10), dropped.state, START + 62_000, 10, 1, 1).wanted).toBe(1)
  })

  it('takes the stable mean where that is larger (AutoscalerPanicStableLargerThanPanic)', () => {
    const panicking = { ...CALM, panicAt: START - 5_000, mostInPanic: 5 }
    expect(decide(settings(1), panicking, START, 5, 50, 30).wanted).toBe(50)
    expect(decide(settings(1), panicking, START, 5, 20, 30).wanted).toBe(30)
  })

  it('is how one begins that takes over more than one instance', () => {
    const { state, wanted } = knativePolicy(settings(10)).decide(
      knativePolicy(settings(10)).start,
      { ...IDLE, at: START, ready: 4, concurrency: 10 },
      START,
    )
    expect(state.panicAt).toBe(START)
    expect(wanted).toBe(4)
  })
})

it('says how many are ready, none included', () => {
  const reason = (ready: number) => decide(settings(10), CALM, START, ready, 50, 100).reason
  expect(reason(1)).toContain(', where 1 ready instance should have 10 each: panicking,')
  expect(reason(0)).toBe(
    '50 requests at a time over 60 s, 100 over the last 6 s, where none is ready, 10 an instance: panicking, so no fewer than 10.',
  )
})

it('delays going down by the most that was wanted of late (TestAutoscalerScaleDownDelay, gradual)', () => {
  const given = settings(10, { scaleDownDelayMs: 300_000, panicThresholdPercent: 10_000 })
  let state: KnativeState = CALM
  const at = (minute: number, concurrency: number) => {
    const decision = decide(given, state, START + minute * 60_000, 1, concurrency, concurrency)
    state = decision.state
    return decision.wanted
  }
  expect([at(9, 40), at(10, 30), at(11, 0), at(14, 0), at(15, 0)]).toEqual([4, 4, 4, 3, 0])
})

it('decides every two seconds and not in between', () => {
  const policy = knativePolicy(settings(10))
  const first = policy.decide(CALM, { ...IDLE, at: START, concurrency: 30 }, START)
  const second = policy.decide(first.state, { ...IDLE, at: START + 1_000, concurrency: 300 }, START + 1_000)
  expect([first.wanted, second.wanted]).toEqual([3, 3])
})

itIsAPolicy(knativePolicy({ ...knativeDefaults(), target: 15 }))
