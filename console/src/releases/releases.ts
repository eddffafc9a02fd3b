/** What a release's phase allows and how it is marked; what is sent to it. Pure but for the sending. */
import type { Phase, Rollout } from '../../../src/resources/rollout-view.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace } from '../api/resources.ts'
import type { Health } from '../shell/state-mark.tsx'

export type Action = 'pause' | 'resume' | 'promote' | 'promote-full' | 'abort' | 'retry' | 'undo'

export const HEALTH: Record<Phase, Health> = { Pending: 'idle', Progressing: 'busy', Paused: 'busy', Healthy: 'good', Degraded: 'bad' }

/** What can be done with it now, the most likely first. */
export const ACTIONS: Record<Phase, readonly Action[]> = {
  Pending: ['abort'],
  Progressing: ['pause', 'promote', 'promote-full', 'abort'],
  Paused: ['resume', 'promote', 'promote-full', 'abort'],
  Healthy: ['undo'],
  Degraded: ['retry'],
}

export interface Told {
  readonly rollout: Rollout
  /** Every gateway has it. */
  readonly confirmed: boolean
  readonly tookMs: number
}

export function tell({ metadata: { name, namespace } }: Rollout, action: Action): Promise<Told> {
  return sendJson('POST', `/rollouts/${encodeURIComponent(name)}/${action}${inNamespace(namespace)}`)
}

export function releaseHref({ metadata: { name, namespace } }: Pick<Rollout, 'metadata'>): string {
  return `/releases/${name}${inNamespace(namespace)}`
}

/** Those that still decide first, then the newest. */
export function inOrder(rollouts: readonly Rollout[]): Rollout[] {
  const over = ({ status }: Rollout) => Number(status?.phase === 'Healthy' || status?.phase === 'Degraded')
  const born = ({ metadata }: Rollout) => Date.parse(metadata.creationTimestamp ?? '') || 0
  return rollouts.toSorted((a, b) => over(a) - over(b) || born(b) - born(a))
}
