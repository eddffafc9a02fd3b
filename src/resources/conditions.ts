/** Conditions of a status, as Kubernetes has them. Pure. */
import type { Condition } from './scalars.ts'

/** The condition as it is now; the time of its last transition stays while its status does. */
export function condition(
  before: readonly Condition[],
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  now: number,
): Condition {
  const known = before.find((each) => each.type === type)
  const lastTransitionTime = known?.status === status ? known.lastTransitionTime : new Date(now).toISOString()
  return { type, status, reason, message, lastTransitionTime }
}
