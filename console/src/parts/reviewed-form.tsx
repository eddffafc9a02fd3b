/**
 * A form whose outcome is a manifest: filled in, looked at as a difference, then applied. For what is new, the base is what is not there yet:
 * when somebody makes it meanwhile, that is said.
 */
import { Button } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import type { Kind, Resource } from '../../../src/resources/index.ts'
import type { Manifest } from '../api/resources.ts'
import { ReviewChange } from './review-change.tsx'

/** Stands for a resource that does not exist yet. */
export function notYet(document: Manifest): Resource {
  const { apiVersion, kind, metadata } = document
  return { apiVersion, kind, metadata: { ...metadata, namespace: metadata.namespace ?? 'default' }, spec: {} } as unknown as Resource<Kind>
}

export function ReviewedForm(props: {
  /** "New consumer", "Change of Consumer/web" */
  readonly title: string
  /** Undefined: it is new. What it was when the form was opened counts. */
  readonly base: Resource | undefined
  /** What the form says now; undefined while something is missing. */
  readonly document: Manifest | undefined
  readonly verb?: string
  readonly children: ReactNode
  readonly onApplied: (after: Resource) => void
  readonly onCancel: () => void
}) {
  const { title, document, verb, children, onApplied, onCancel } = props
  // An edit belongs to what it was begun on, whatever the page has read since.
  const [base] = useState(props.base)
  const [reviewed, setReviewed] = useState<Manifest>()
  const review = (event: FormEvent) => {
    event.preventDefault()
    if (document) setReviewed(document)
  }
  if (reviewed)
    return (
      <section className="panel">
        <ReviewChange
          title={title}
          base={base ?? notYet(reviewed)}
          document={reviewed}
          verb={verb}
          onApplied={onApplied}
          onCancel={() => setReviewed(undefined)}
          onStale={onCancel}
        />
      </section>
    )
  return (
    <section className="panel" aria-label={title}>
      <h2>{title}</h2>
      <form className="reviewed-form" onSubmit={review}>
        {children}
        <div className="actions">
          <Button type="submit" size="xs" disabled={!document}>
            Review it
          </Button>
          <Button size="xs" variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </div>
      </form>
    </section>
  )
}
