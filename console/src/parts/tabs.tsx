/** Parts of a page that have addresses of their own: links, so that they open in another tab and come back with the back button. */
import { Link } from '../shell/router.tsx'

export function Tabs({
  label,
  tabs,
  current,
}: {
  readonly label: string
  readonly tabs: readonly { readonly href: string; readonly label: string }[]
  readonly current: string
}) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.href} href={tab.href} aria-current={tab.href === current ? 'page' : undefined}>
          {tab.label}
        </Link>
      ))}
    </nav>
  )
}
