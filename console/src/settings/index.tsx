/** Settings: who may do what, who has done what, and what this system is made of. Each part has its address. */
import './settings.css'
import { PageHead, Tabs } from '../parts/index.ts'
import { useSegments } from '../shell/router.tsx'
import { About } from './about.tsx'
import { Access } from './access.tsx'
import { AuditLog } from './audit-log.tsx'

const PARTS = [
  { path: 'access', label: 'Access', Content: Access },
  { path: 'audit', label: 'Audit log', Content: AuditLog },
  { path: 'about', label: 'About', Content: About },
] as const

export default function Settings() {
  const [first = 'access'] = useSegments()
  const part = PARTS.find(({ path }) => path === first)
  return (
    <div className="page">
      <PageHead title="Settings" part={part?.label} />
      <Tabs label="Settings" tabs={PARTS.map(({ path, label }) => ({ href: `/settings/${path}`, label }))} current={`/settings/${first}`} />
      {part ? <part.Content /> : <p>There is no setting called {first}.</p>}
    </div>
  )
}
