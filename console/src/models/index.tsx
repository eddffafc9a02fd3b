/** Models: the list, and a version's own page at /models/<model>/<version>. */
import './models.css'
import { useSystem } from '../api/system.tsx'
import { useAddress, useSegments } from '../shell/router.tsx'
import { ModelList } from './model-list.tsx'
import { NoSuchVersion, VersionPage } from './version-page.tsx'

export default function Models() {
  const [model, version] = useSegments()
  const namespace = useAddress().searchParams.get('namespace') ?? 'default'
  const { versions, status } = useSystem()
  if (model === undefined || version === undefined) return <ModelList only={model} />
  const resource = versions.find(
    ({ metadata, spec }) => metadata.namespace === namespace && spec.model === model && spec.version === version,
  )
  if (resource) return <VersionPage key={resource.metadata.uid} resource={resource} />
  return <NoSuchVersion known={status !== undefined} name={`${model}@${version}`} />
}
