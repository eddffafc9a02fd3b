/** The pages of one kind: the list of all, and the page of one at /<kind>/<name>. */
import { Loader } from '@mantine/core'
import type { ReactNode } from 'react'
import type { ApiError } from '../api/client.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { PageHead } from './page-head.tsx'
import { ProblemNote } from './problem-note.tsx'

export interface OneOf {
  readonly name: string
  readonly namespace: string
}

export function ListOrOne({ List, One }: { readonly List: () => ReactNode; readonly One: (props: OneOf) => ReactNode }) {
  const [name] = useSegments()
  const namespace = useAddress().searchParams.get('namespace') ?? 'default'
  return name === undefined ? <List /> : <One key={`${namespace}/${name}`} name={name} namespace={namespace} />
}

/** In the place of a page whose content is not there: it is waited for, refused, or of nothing that there is. */
export function Absent(props: {
  /** Of the list. */
  readonly title: string
  readonly href: string
  /** What the page would be of. */
  readonly one?: { readonly word: string; readonly name: string }
  readonly error: ApiError | undefined
}) {
  const { title, href, one, error } = props
  if (error === undefined)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  return (
    <div className="page">
      {one ? <PageHead title={one.name} above={[{ label: title, href }]} /> : <PageHead title={title} />}
      {one && error.status === 404 ? (
        <p>
          There is no {one.word} {one.name}. It may have been deleted.
        </p>
      ) : (
        <ProblemNote error={error} />
      )}
    </div>
  )
}
