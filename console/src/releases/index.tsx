/** Releases: the list, and a release's own page at /releases/<name>. */
import './releases.css'
import { Loader } from '@mantine/core'
import type { Rollout } from '../../../src/resources/rollout-view.ts'
import { inNamespace } from '../api/resources.ts'
import { PageHead, ProblemNote, useFetched } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { ReleaseList } from './release-list.tsx'
import { ReleasePage } from './release-page.tsx'

const LIST_MS = 2_000
/** Control looks at its records twice a second. */
const PAGE_MS = 1_000

export default function Releases() {
  const [name] = useSegments()
  const namespace = useAddress().searchParams.get('namespace') ?? 'default'
  return name === undefined ? <List /> : <One key={`${namespace}/${name}`} name={name} namespace={namespace} />
}

function List() {
  const { data, error } = useFetched<{ items: Rollout[] }>('/rollouts', LIST_MS)
  if (!data) return <Waiting error={error} />
  return <ReleaseList rollouts={data.items} />
}

function One({ name, namespace }: { readonly name: string; readonly namespace: string }) {
  const { data, error, again } = useFetched<Rollout>(`/rollouts/${encodeURIComponent(name)}${inNamespace(namespace)}`, PAGE_MS)
  if (error?.status === 404)
    return (
      <div className="page">
        <PageHead title={name} above={[{ label: 'Releases', href: '/releases' }]} />
        <p>There is no release {name}. It may have been deleted; the list of releases has all that there are.</p>
      </div>
    )
  if (!data) return <Waiting error={error} />
  return <ReleasePage rollout={data} again={again} />
}

function Waiting({ error }: { readonly error: unknown }) {
  if (error !== undefined)
    return (
      <div className="page">
        <PageHead title="Releases" />
        <ProblemNote error={error} />
      </div>
    )
  return (
    <div className="page centred" role="status">
      <Loader size="sm" /> Waiting for control…
    </div>
  )
}
