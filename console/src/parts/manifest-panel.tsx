/** The manifest of a resource as it is written: folded, since it repeats what the page says; open it to read, copy it to keep it in git. */
import { Button, Code, CopyButton } from '@mantine/core'
import { stringify } from 'yaml'
import type { Resource } from '../../../src/resources/index.ts'
import { manifestOf } from '../api/resources.ts'
import { Panel } from './panel.tsx'

export function ManifestPanel({ resource }: { readonly resource: Resource }) {
  const manifest = stringify(manifestOf(resource))
  return (
    <Panel
      title="Manifest"
      beside={
        <CopyButton value={manifest}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      }
    >
      <details>
        <summary>Show it as YAML</summary>
        <Code block tabIndex={0}>
          {manifest}
        </Code>
      </details>
    </Panel>
  )
}
