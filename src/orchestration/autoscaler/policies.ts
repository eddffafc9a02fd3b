/** The policy that a version's spec asks for, as the function that decides. Pure. */
import type { Spec } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { ScalingPolicy } from '../../resources/scaling.ts'
import { type BoundedPolicy, bounded } from '../autoscaling/bounds.ts'
import { externalDefaults, externalPolicy } from '../autoscaling/external.ts'
import { hpaDefaults, hpaPolicy } from '../autoscaling/hpa.ts'
import { kedaDefaults, kedaPolicy } from '../autoscaling/keda.ts'
import { knativeDefaults, knativePolicy } from '../autoscaling/knative.ts'
import { objectivePolicy } from '../autoscaling/objective.ts'
import { counted, type Policy, short } from '../autoscaling/policy.ts'
import { schedulePolicy } from '../autoscaling/schedule.ts'
import type { Curve } from './curve.ts'

type VersionSpec = Spec<'ModelVersion'>

/** What is known of its instances. */
export interface Known {
  readonly startupMs: number
  readonly curve?: Curve
  /** Why there is no curve. */
  readonly missing: string
}

export interface Scaler {
  /** "objective", "knative", …: the field of the spec. */
  readonly name: string
  /** What a state is of: one of another policy is none of this one's. */
  readonly key: string
  readonly policy: BoundedPolicy
}

export const DEFAULT_COOLDOWN = { up: '0s', down: '1m' } as const

/** Of what policies remember. An older program's memory is of another number, and none of theirs. */
const MEMORY = 3

/** Of a version without a policy: undefined. */
export function scalerOf(spec: VersionSpec, known: Known): Scaler | undefined {
  const { policy, min, max = min, cooldown = DEFAULT_COOLDOWN } = spec.scaling
  if (!policy) return undefined
  const name = nameOf(policy)
  const isLearning = policy.objective !== undefined && known.curve === undefined
  const bounds = { min, max, cooldownDownMs: durationMs(cooldown.down), cooldownUpMs: durationMs(cooldown.up) }
  return {
    name,
    key: JSON.stringify([policy, isLearning, MEMORY]),
    policy: bounded(policyOf(policy, spec, known) as Policy, bounds),
  }
}

export const nameOf = (policy: ScalingPolicy): string => Object.entries(policy).find(([, value]) => value !== undefined)![0]

/** First tokens later than that are misses, milliseconds; without an objective none is. */
export function objectiveMsOf({ scaling }: VersionSpec): number {
  return scaling.policy?.objective ? durationMs(scaling.policy.objective.firstToken) : Number.POSITIVE_INFINITY
}

/** Requests that an instance serves at the same time. */
export function placesOf({ source }: VersionSpec): number {
  return source.engine?.parameters.sequences ?? source.image?.maxConcurrent ?? 1
}

function policyOf(policy: ScalingPolicy, spec: VersionSpec, known: Known): Policy<never> | Policy<null> {
  const { objective, knative, hpa, keda, prometheus, schedule } = policy
  if (objective)
    return (known.curve ? byObjective(objective, known.curve, known.startupMs) : learning(spec, known.missing)) as Policy<never>
  if (knative) return knativePolicy({ ...knativeDefaults(), ...knative, stableWindowMs: durationMs(knative.window) }) as Policy<never>
  if (hpa) return hpaPolicy({ ...hpaDefaults(), ...hpa }) as Policy<never>
  if (keda) return kedaPolicy({ ...kedaDefaults(), ...keda }) as Policy<never>
  if (prometheus) return externalPolicy(externalDefaults(prometheus.target)) as Policy<never>
  return schedulePolicy(schedule!.map(({ from, instances }) => ({ minute: minuteOf(from), instances })))
}

function byObjective({ allowedMisses, idle }: NonNullable<ScalingPolicy['objective']>, curve: Curve, startupMs: number) {
  return objectivePolicy({
    ...{ objectiveMs: curve.patienceMs, startupMs, curve: curve.points, costs: curve.costs, tokensOut: curve.tokensOut },
    ...{ allowedMisses: allowedMisses / 100, idleMs: durationMs(idle) },
  })
}

const LEARNING_SHARE = 0.7

/** Until it is known how fast an instance is, so many requests an instance as would fill most of its places. */
function learning(spec: VersionSpec, missing: string): Policy<never> {
  const places = placesOf(spec)
  const policy = knativePolicy({ ...knativeDefaults(), target: places * LEARNING_SHARE })
  return {
    ...policy,
    decide(state, sample, now) {
      const decision = policy.decide(state, sample, now)
      const rule = `until then by knative's rule, ${short(places * LEARNING_SHARE)} of ${counted(places, 'place')} of an instance`
      return { ...decision, reason: `Learning how fast an instance is: ${missing}; ${rule}. ${decision.reason}` }
    },
  } as Policy<never>
}

/** Minutes after midnight of "08:30". */
function minuteOf(text: string): number {
  const [hours, minutes] = text.split(':').map(Number)
  return hours! * 60 + minutes!
}
