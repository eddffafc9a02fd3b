/** One consumer: what it does, its keys, what it may. */
import { Button } from '@mantine/core'
import { useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import type { UsageSum } from '../../../src/store/usage.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace, keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import {
  Ago,
  Bars,
  ConfirmByName,
  Fact,
  Facts,
  HistoryPanel,
  ManifestPanel,
  MayNot,
  Measure,
  Measures,
  PageHead,
  Panel,
  Tag,
  useFetched,
  useMay,
} from '../parts/index.ts'
import { count, rate } from '../shell/format.ts'
import { Link, navigate } from '../shell/router.tsx'
import { ConsumerForm } from './consumer-form.tsx'
import { type ConsumerRow, type Consumers, costInWords, keyState } from './consumers.ts'
import { KeysPanel } from './keys-panel.tsx'

const HOUR_MS = 3_600_000
const HOURS = 24

export function ConsumerPage({ row, consumers }: { readonly row: ConsumerRow; readonly consumers: Consumers }) {
  const { consumer, keys, used, lastSeen } = row
  const { traffic } = useSystem()
  const may = useMay('editor')
  const [editing, setEditing] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const { name, namespace } = consumer.metadata
  const query = inNamespace(namespace)
  const now = traffic?.consumers[keyOf(consumer)]
  const working = keys.filter((key) => keyState(key, Date.now()) !== 'revoked')
  const remove = async () => {
    // Keys of nobody would be in the way: they go with their consumer.
    for (const key of keys) await sendJson('DELETE', `/apikeys/${key.metadata.name}${query}`)
    await sendJson('DELETE', `/consumers/${name}${query}`)
    consumers.again()
    navigate('/consumers')
  }
  return (
    <div className="page">
      <PageHead title={name} above={[{ label: 'Consumers', href: '/consumers' }]} beside={<Tag>{consumer.spec.priority}</Tag>}>
        <Button component={Link} href={`/requests?consumer=${encodeURIComponent(name)}`} variant="default" size="xs">
          Its requests
        </Button>
        {may && (
          <Button variant="default" size="xs" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="change consumers" />
      <section className="panel" aria-label="Today">
        <Measures>
          <Measure name="Now">{rate(now?.requestsPerSecond ?? 0)}</Measure>
          <Measure name="Running">{now?.running ?? 0}</Measure>
          <Measure name="Requests today">{count(used.requests)}</Measure>
          <Measure name="Refused by limits">{count(used.limited)}</Measure>
          <Measure name="Failed" tone={used.failed > 0 ? 'bad' : undefined}>
            {count(used.failed)}
          </Measure>
          <Measure name="Tokens in">{count(used.tokensIn)}</Measure>
          <Measure name="From cache">{count(used.tokensCached)}</Measure>
          <Measure name="Tokens out">{count(used.tokensOut)}</Measure>
          <Measure name="Cost">{costInWords(used.cost)}</Measure>
          <Measure name="Last seen">{lastSeen === undefined ? 'never' : <Ago at={lastSeen} />}</Measure>
        </Measures>
      </section>
      <Day consumer={consumer} />
      <KeysPanel consumer={consumer} keys={keys} uses={consumers.uses} onChanged={consumers.again} />
      {editing ? (
        <ConsumerForm
          consumer={consumer}
          onCancel={() => setEditing(false)}
          onApplied={() => {
            setEditing(false)
            consumers.again()
          }}
        />
      ) : (
        <Panel
          title="What it may do"
          beside={
            may && (
              <Button variant="default" size="compact-xs" onClick={() => setEditing(true)}>
                Change
              </Button>
            )
          }
        >
          <Facts>
            <Fact name="Models">{consumer.spec.models.includes('*') ? 'all' : consumer.spec.models.join(', ')}</Fact>
            <Fact name="Versions">{consumer.spec.pinVersions ? 'may be chosen (model@v2)' : 'are chosen by the route alone'}</Fact>
            <Fact name="Priority">{consumer.spec.priority}</Fact>
            <Fact name="Limits">
              {consumer.spec.limits.length === 0 && <span className="quiet">none of its own; a route’s still hold</span>}
              {consumer.spec.limits.map((limit, at) => (
                <span key={limit}>
                  {at > 0 && ', '}
                  <Link href={`/limits/${limit}${query}`}>{limit}</Link>
                </span>
              ))}
            </Fact>
          </Facts>
        </Panel>
      )}
      <div className="columns">
        <HistoryPanel plural="consumers" resource={consumer} />
        <ManifestPanel resource={consumer} />
      </div>
      <ConfirmByName
        opened={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={remove}
        title={`Delete the consumer ${name}`}
        name={name}
        verb="Delete the consumer"
      >
        <p>
          {keys.length === 0
            ? 'It has no keys.'
            : `Its ${keys.length === 1 ? 'key goes' : `${keys.length} keys go`} with it (${working.map(({ metadata }) => metadata.name).join(', ') || 'all revoked already'}): whoever sends one gets 401.`}{' '}
          {(now?.requestsPerSecond ?? 0) > 0 ? <strong>{rate(now!.requestsPerSecond)} come in now.</strong> : 'Nothing comes in right now.'}{' '}
          What it has used stays in the records.
        </p>
      </ConfirmByName>
    </div>
  )
}

/** The last 24 hours, by the hour. */
function Day({ consumer }: { readonly consumer: Resource<'Consumer'> }) {
  const { name, namespace } = consumer.metadata
  const end = Math.floor(Date.now() / HOUR_MS) * HOUR_MS + HOUR_MS
  const from = end - HOURS * HOUR_MS
  const query = new URLSearchParams({ from: String(from), to: String(end), step: String(HOUR_MS), namespace, consumer: name })
  const { data } = useFetched<{ items: UsageSum[] }>(`/usage/consumers?${query}`, 5_000)
  const items = data?.items ?? []
  const total = items.reduce((sum, { requests }) => sum + requests, 0)
  const refused = items.filter(({ outcome }) => outcome === 'limited').reduce((sum, { requests }) => sum + requests, 0)
  const byHour = Map.groupBy(items, ({ at }) => at)
  const columns = Array.from({ length: HOURS }, (_, i) => {
    const at = from + i * HOUR_MS
    const of = (accept: (outcome: string) => boolean) =>
      (byHour.get(at) ?? []).filter(({ outcome }) => accept(outcome)).reduce((sum, { requests }) => sum + requests, 0)
    const parts = [
      { value: of((outcome) => outcome === 'ok') },
      { value: of((outcome) => ['limited', 'refused', 'client_error', 'aborted'].includes(outcome)), tone: 'busy' as const },
      { value: of((outcome) => ['upstream_error', 'timeout', 'overloaded', 'cut'].includes(outcome)), tone: 'bad' as const },
    ]
    const hour = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    return {
      title: `from ${hour}: ${count(parts[0]!.value)} ok, ${count(parts[1]!.value)} refused or broken off, ${count(parts[2]!.value)} failed`,
      parts,
    }
  })
  const models = [...Map.groupBy(items, ({ route }) => route)]
    .filter(([route]) => route !== '')
    .map(([route, sums]) => ({ route, requests: sums.reduce((sum, { requests }) => sum + requests, 0) }))
    .sort((a, b) => b.requests - a.requests)
  return (
    <Panel
      title="Last 24 hours"
      beside={
        <span className="quiet">
          {count(total)} {total === 1 ? 'request' : 'requests'}
          {refused > 0 && <span className="warn"> · {count(refused)} over a limit</span>}
        </span>
      }
    >
      <Bars label={`${count(total)} requests in the last 24 hours, by the hour`} columns={columns} height={72} ends={['24 h ago', 'now']} />
      {models.length > 0 && (
        <p className="by-route">
          {models.slice(0, 6).map(({ route, requests }) => (
            <span key={route}>
              <Link href={`/requests?consumer=${encodeURIComponent(name)}&route=${encodeURIComponent(route)}`}>{route}</Link>{' '}
              {count(requests)}
            </span>
          ))}
        </p>
      )}
    </Panel>
  )
}
