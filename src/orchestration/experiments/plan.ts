/** What an experiment compares, and under which name, as its manifest and its route say. Pure. */
import type { Metric } from '../../resources/comparison.ts'
import type { Primary } from '../../resources/experiment.ts'
import type { Resource } from '../../resources/index.ts'
import { durationMs } from '../../resources/scalars.ts'
import type { ComparisonPlan } from '../comparison/comparison.ts'
import { watchedFor } from '../comparison/unit-queue.ts'
import { divisionKey } from '../rollouts/overlay.ts'

type Experiment = Resource<'Experiment'>

export interface ExperimentPlan {
  /** What its assignments are called. */
  readonly key: string
  readonly control: string
  readonly primary: Primary
  /** One for each arm beside the control, in their order. */
  readonly comparisons: readonly ComparisonPlan[]
  /** Of one arm beside the control: the probability, at most, that it is called better or worse though it is neither. Each side has half of it. */
  readonly alpha: number
  /** Whether callers are watched before. */
  readonly prepared: boolean
}

/** Where the metrics of a comparison stand: the primary one twice, for two questions. */
export const PRIMARY = 0
/** Its evidence for harm says: not better by as much as the minimum effect. */
export const FUTILITY = 1
export const FIRST_GUARDRAIL = 2

export function keyOf({ metadata }: Experiment): string {
  return divisionKey({ by: `Experiment/${metadata.name}`, uid: metadata.uid ?? metadata.name, attempt: 1 })
}

export function planOf(experiment: Experiment, route: Resource<'Route'> | undefined): ExperimentPlan | undefined {
  if (!route) return undefined
  const { spec } = experiment
  const [control, ...others] = spec.arms
  const key = keyOf(experiment)
  const alpha = spec.decision.error / 100 / others.length
  const { analysis, primary } = spec
  const about = {
    from: control!.name,
    metrics: [askedWhetherBetter(primary), askedWhetherWorthwhile(primary), ...spec.guardrails],
    alpha: alpha / 2,
    windows: { request: durationMs(analysis.window), feedback: durationMs(analysis.feedbackWindow) },
    watched: watchedFor(spec.assignBy ?? route.spec.stickyBy, durationMs(analysis.unitWindow)),
  }
  return {
    ...{ key, control: control!.name, primary, alpha },
    comparisons: others.map(({ name, weight }) => ({ key, ...about, to: name, share: weight / (weight + control!.weight) })),
    prepared: durationMs(spec.preparation) > 0,
  }
}

/** Proven not to be worse by as much as nothing is proven to be better. */
function askedWhetherBetter({ minimumEffect: _, ...metric }: Primary): Metric {
  return { ...metric, harmMargin: 0, margin: 0, watch: false } as Metric
}

/** It only answers a question; it stops nothing for harm. */
function askedWhetherWorthwhile({ minimumEffect, ...metric }: Primary): Metric {
  return { ...metric, harmMargin: -minimumEffect, watch: true } as Metric
}

export const isSame = (a: ExperimentPlan, b: ExperimentPlan) => JSON.stringify(a) === JSON.stringify(b)
