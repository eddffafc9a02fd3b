/** A scaling policy as people read it, and the lines that turn one on. Pure. */
import type { ScalingPolicy } from '../../../src/resources/scaling.ts'
import type { Manifest } from '../api/resources.ts'

/** What one instance should have of a metric. */
const AMOUNTS: Readonly<Record<string, (target: number) => string>> = {
  concurrency: (target) => `${target} requests at a time`,
  queued: (target) => `${target} requests that wait`,
  arrivals: (target) => `${target} requests a second`,
  tokensOut: (target) => `${target} tokens written a second`,
  kvUse: (target) => `${Number((target * 100).toPrecision(3))}\u202f% of its KV cache in use`,
}
const amount = ({ metric, target }: { readonly metric: string; readonly target: number }) =>
  AMOUNTS[metric]?.(target) ?? `${target} ${metric}`

/** "objective: first token within 2s, at most 5 % later" */
export function policyInWords({ objective, knative, hpa, keda, prometheus, schedule }: ScalingPolicy): string {
  if (objective) return `objective: first token within ${objective.firstToken}, at most ${objective.allowedMisses}\u202f% later`
  if (knative) return `knative: ${amount(knative)} an instance, over ${knative.window}`
  if (hpa) return `hpa: ${amount(hpa)} an instance`
  if (keda) return `keda: ${amount(keda)} an instance`
  if (prometheus) return `prometheus: ${prometheus.target} of a query an instance`
  return `schedule: ${(schedule ?? []).map(({ from, instances }) => `${instances} from ${from}`).join(', ')} UTC`
}

/** Lines of the spec of a version that has no policy. */
export function policyLines(min: number): string {
  return `spec:
  scaling:
    min: ${min}
    max: ${mostFor(min)}
    policy:
      objective: { firstToken: 2s, allowedMisses: 5 }
`
}

/** The same version with a policy. */
export function firstPolicy(manifest: Manifest): Manifest {
  const spec = manifest.spec as { readonly scaling?: { readonly min?: number } }
  const min = spec.scaling?.min ?? 1
  const policy = { objective: { firstToken: '2s', allowedMisses: 5 } }
  return { ...manifest, spec: { ...spec, scaling: { ...spec.scaling, min, max: mostFor(min), policy } } }
}

/** As many as a policy may start, of a version of which so many ran. */
const mostFor = (min: number) => Math.min(64, Math.max(4, min))
