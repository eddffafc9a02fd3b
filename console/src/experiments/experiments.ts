/** How an experiment is marked, ordered and summed up in a row. Pure but for the sending. */
import { type ArmView, armViews, type Experiment, isExperimenting, type Tone } from '../../../src/resources/experiment-view.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace } from '../api/resources.ts'
import type { Health } from '../shell/state-mark.tsx'

export const HEALTH: Record<Tone, Health> = { good: 'good', bad: 'bad', open: 'busy', active: 'busy', idle: 'idle' }
export const TAGS = { good: 'good', bad: 'bad', open: 'busy', active: 'accent', idle: undefined } as const
export const SIGNS: Record<Tone, string> = { good: '✔', bad: '✗', open: '○', active: '▸', idle: '·' }

export interface Told {
  readonly experiment: Experiment
  /** Every gateway has it. */
  readonly confirmed: boolean
}

export function stop({ metadata: { name, namespace } }: Experiment): Promise<Told> {
  return sendJson('POST', `/experiments/${encodeURIComponent(name)}/stop${inNamespace(namespace)}`)
}

export function experimentHref({ metadata: { name, namespace } }: Pick<Experiment, 'metadata'>): string {
  return `/experiments/${name}${inNamespace(namespace)}`
}

/** Those that go on first, then the newest. */
export function inOrder(experiments: readonly Experiment[]): Experiment[] {
  const born = ({ metadata }: Experiment) => Date.parse(metadata.creationTimestamp ?? '') || 0
  return experiments.toSorted((a, b) => Number(isExperimenting(b)) - Number(isExperimenting(a)) || born(b) - born(a))
}

/** The arm beside the control that is better by the most, of those of which something is known and that do no harm. */
export function bestArm(experiment: Experiment): ArmView | undefined {
  const known = armViews(experiment).filter(({ effect, state }) => effect?.value !== undefined && state.kind !== 'harm')
  return known.toSorted((a, b) => b.effect!.value! - a.effect!.value!)[0]
}

/** Where something lies on a scale, in percent of it; what is beyond an end stands there. */
export function placeOn({ least, most }: { readonly least: number; readonly most: number }, value: number): number {
  return most > least ? Math.min(100, Math.max(0, (100 * (value - least)) / (most - least))) : 50
}
