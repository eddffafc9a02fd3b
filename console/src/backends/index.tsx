/** Backends: the list, and a backend's own page at /backends/<name>. */
import './backends.css'
import { Loader } from '@mantine/core'
import { PageHead } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { BackendList } from './backend-list.tsx'
import { BackendPage } from './backend-page.tsx'
import { useBackends } from './backends.ts'

export default function BackendsPage() {
  const [name] = useSegments()
  const { searchParams } = useAddress()
  const namespace = searchParams.get('namespace') ?? 'default'
  const backends = useBackends()
  if (!backends.rows)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  if (name === undefined) return <BackendList backends={backends} creating={searchParams.has('create')} />
  const row = backends.rows.find(({ backend: { metadata } }) => metadata.namespace === namespace && metadata.name === name)
  if (row) return <BackendPage key={row.backend.metadata.uid} row={row} backends={backends} />
  return (
    <div className="page">
      <PageHead title={name} above={[{ label: 'Backends', href: '/backends' }]} />
      <p>There is no backend {name}. It may have been deleted; the list of backends has all that there are.</p>
    </div>
  )
}
