/** Experiments: the list, and an experiment's own page at /experiments/<name>. */
import './experiments.css'
import type { Experiment } from '../../../src/resources/experiment-view.ts'
import { inNamespace } from '../api/resources.ts'
import { Absent, ListOrOne, type OneOf, useFetched } from '../parts/index.ts'
import { ExperimentList } from './experiment-list.tsx'
import { ExperimentPage } from './experiment-page.tsx'

const LIST_MS = 2_000
/** Control looks at its records twice a second. */
const PAGE_MS = 1_000
const HERE = { title: 'Experiments', href: '/experiments' }

export default function Experiments() {
  return <ListOrOne List={List} One={One} />
}

function List() {
  const { data, error } = useFetched<{ items: Experiment[] }>('/experiments', LIST_MS)
  return data ? <ExperimentList experiments={data.items} /> : <Absent {...HERE} error={error} />
}

function One({ name, namespace }: OneOf) {
  const { data, error, again } = useFetched<Experiment>(`/experiments/${encodeURIComponent(name)}${inNamespace(namespace)}`, PAGE_MS)
  return data ? <ExperimentPage experiment={data} again={again} /> : <Absent {...HERE} one={{ word: 'experiment', name }} error={error} />
}
