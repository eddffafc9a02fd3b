/** The policies that are compared, each with its one knob and, where it is tuned, with other windows than its own. */
import { fixedPolicy } from '../../src/orchestration/autoscaling/fixed.ts'
import { hpaDefaults, hpaPolicy } from '../../src/orchestration/autoscaling/hpa.ts'
import { DEFAULT_BEHAVIOR } from '../../src/orchestration/autoscaling/hpa-behavior.ts'
import { kedaDefaults, kedaPolicy } from '../../src/orchestration/autoscaling/keda.ts'
import { knativeDefaults, knativePolicy } from '../../src/orchestration/autoscaling/knative.ts'
import { objectivePolicy } from '../../src/orchestration/autoscaling/objective.ts'
import type { Policy } from '../../src/orchestration/autoscaling/policy.ts'
import type { Measured } from '../../src/orchestration/simulator/capacity.ts'
import type { Requests } from '../../src/orchestration/simulator/requests.ts'
import { clairvoyant } from './clairvoyant.ts'
import { OBJECTIVE_MS } from './scenario.ts'

export const PEERS = ['knative', 'hpa', 'keda'] as const
export type Peer = (typeof PEERS)[number]
export type Family = Peer | 'objective' | 'fixed' | 'clairvoyant'

/** Of the tuned peers; an empty one is the defaults. */
export interface Windows {
  readonly stableSeconds?: number
  readonly downSeconds?: number
  readonly pollSeconds?: number
}

export const GRID: Readonly<Record<Peer, readonly Windows[]>> = {
  knative: [{}, { stableSeconds: 30 }, { stableSeconds: 180 }, { downSeconds: 300 }, { downSeconds: 900 }],
  hpa: [{}, { downSeconds: 60 }, { downSeconds: 900 }],
  keda: [{}, { downSeconds: 900 }, { pollSeconds: 10 }],
}

export interface Setting {
  readonly family: Family
  /** Target requests an instance; allowed share of misses; instances; headroom. */
  readonly knob: number
  readonly windows?: Windows
}

/** From cheap to dear, the first look; what lies between is looked at where it matters. */
export const KNOBS: Readonly<Record<Family, readonly number[]>> = {
  knative: [26, 20, 15, 11, 8, 5.5, 3.8, 2.5, 1.6, 1],
  hpa: [26, 20, 15, 11, 8, 5.5, 3.8, 2.5, 1.6, 1],
  keda: [26, 20, 15, 11, 8, 5.5, 3.8, 2.5, 1.6, 1],
  objective: [0.35, 0.2, 0.12, 0.07, 0.04, 0.02, 0.01, 0.005, 0.002, 0.0005],
  fixed: [6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 35, 42, 50, 60, 75, 90, 100],
  clairvoyant: [0.85, 0.95, 1.05, 1.15, 1.25, 1.4, 1.6, 1.8, 2.1, 2.5, 3, 4, 6, 9],
}

export function policyOf(
  { family, knob, windows = {} }: Setting,
  startupMs: number,
  measured: Measured,
  requests: Requests,
): Policy<never> {
  const { stableSeconds, downSeconds, pollSeconds } = windows
  const behavior =
    downSeconds === undefined
      ? DEFAULT_BEHAVIOR
      : { ...DEFAULT_BEHAVIOR, scaleDown: { ...DEFAULT_BEHAVIOR.scaleDown, stabilizationWindowSeconds: downSeconds } }
  switch (family) {
    case 'knative': {
      const defaults = knativeDefaults()
      return knativePolicy({
        ...defaults,
        target: knob,
        stableWindowMs: stableSeconds === undefined ? defaults.stableWindowMs : stableSeconds * 1000,
        scaleDownDelayMs: downSeconds === undefined ? 0 : downSeconds * 1000,
      }) as Policy<never>
    }
    case 'hpa':
      return hpaPolicy({ ...hpaDefaults(), target: knob, behavior }) as Policy<never>
    case 'keda': {
      const defaults = kedaDefaults()
      return kedaPolicy({
        ...defaults,
        target: knob,
        behavior,
        pollingMs: pollSeconds === undefined ? defaults.pollingMs : pollSeconds * 1000,
      }) as Policy<never>
    }
    case 'objective':
      return objectivePolicy({
        ...{ objectiveMs: OBJECTIVE_MS, startupMs, allowedMisses: knob },
        ...{ curve: measured.points, costs: measured.costs, tokensOut: measured.tokensOut },
      }) as Policy<never>
    case 'fixed':
      return fixedPolicy(knob) as Policy<never>
    case 'clairvoyant':
      return clairvoyant(requests, measured, startupMs, knob) as Policy<never>
  }
}

export function windowsText(windows: Windows): string {
  const { stableSeconds, downSeconds, pollSeconds } = windows
  const parts = [
    ...(stableSeconds === undefined ? [] : [`stable window ${stableSeconds} s`]),
    ...(downSeconds === undefined ? [] : [`down after ${downSeconds} s`]),
    ...(pollSeconds === undefined ? [] : [`polls every ${pollSeconds} s`]),
  ]
  return parts.join(', ') || 'defaults'
}
