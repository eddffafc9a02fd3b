/** A manifest that starts a first release, of what there is in this system as far as that is known. Pure. */
import type { Resource } from '../../../src/resources/index.ts'

type Known = { readonly routes: readonly Resource<'Route'>[]; readonly versions: readonly Resource<'ModelVersion'>[] }

export function firstRelease({ routes, versions }: Known): string {
  const route = routes.find(({ metadata }) => metadata.namespace === 'default')
  const from = route?.spec.targets.toSorted((a, b) => b.weight - a.weight)[0]?.version ?? 'helper-v1'
  const model = versions.find(({ metadata }) => metadata.name === from)?.spec.model ?? 'helper'
  const others = versions.filter(
    ({ metadata, spec }) =>
      metadata.namespace === 'default' && spec.model === model && !route?.spec.targets.some(({ version }) => version === metadata.name),
  )
  const to = others[0]?.metadata.name ?? `${model}-v2`
  return `apiVersion: strata.dev/v1alpha1
kind: Rollout
metadata: { name: ${to} }
spec:
  route: ${route?.metadata.name ?? 'helper'}
  from: ${from}
  to: ${to}
  steps: [{ weight: 5 }, { pause: 10m }, { weight: 25 }, { weight: 50 }, { weight: 100 }]
`
}
