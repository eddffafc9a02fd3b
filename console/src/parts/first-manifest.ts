/** Makes something that answers out of nothing: what an empty system teaches first. A test applies it as it stands. */
export const FIRST_MANIFEST = `apiVersion: strata.dev/v1alpha1
kind: Model
metadata: { name: helper }
spec: { task: chat }
---
apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: helper-v1 }
spec:
  model: helper
  version: v1
  source: { engine: { kind: simulated } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: helper }
spec: { models: [helper], targets: [{ version: helper-v1 }] }
`
