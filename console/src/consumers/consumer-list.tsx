/** All consumers: what they may do, what they do now, what they have used today. */
import { Button } from '@mantine/core'
import { inNamespace, keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, DataTable, EmptyState, MayNot, Named, PageHead, Tag, useMay } from '../parts/index.ts'
import { count, rate } from '../shell/format.ts'
import { navigate, setParameters } from '../shell/router.tsx'
import { ConsumerForm } from './consumer-form.tsx'
import { type ConsumerRow, keyState, type useConsumers } from './consumers.ts'

const FIRST = `apiVersion: strata.dev/v1alpha1
kind: Consumer
metadata: { name: web }
spec:
  models: ["*"]
  priority: interactive
  limits: [web-minute]
---
apiVersion: strata.dev/v1alpha1
kind: Limit
metadata: { name: web-minute }
spec:
  per: consumer
  rules:
    - { requests: 600, every: 1m }
    - { tokens: 200000, every: 1m }
`

export function ConsumerList({ consumers, creating }: { readonly consumers: ReturnType<typeof useConsumers>; readonly creating: boolean }) {
  const { traffic } = useSystem()
  const may = useMay('editor')
  const rows = consumers.rows ?? []
  // The consumer of the console and the first key are there from the beginning: nobody has made one yet.
  const onlyOwn = rows.every(({ consumer }) => ['console', 'default'].includes(consumer.metadata.name))
  return (
    <div className="page">
      <PageHead title="Consumers" beside={<span className="quiet">{rows.length === 1 ? '1 consumer' : `${rows.length} consumers`}</span>}>
        {may && !creating && (
          <Button size="xs" onClick={() => setParameters({ create: '1' })}>
            New consumer
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="make or change consumers" />
      {creating && may && (
        <ConsumerForm
          consumer={undefined}
          onCancel={() => setParameters({ create: undefined })}
          onApplied={({ metadata }) => {
            consumers.again()
            navigate(`/consumers/${metadata.name}${inNamespace(metadata.namespace)}`)
          }}
        />
      )}
      {rows.length > 0 && (
        <div className="panel flush">
          <DataTable
            label="Consumers"
            rows={rows}
            rowKey={({ consumer }) => keyOf(consumer)}
            href={({ consumer: { metadata } }) => `/consumers/${metadata.name}${inNamespace(metadata.namespace)}`}
            columns={[
              {
                heading: 'Consumer',
                cell: ({ consumer: { metadata } }) => <Named metadata={metadata} />,
              },
              { heading: 'Priority', cell: ({ consumer }) => <Tag>{consumer.spec.priority}</Tag> },
              {
                heading: 'Models',
                hide: 'narrow',
                cell: ({ consumer: { spec } }) => (spec.models.includes('*') ? 'all' : spec.models.join(', ')),
              },
              {
                heading: 'Limits',
                hide: 'medium',
                cell: ({ consumer: { spec } }) => (spec.limits.length > 0 ? spec.limits.join(', ') : <span className="quiet">none</span>),
              },
              { heading: 'Keys', cell: (row) => <Keys row={row} /> },
              {
                heading: 'Now',
                align: 'right',
                cell: ({ consumer }) => rate(traffic?.consumers[keyOf(consumer)]?.requestsPerSecond ?? 0),
              },
              { heading: 'Requests today', align: 'right', cell: ({ used }) => count(used.requests) },
              {
                heading: 'Refused',
                align: 'right',
                cell: ({ used }) => (used.limited > 0 ? <span className="warn">{count(used.limited)}</span> : '0'),
              },
              { heading: 'Tokens today', align: 'right', cell: ({ used }) => count(used.tokensIn + used.tokensOut) },
              {
                heading: 'Last seen',
                align: 'right',
                cell: ({ lastSeen }) => (lastSeen === undefined ? <span className="quiet">never</span> : <Ago at={lastSeen} />),
              },
            ]}
          />
        </div>
      )}
      {consumers.rows && onlyOwn && !creating && (
        <EmptyState title="One consumer for each of your applications" manifest={FIRST}>
          A consumer is who calls: an application, a team, a customer. It has keys, says which models they may use, how urgent it is when
          there is a queue, and which limits hold for it. What it uses is counted under its name. The keys that Strata made at its first
          start belong to <strong>{rows.map(({ consumer }) => consumer.metadata.name).join(' and ') || 'nobody'}</strong>.
        </EmptyState>
      )}
    </div>
  )
}

function Keys({ row: { keys } }: { readonly row: ConsumerRow }) {
  const now = Date.now()
  const states = keys.map((key) => keyState(key, now))
  const good = states.filter((state) => state === 'active' || state === 'expiring').length
  const notes = [
    states.includes('expiring') ? 'one expires soon' : '',
    states.includes('expired') ? `${states.filter((state) => state === 'expired').length} expired` : '',
  ].filter(Boolean)
  if (good === 0) return <span className="warn nowrap">none that works</span>
  return (
    <span>
      {good}
      {notes.length > 0 && <span className="quiet"> · {notes.join(', ')}</span>}
    </span>
  )
}
