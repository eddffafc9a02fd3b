/** Autoscaling: versions with a policy, and what is decided about one of them at /autoscaling/<version>. */
import './autoscaling.css'
import type { ScaledNow, ScalingAnswer } from '../../../src/control/api/scaling.ts'
import { Absent, ListOrOne, type OneOf, useFetched } from '../parts/index.ts'
import { useAddress } from '../shell/router.tsx'
import { isRange } from './ranges.ts'
import { ScalingList } from './scaling-list.tsx'
import { ScalingPage } from './scaling-page.tsx'

/** Control looks every two seconds. */
const EVERY_MS = 2_000
/** Of days, what a minute adds is hardly seen. */
const EVERY_LONG_MS = 30_000
const HERE = { title: 'Autoscaling', href: '/autoscaling' }

export default function Autoscaling() {
  return <ListOrOne List={List} One={One} />
}

function List() {
  const { data, error } = useFetched<{ items: ScaledNow[] }>('/scaling', EVERY_MS)
  return data ? <ScalingList scaled={data.items} /> : <Absent {...HERE} error={error} />
}

function One({ name, namespace }: OneOf) {
  const asked = Number(useAddress().searchParams.get('hours') ?? 1)
  const hours = isRange(asked) ? asked : 1
  const path = `/modelversions/${encodeURIComponent(name)}/scaling?namespace=${encodeURIComponent(namespace)}&hours=${hours}`
  const { data, error } = useFetched<ScalingAnswer>(path, hours > 6 ? EVERY_LONG_MS : EVERY_MS)
  if (error) return <Absent {...HERE} one={{ word: 'version', name }} error={error} />
  return <ScalingPage name={name} namespace={namespace} hours={hours} answer={data} />
}
