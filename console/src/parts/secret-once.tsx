/** A secret that is shown this one time: it can be copied, and it has to be put away before the box closes. */
import { Button, CopyButton } from '@mantine/core'
import { type ReactNode, useId } from 'react'

export function SecretOnce(props: {
  readonly title: string
  readonly secret: string
  /** What it is good for and where it goes. */
  readonly children?: ReactNode
  readonly onDone: () => void
}) {
  const id = useId()
  return (
    <section className="secret-once" aria-labelledby={id}>
      <h2 id={id}>{props.title}</h2>
      <p>This is the only time that it is shown; Strata keeps a hash of it and nothing else.</p>
      <div className="secret-line">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach what is hidden */}
        <code className="secret" tabIndex={0}>
          {props.secret}
        </code>
        <CopyButton value={props.secret}>
          {({ copied, copy }) => (
            <Button size="compact-sm" onClick={copy} autoFocus>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </div>
      {props.children}
      <div className="actions">
        <Button size="compact-sm" variant="default" onClick={props.onDone}>
          I have put it away
        </Button>
      </div>
    </section>
  )
}
