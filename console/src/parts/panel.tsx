/** A named part of a page. */
import { type ReactNode, useId } from 'react'

export function Panel({
  title,
  beside,
  children,
  flush = false,
}: {
  readonly title: string
  /** At the right of the title: a button, a number. */
  readonly beside?: ReactNode
  readonly children: ReactNode
  /** The content goes to the edges: a table. */
  readonly flush?: boolean
}) {
  const id = useId()
  return (
    <section className={flush ? 'panel flush' : 'panel'} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  )
}
