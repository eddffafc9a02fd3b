import { describe, expect, it } from 'vitest'
import type { Spec } from '../../resources/index.ts'
import { modelVersion } from '../../resources/model-version.ts'
import type { BoundedState } from '../autoscaling/bounds.ts'
import { IDLE } from '../autoscaling/policy.contract.ts'
import type { Sample } from '../autoscaling/policy.ts'
import { type Curve, deriveCurve } from './curve.ts'
import { objectiveMsOf, placesOf, scalerOf } from './policies.ts'

const version = (policy: object | undefined, scaling: object = {}): Spec<'ModelVersion'> =>
  modelVersion.spec.parse({
    ...{ model: 'm', version: 'v', source: { engine: { kind: 'simulated', parameters: { sequences: 10 } } } },
    scaling: { min: 1, max: 20, ...(policy ? { policy } : {}), ...scaling },
  })
const NOT_KNOWN = { startupMs: 60_000, missing: '120 of 500 requests' }
const NOON = 1_700_000_000_000 - (1_700_000_000_000 % 86_400_000) + 12 * 3_600_000

/** Decided at noon, the first time. */
function decide(spec: Spec<'ModelVersion'>, sample: Partial<Sample>, known = NOT_KNOWN as Parameters<typeof scalerOf>[1]) {
  const { policy } = scalerOf(spec, known)!
  return policy.decide(policy.start as BoundedState, { ...IDLE, at: NOON, ready: 1, ...sample }, NOON)
}

describe('a policy of a spec', () => {
  it.each<[string, object, Partial<Sample>, number]>([
    ['knative: concurrency over the target', { knative: { target: 5 } }, { concurrency: 23 }, 5],
    ['knative by another metric', { knative: { metric: 'arrivals', target: 2 } }, { arrivals: 7, concurrency: 90 }, 4],
    ['hpa: in proportion', { hpa: { target: 10 } }, { ready: 4, concurrency: 80 }, 8],
    ['hpa: a share of each cache', { hpa: { metric: 'kvUse', target: 0.5 } }, { ready: 4, kvUse: 0.9 }, 8],
    ['keda: the value over the target', { keda: { metric: 'tokensOut', target: 100 } }, { ready: 2, tokensOut: 390 }, 4],
    [
      'prometheus: the value over the target',
      { prometheus: { address: 'http://p', query: 'q', target: 10 } },
      { ready: 4, external: { value: 48, answeredAt: NOON } },
      5,
    ],
    [
      'schedule: by the hour',
      {
        schedule: [
          { from: '08:00', instances: 3 },
          { from: '12:01', instances: 9 },
        ],
      },
      {},
      3,
    ],
  ])('%s', (_name, policy, sample, wanted) => {
    expect(decide(version(policy), sample).wanted).toBe(wanted)
  })

  it('stays within its bounds, and rests a minute after a change unless it says otherwise', () => {
    const schedule = [{ from: '00:00', instances: 15 }]
    expect(decide(version({ schedule }, { max: 4 }), {}).wanted).toBe(4)
    const { policy } = scalerOf(version({ schedule: [{ from: '00:00', instances: 1 }] }), NOT_KNOWN)!
    const at = (ms: number) => policy.decide({ policy: null, changedAt: NOON }, { ...IDLE, at: NOON + ms, ready: 3 }, NOON + ms).wanted
    expect([at(59_000), at(60_000)]).toEqual([3, 1])
    const quick = scalerOf(version({ schedule: [{ from: '00:00', instances: 1 }] }, { cooldown: { down: '1s' } }), NOT_KNOWN)!
    expect(quick.policy.decide({ policy: null, changedAt: NOON }, { ...IDLE, ready: 3 }, NOON + 1_000).wanted).toBe(1)
  })

  it('is none where there is none, and its state is of none but itself', () => {
    expect(scalerOf(version(undefined), NOT_KNOWN)).toBeUndefined()
    const key = (policy: object, scaling: object = {}) => scalerOf(version(policy, scaling), NOT_KNOWN)!.key
    expect(key({ knative: { target: 5 } })).toBe(key({ knative: { target: 5 } }, { max: 9, cooldown: { up: '5s' } }))
    expect(key({ knative: { target: 5 } })).not.toBe(key({ knative: { target: 6 } }))
    expect(key({ hpa: { target: 5 } })).not.toBe(key({ keda: { target: 5 } }))
  })
})

describe('objective', () => {
  const spec = version({ objective: { firstToken: '1s', allowedMisses: 2 } })

  it('goes by the places of an instance until it is known how fast that is, and says so', () => {
    const { wanted, reason } = decide(spec, { concurrency: 15 })
    expect(wanted).toBe(3)
    expect(reason).toBe(
      "Learning how fast an instance is: 120 of 500 requests; until then by knative's rule, 7 of 10 places of an instance. 15 requests at a time over 60 s, 15 over the last 6 s, where 1 ready instance should have 7 each: panicking, so no fewer than 3.",
    )
  })

  it('goes by work and start-up time from then on, in a state of its own', () => {
    const simulated = { firstTokenMs: 50, tokensPerSecond: 50, sequences: 10, contextSize: 4096, answerTokens: 64 }
    const curve = deriveCurve({ name: 'v', served: [], objectiveMs: 1_000, simulated }) as Curve
    const known = { ...NOT_KNOWN, curve }
    expect(scalerOf(spec, known)!.key).not.toBe(scalerOf(spec, NOT_KNOWN)!.key)
    const { wanted, reason } = decide(spec, { arrivals: 20, tokensIn: 2_000 }, known)
    // Twenty a second, each 1.33 s in one of ten places, and 1.4 times that since its habits are not known.
    expect(wanted).toBe(Math.ceil(((20 * 1.33) / 10) * 1.4))
    expect(reason).toMatch(/^20 requests\/s are work for 2\.\d+ busy instances; too new to know its habits/)
  })
})

it.each<[object, number]>([
  [{ objective: {} }, 2_000],
  [{ objective: { firstToken: '300ms' } }, 300],
  [{ hpa: { target: 3 } }, Number.POSITIVE_INFINITY],
])('first tokens of %o are misses after %d ms', (policy, ms) => {
  expect(objectiveMsOf(version(policy))).toBe(ms)
})

it('takes the places of an image from what the gateway sends it at most', () => {
  const source = { image: { name: 'a/b:1', protocol: 'openai', port: 8000, maxConcurrent: 33 } }
  expect(placesOf(modelVersion.spec.parse({ model: 'm', version: 'v', source }))).toBe(33)
})
