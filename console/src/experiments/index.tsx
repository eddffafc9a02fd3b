/** Experiments: the list, and an experiment's own page at /experiments/<name>. */
import './experiments.css'
import { Loader } from '@mantine/core'
import type { Experiment } from '../../../src/resources/experiment-view.ts'
import { inNamespace } from '../api/resources.ts'
import { PageHead, ProblemNote, useFetched } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { ExperimentList } from './experiment-list.tsx'
import { ExperimentPage } from './experiment-page.tsx'

const LIST_MS = 2_000
/** Control looks at its records twice a second. */
const PAGE_MS = 1_000

export default function Experiments() {
  const [name] = useSegments()
  const namespace = useAddress().searchParams.get('namespace') ?? 'default'
  return name === undefined ? <List /> : <One key={`${namespace}/${name}`} name={name} namespace={namespace} />
}

function List() {
  const { data, error } = useFetched<{ items: Experiment[] }>('/experiments', LIST_MS)
  if (!data) return <Waiting error={error} />
  return <ExperimentList experiments={data.items} />
}

function One({ name, namespace }: { readonly name: string; readonly namespace: string }) {
  const { data, error, again } = useFetched<Experiment>(`/experiments/${encodeURIComponent(name)}${inNamespace(namespace)}`, PAGE_MS)
  if (error?.status === 404)
    return (
      <div className="page">
        <PageHead title={name} above={[{ label: 'Experiments', href: '/experiments' }]} />
        <p>There is no experiment {name}. It may have been deleted; the list of experiments has all that there are.</p>
      </div>
    )
  if (!data) return <Waiting error={error} />
  return <ExperimentPage experiment={data} again={again} />
}

function Waiting({ error }: { readonly error: unknown }) {
  if (error !== undefined)
    return (
      <div className="page">
        <PageHead title="Experiments" />
        <ProblemNote error={error} />
      </div>
    )
  return (
    <div className="page centred" role="status">
      <Loader size="sm" /> Waiting for control…
    </div>
  )
}
