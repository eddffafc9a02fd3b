/** Releases: the list, and a release's own page at /releases/<name>. */
import './releases.css'
import type { Rollout } from '../../../src/resources/rollout-view.ts'
import { inNamespace } from '../api/resources.ts'
import { Absent, ListOrOne, type OneOf, useFetched } from '../parts/index.ts'
import { ReleaseList } from './release-list.tsx'
import { ReleasePage } from './release-page.tsx'

const LIST_MS = 2_000
/** Control looks at its records twice a second. */
const PAGE_MS = 1_000
const HERE = { title: 'Releases', href: '/releases' }

export default function Releases() {
  return <ListOrOne List={List} One={One} />
}

function List() {
  const { data, error } = useFetched<{ items: Rollout[] }>('/rollouts', LIST_MS)
  return data ? <ReleaseList rollouts={data.items} /> : <Absent {...HERE} error={error} />
}

function One({ name, namespace }: OneOf) {
  const { data, error, again } = useFetched<Rollout>(`/rollouts/${encodeURIComponent(name)}${inNamespace(namespace)}`, PAGE_MS)
  return data ? <ReleasePage rollout={data} again={again} /> : <Absent {...HERE} one={{ word: 'release', name }} error={error} />
}
