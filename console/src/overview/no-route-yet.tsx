/** The empty system: what a route is, and the manifest that makes the first one. */
import { Button, Code, CopyButton } from '@mantine/core'

const FIRST_MANIFEST = `apiVersion: strata.dev/v1alpha1
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

export function NoRouteYet() {
  return (
    <section className="panel" aria-labelledby="no-route">
      <div className="manifest-head">
        <h2 id="no-route">Nothing to call yet</h2>
        <CopyButton value={FIRST_MANIFEST}>
          {({ copied, copy }) => (
            <Button size="compact-sm" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy the manifest'}
            </Button>
          )}
        </CopyButton>
      </div>
      <p>
        A route gives clients a model name and says which versions answer to it. This makes one with a simulated version, to see the whole
        way; put a real one in its place with <Code>kind: llama</Code> and weights. Save it and say <Code>strata apply -f FILE</Code>.
      </p>
      <Code block tabIndex={0}>
        {FIRST_MANIFEST}
      </Code>
    </section>
  )
}
