/** Text for a machine, with a button that copies it. */
import { Button, Code, CopyButton } from '@mantine/core'
import type { ReactNode } from 'react'

export function CodeBlock({ title, code, copy = 'Copy' }: { readonly title?: ReactNode; readonly code: string; readonly copy?: string }) {
  return (
    <div className="code-block">
      <div className="manifest-head">
        <span className="code-title">{title}</span>
        <CopyButton value={code}>
          {({ copied, copy: doCopy }) => (
            <Button size="compact-xs" variant="default" onClick={doCopy}>
              {copied ? 'Copied' : copy}
            </Button>
          )}
        </CopyButton>
      </div>
      <Code block tabIndex={0}>
        {code}
      </Code>
    </div>
  )
}
