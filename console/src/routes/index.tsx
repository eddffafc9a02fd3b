/** Routes: the list, and a route's own page at /routes/<name>. */
import './routes.css'
import { Loader } from '@mantine/core'
import { useSystem } from '../api/system.tsx'
import { PageHead } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { RouteList } from './route-list.tsx'
import { RoutePage } from './route-page.tsx'

export default function Routes() {
  const [name] = useSegments()
  const namespace = useAddress().searchParams.get('namespace') ?? 'default'
  const { routes, status } = useSystem()
  if (!status)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  if (name === undefined) return <RouteList />
  const resource = routes.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  if (resource) return <RoutePage key={resource.metadata.uid} resource={resource} />
  return (
    <div className="page">
      <PageHead title={name} above={[{ label: 'Routes', href: '/routes' }]} />
      <p>There is no route {name}. It may have been deleted; the list of routes has all that there are.</p>
    </div>
  )
}
