/** Manifests that tests start with. */

/** A chat model on the simulated engine: `instances` of it, fast unless said. */
export function simulatedAssistant(options: { instances?: number; parameters?: string } = {}): string {
  return `
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-v1 }
spec:
  model: assistant
  version: v1
  source: { engine: { kind: simulated, parameters: ${options.parameters ?? '{ timeToFirstToken: 5ms, tokensPerSecond: 500 }'} } }
  scaling: { min: ${options.instances ?? 1} }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec: { models: [assistant], targets: [{ version: assistant-v1, weight: 100 }] }
`
}

/** A chat model on the real engine, its weights from a file that is there already. */
export function llamaAssistant(
  weights: { path: string; sha256: string },
  options: { sequences?: number; contextSize?: number; system?: string } = {},
): string {
  return `
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: assistant }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-v1 }
spec:
  model: assistant
  version: v1
  source:
    engine:
      kind: llama
      weights: { sha256: ${weights.sha256}, from: [${JSON.stringify(`file:${weights.path}`)}] }
      parameters: { contextSize: ${options.contextSize ?? 1024}, sequences: ${options.sequences ?? 2}, threads: 1 }
  ${options.system === undefined ? '' : `prompt: { system: ${JSON.stringify(options.system)} }`}
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec: { models: [assistant], targets: [{ version: assistant-v1, weight: 100 }] }
`
}

/** A tensor model on a backend, as version `version` behind the public name "my-<name>". `source`: what stands under `source.backend`, in YAML's flow style. */
export function tensorModel(name: string, version: string, source: string, route = ''): string {
  return `---
apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: ${name} }
spec: { task: tensor }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: ${name}-${version} }
spec: { model: ${name}, version: "${version}", source: { backend: { ${source} } } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: ${name} }
spec: { models: [my-${name}], targets: [{ version: ${name}-${version} }]${route === '' ? '' : `, ${route}`} }
`
}
