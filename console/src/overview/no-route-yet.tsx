/** The empty system: what a route is, and the manifest that makes the first one. */
import { Code } from '@mantine/core'
import { FIRST_MANIFEST } from '../parts/first-manifest.ts'
import { EmptyState } from '../parts/index.ts'

export function NoRouteYet() {
  return (
    <EmptyState title="Nothing to call yet" manifest={FIRST_MANIFEST}>
      A route gives clients a model name and says which versions answer to it. This makes one with a simulated version, to see the whole
      way; put a real one in its place with <Code>kind: llama</Code> and weights.
    </EmptyState>
  )
}
