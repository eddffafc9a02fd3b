/** What happened, the newest first; what is older on demand. */
import { type ReactNode, useState } from 'react'

const SHOWN = 12

export function NewestFirst<T>(props: {
  /** The oldest first. */
  readonly items: readonly T[]
  /** A `<li>` with a key. */
  readonly row: (item: T) => ReactNode
  readonly none: string
  readonly className: string
}) {
  const { items, row, none, className } = props
  const [all, setAll] = useState(false)
  const newest = items.toReversed()
  if (newest.length === 0) return <p className="quiet flat">{none}</p>
  return (
    <>
      <ol className={className}>{(all ? newest : newest.slice(0, SHOWN)).map(row)}</ol>
      {!all && newest.length > SHOWN && (
        <button type="button" className="plain" onClick={() => setAll(true)}>
          {newest.length - SHOWN} older ones
        </button>
      )}
    </>
  )
}
