/** Limits: the list, and a limit's own page at /limits/<name>. */
import './limits.css'
import { Loader } from '@mantine/core'
import { PageHead } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { LimitList } from './limit-list.tsx'
import { LimitPage } from './limit-page.tsx'
import { useLimits } from './limits.ts'

export default function LimitsPage() {
  const [name] = useSegments()
  const { searchParams } = useAddress()
  const namespace = searchParams.get('namespace') ?? 'default'
  const limits = useLimits()
  if (!limits.rows)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  if (name === undefined) return <LimitList limits={limits} creating={searchParams.has('create')} />
  const row = limits.rows.find(({ limit: { metadata } }) => metadata.namespace === namespace && metadata.name === name)
  if (row) return <LimitPage key={row.limit.metadata.uid} row={row} limits={limits} />
  return (
    <div className="page">
      <PageHead title={name} above={[{ label: 'Limits', href: '/limits' }]} />
      <p>There is no limit {name}. It may have been deleted; the list of limits has all that there are.</p>
    </div>
  )
}
