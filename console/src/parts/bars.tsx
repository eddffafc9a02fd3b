/** Small charts of counts: columns in time, stacked; and how much of something is left. Numbers stand beside them: a picture alone says nothing. */
import './bars.css'
import type { ReactNode } from 'react'

export interface Column {
  /** On hover: when, and how many. */
  readonly title: string
  /** From the bottom up. */
  readonly parts: readonly { readonly value: number; readonly tone?: 'bad' | 'busy' }[]
}

export function Bars(props: {
  /** What it shows, in words, with its sum. */
  readonly label: string
  readonly columns: readonly Column[]
  readonly height: number
  /** Under it: where it begins, and where it ends. */
  readonly ends?: readonly [ReactNode, ReactNode]
}) {
  const { label, columns, height, ends } = props
  const most = Math.max(1, ...columns.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0)))
  return (
    <figure style={{ margin: 0 }} aria-label={label}>
      <div className="bars" style={{ height }} aria-hidden>
        {columns.map(({ title, parts }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place in time
          <span key={at} title={title}>
            {parts.toReversed().map(
              ({ value, tone }, part) =>
                // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a column do not move
                value > 0 && <i key={part} className={tone} style={{ height: `max(1px, ${(100 * value) / most}%)` }} />,
            )}
          </span>
        ))}
      </div>
      {ends && (
        <div className="bars-ends">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </div>
      )}
    </figure>
  )
}

/** `share`: 0 to 1 of it is left. Little left is told by colour too. */
export function Meter({ share }: { readonly share: number }) {
  const tone = share <= 0.02 ? 'bad' : share < 0.25 ? 'busy' : ''
  return (
    <span className={`meter ${tone}`} aria-hidden>
      <i style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
    </span>
  )
}
