/** A strip of figures: what it is in small above, the figure in bold below. */
import type { ReactNode } from 'react'

export function Measures({ children, label }: { readonly children: ReactNode; readonly label?: string }) {
  return (
    <dl className="measures" aria-label={label}>
      {children}
    </dl>
  )
}

export function Measure({ name, children, tone }: { readonly name: string; readonly children: ReactNode; readonly tone?: 'bad' }) {
  return (
    <div className={tone}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
