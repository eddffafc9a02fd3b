/** What is known now of a version with a policy, for who asks: the API, the command line, the console. Pure. */

import type { Inputs, Sample } from '../autoscaling/policy.ts'
import type { ServiceCurve } from '../autoscaling/service-curve.ts'
import { ASSUMED_STARTUP_MS } from './measured.ts'
import { nameOf } from './policies.ts'
import type { ScaledVersion, Version } from './scaled-version.ts'

export interface ScalingReport {
  /** The field of the spec: "objective", "knative", … */
  readonly policy: string
  readonly min: number
  readonly max: number
  readonly wanted: number
  /** Since when so many are wanted, milliseconds since the epoch. */
  readonly since: number
  readonly reason: string
  readonly inputs: Inputs
  readonly ready: number
  readonly starting: number
  readonly draining: number
  /** Of the last two seconds or so; absent before the first look. */
  readonly sample?: Sample
  readonly startup: { readonly ms: number; readonly measured: boolean }
  /** How fast an instance is, as `objective` needs to know it; absent with other policies. */
  readonly speed?: Speed | { readonly missing: string }
}

export interface Speed {
  readonly curve: ServiceCurve
  /** Mean tokens of the requests that it was made of. */
  readonly tokensIn: number
  readonly tokensOut: number
  /** Requests a second that an instance bears. */
  readonly rate: number
}

export function scalingReport(version: Version, scaled: ScaledVersion): ScalingReport {
  const { min, max = min, policy } = version.spec.scaling
  const { measured, seen, sample, since, reason, inputs } = scaled
  const curve = measured.curve(version.spec)
  const speed = curve
    ? { curve: curve.curve, tokensIn: curve.tokensIn, tokensOut: curve.tokensOut, rate: curve.rate }
    : { missing: measured.missing(version.spec) }
  return {
    ...{ policy: nameOf(policy!), min, max, wanted: scaled.wantedOf(version), since, reason, inputs },
    ...{ ready: seen.ready, starting: seen.starting, draining: seen.draining },
    ...(sample ? { sample } : {}),
    startup: { ms: measured.startupMs ?? ASSUMED_STARTUP_MS, measured: measured.startupMs !== undefined },
    ...(policy!.objective ? { speed } : {}),
  }
}
