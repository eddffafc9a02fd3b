/** Head of a page: where one is (the way back as links), what it is, what can be done. Names the browser's tab. */
import { type ReactNode, useEffect } from 'react'
import { Link } from '../shell/router.tsx'

export function PageHead(props: {
  readonly title: string
  /** Pages above this one, outermost first. */
  readonly above?: readonly { readonly label: string; readonly href: string }[]
  /** One line beside the title: a state, a number. */
  readonly beside?: ReactNode
  /** Buttons, at the right. */
  readonly children?: ReactNode
}) {
  const { title, above = [], beside, children } = props
  useEffect(() => {
    document.title = `${title} · Strata`
  }, [title])
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
