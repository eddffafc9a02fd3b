/** Nothing there yet: what it is, and the manifest that makes the first one. */
import { Code } from '@mantine/core'
import type { ReactNode } from 'react'
import { CodeBlock } from './code-block.tsx'
import { Panel } from './panel.tsx'

export function EmptyState({
  title,
  children,
  manifest,
}: {
  readonly title: string
  readonly children: ReactNode
  readonly manifest: string
}) {
  return (
    <Panel title={title}>
      <p className="lesson">{children}</p>
      <CodeBlock
        title={
          <>
            Save it and say <Code>strata apply -f FILE</Code>
          </>
        }
        code={manifest}
        copy="Copy the manifest"
      />
    </Panel>
  )
}
