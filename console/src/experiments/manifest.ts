/** A manifest that starts a first experiment, of what there is in this system as far as that is known. Pure. */
import type { Resource } from '../../../src/resources/index.ts'

type Known = { readonly routes: readonly Resource<'Route'>[]; readonly versions: readonly Resource<'ModelVersion'>[] }

/** Its name, and that of its route, come from what there is; a name that looks like a number needs its quotes. */
export function firstExperiment({ routes, versions }: Known): string {
  const route = routes.find(({ metadata, spec }) => metadata.namespace === 'default' && spec.targets.length > 0)
  const control = route?.spec.targets.toSorted((a, b) => b.weight - a.weight)[0]?.version ?? 'helper-v1'
  const model = versions.find(({ metadata }) => metadata.namespace === 'default' && metadata.name === control)?.spec.model
  const other = versions.find(({ metadata, spec }) => metadata.namespace === 'default' && spec.model === model && metadata.name !== control)
    ?.metadata.name
  // With one version alone it is the prompt that differs.
  const second =
    other === undefined
      ? `version: ${quoted(control)}, weight: 50, prompt: { system: Answer in one sentence. }`
      : `version: ${quoted(other)}, weight: 50`
  return `apiVersion: strata.dev/v1alpha1
kind: Experiment
metadata: { name: first-experiment }
spec:
  route: ${quoted(route?.metadata.name ?? 'helper')}
  arms:
    - { name: control, version: ${quoted(control)}, weight: 50 }
    - { name: ${other === undefined ? 'short' : 'new'}, ${second} }
  primary: { name: feedback, minimumEffect: 2 }
`
}

const quoted = (name: string) =>
  /^[a-z][a-z0-9-]*$/.test(name) && !/^(true|false|null|yes|no|on|off|y|n)$/.test(name) ? name : JSON.stringify(name)
