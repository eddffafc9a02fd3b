/** Consumers: the list, and a consumer's own page at /consumers/<name>. */
import './consumers.css'
import { Loader } from '@mantine/core'
import { PageHead } from '../parts/index.ts'
import { useAddress, useSegments } from '../shell/router.tsx'
import { ConsumerList } from './consumer-list.tsx'
import { ConsumerPage } from './consumer-page.tsx'
import { useConsumers } from './consumers.ts'

export default function Consumers() {
  const [name] = useSegments()
  const { searchParams } = useAddress()
  const namespace = searchParams.get('namespace') ?? 'default'
  const consumers = useConsumers()
  if (!consumers.rows)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  if (name === undefined) return <ConsumerList consumers={consumers} creating={searchParams.has('create')} />
  const row = consumers.rows.find(({ consumer: { metadata } }) => metadata.namespace === namespace && metadata.name === name)
  if (row) return <ConsumerPage key={row.consumer.metadata.uid} row={row} consumers={consumers} />
  return (
    <div className="page">
      <PageHead title={name} above={[{ label: 'Consumers', href: '/consumers' }]} />
      <p>There is no consumer {name}. It may have been deleted; the list of consumers has all that there are.</p>
    </div>
  )
}
