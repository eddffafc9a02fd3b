/** The same number of instances, come what may: what a fleet without an autoscaler is, and what every other policy is measured against. */
import { counted, type Policy } from './policy.ts'

export function fixedPolicy(instances: number): Policy<null> {
  const reason = `${counted(instances, 'instance')}, always.`
  return { name: `fixed:${instances}`, start: null, decide: () => ({ wanted: instances, reason, inputs: {}, state: null }) }
}
