/** Autoscaling: versions with a policy, and what is decided about one of them at /autoscaling/<version>. */
import './autoscaling.css'
import { Loader } from '@mantine/core'
import type { ScaledNow, ScalingAnswer } from '../../../src/control/api/scaling.ts'
import { PageHead, ProblemNote, useFetched } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { isRange } from './ranges.ts'
import { ScalingList } from './scaling-list.tsx'
import { ScalingPage } from './scaling-page.tsx'

/** Control looks every two seconds. */
const EVERY_MS = 2_000
/** Of days, what a minute adds is hardly seen. */
const EVERY_LONG_MS = 30_000

export default function Autoscaling() {
  const [name] = useSegments()
  const namespace = useAddress().searchParams.get('namespace') ?? 'default'
  return name === undefined ? <List /> : <One key={`${namespace}/${name}`} name={name} namespace={namespace} />
}

function List() {
  const { data, error } = useFetched<{ items: ScaledNow[] }>('/scaling', EVERY_MS)
  if (!data) return <Waiting error={error} />
  return <ScalingList scaled={data.items} />
}

function One({ name, namespace }: { readonly name: string; readonly namespace: string }) {
  const asked = Number(useAddress().searchParams.get('hours') ?? 1)
  const hours = isRange(asked) ? asked : 1
  const path = `/modelversions/${encodeURIComponent(name)}/scaling?namespace=${encodeURIComponent(namespace)}&hours=${hours}`
  const { data, error } = useFetched<ScalingAnswer>(path, hours > 6 ? EVERY_LONG_MS : EVERY_MS)
  if (error?.status === 404)
    return (
      <div className="page">
        <PageHead title={name} above={[{ label: 'Autoscaling', href: '/autoscaling' }]} />
        <p>There is no version {name}. It may have been deleted; the list of models has all that there are.</p>
      </div>
    )
  if (!data && error !== undefined) return <Waiting error={error} />
  return <ScalingPage name={name} namespace={namespace} hours={hours} answer={data} />
}

function Waiting({ error }: { readonly error: unknown }) {
  if (error !== undefined)
    return (
      <div className="page">
        <PageHead title="Autoscaling" />
        <ProblemNote error={error} />
      </div>
    )
  return (
    <div className="page centred" role="status">
      <Loader size="sm" /> Waiting for control…
    </div>
  )
}
