/** Head of a page: where one is (the way back as links), what it is, what can be done. Names the browser's tab: the most particular first. */
import { type ReactNode, useEffect } from 'react'
import { Link } from '../shell/router.tsx'

export function PageHead(props: {
  readonly title: string
  /** What of it is open, for the browser's tab. */
  readonly part?: string
  /** Pages above this one, outermost first. */
  readonly above?: readonly { readonly label: string; readonly href: string }[]
  /** One line beside the title: a state, a number. */
  readonly beside?: ReactNode
  /** Buttons, at the right. */
  readonly children?: ReactNode
}) {
  const { title, part, above = [], beside, children } = props
  const name = [part, title, above[0]?.label, 'Strata'].filter(Boolean).join(' · ')
  useEffect(() => {
    document.title = name
  }, [name])
  return (
    <header className="page-head">
      <div className="page-title">
        {above.length > 0 && (
          <nav aria-label="Above this page" className="crumbs">
            {above.map(({ label, href }) => (
              <span key={href}>
                <Link href={href}>{label}</Link>
                <span aria-hidden> / </span>
              </span>
            ))}
          </nav>
        )}
        <h1>{title}</h1>
        {beside}
      </div>
      {children && <div className="actions">{children}</div>}
    </header>
  )
}
