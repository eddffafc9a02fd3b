/** One version: what state it is in and why, its instances, what flows, what it is made of, and what may be done with it. */
import { Button, Loader } from '@mantine/core'
import { useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import {
  ConditionsPanel,
  ConfirmByName,
  HistoryPanel,
  ManifestPanel,
  MayNot,
  Measure,
  Measures,
  PageHead,
  Panel,
  Tag,
  useMay,
} from '../parts/index.ts'
import { milliseconds, percent, rate } from '../shell/format.ts'
import { Link, navigate, useAddress } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { Composition } from './composition.tsx'
import { HowItRuns } from './how-it-runs.tsx'
import { InstanceDrawer } from './instance-drawer.tsx'
import { Instances } from './instances.tsx'
import { ScalingPanel } from './scaling-panel.tsx'
import { SignaturePanel } from './signature-panel.tsx'
import { versionHref, versionRow } from './versions.ts'

export function VersionPage({ resource }: { readonly resource: Resource<'ModelVersion'> }) {
  const system = useSystem()
  const may = useMay('editor')
  const [deleting, setDeleting] = useState(false)
  const open = useAddress().searchParams.get('instance') ?? undefined
  const { spec, metadata } = resource
  const name = `${spec.model}@${spec.version}`
  const row = versionRow(resource, system)
  const { rates, shares, status } = row
  const fixed = resource.status?.conditions.some(({ type, status }) => type === 'Established' && status === 'True')
  const remove = async () => {
    await sendJson('DELETE', `/modelversions/${metadata.name}${inNamespace(metadata.namespace)}`)
    navigate('/models')
  }
  return (
    <div className="page">
      <PageHead
        title={name}
        part={open}
        above={[
          { label: 'Models', href: '/models' },
          { label: spec.model, href: `/models/${spec.model}` },
        ]}
        beside={
          <span className="state-word">
            <StateMark health={row.health} label="" /> {row.state}
            {status?.simulated && <Tag tone="bad">SIMULATED</Tag>}
          </span>
        }
      >
        {/* The playground is for text. */}
        {!resource.status?.signature && (
          <Button component={Link} href={`/playground?model=${encodeURIComponent(name)}`} variant="default" size="xs">
            Try it
          </Button>
        )}
        {may && (
          <Button variant="default" size="xs" color="red" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="scale or delete versions" />
      {row.reason && <p className={row.health === 'bad' ? 'note bad' : 'note'}>{row.reason}</p>}
      <section className="panel" aria-label="The last minute">
        <Measures>
          <Measure name="Requests">{rate(rates?.requestsPerSecond ?? 0)}</Measure>
          <Measure name="Running now">{rates?.running ?? 0}</Measure>
          <Measure name="First token p50">{milliseconds(rates?.firstTokenP50)}</Measure>
          <Measure name="First token p95">{milliseconds(rates?.firstTokenP95)}</Measure>
          <Measure name="Whole answer p95">{milliseconds(rates?.totalP95)}</Measure>
          <Measure name="Tokens">{rate(rates?.tokensPerSecond ?? 0)}</Measure>
          <Measure name="Errors" tone={(rates?.errorRate ?? 0) > 0.01 ? 'bad' : undefined}>
            {percent(rates?.errorRate ?? 0)}
          </Measure>
        </Measures>
      </section>
      {!spec.source.backend && <Instances resource={resource} status={status} open={open} />}
      <div className="columns">
        <div className="stack">
          <Panel title="Traffic">
            {shares.length === 0 ? (
              <p className="quiet flat">
                No route leads here, so that nobody gets it but who asks for <code>{name}</code>. Put it among a route's targets.
              </p>
            ) : (
              <ul className="plain-list">
                {shares.map(({ route, namespace, weight, fallback }) => (
                  <li key={route}>
                    <Link href={`/routes/${route}${inNamespace(namespace)}`}>{route}</Link>{' '}
                    {fallback ? 'as a fallback' : <strong>{weight}&#8239;%</strong>}
                  </li>
                ))}
              </ul>
            )}
          </Panel>
          {!spec.source.backend && <ScalingPanel resource={resource} />}
          {resource.status?.signature && <SignaturePanel signature={resource.status.signature} />}
          <ConditionsPanel conditions={resource.status?.conditions} />
          <HistoryPanel plural="modelversions" resource={resource} />
        </div>
        <div className="stack">
          <Composition resource={resource} status={status} fixed={fixed === true} />
          {!spec.source.backend && <HowItRuns spec={spec} />}
          <ManifestPanel resource={resource} />
        </div>
      </div>
      <InstanceDrawer id={open} resource={resource} status={status} onClose={() => navigate(versionHref(resource))} />
      <ConfirmByName
        opened={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={remove}
        title={`Delete ${name}`}
        name={metadata.name}
        verb="Delete the version"
      >
        {shares.length > 0 ? (
          <p>
            <strong>{shares.map(({ route }) => route).join(', ')}</strong> {shares.length === 1 ? 'sends' : 'send'} requests to it: control
            will refuse as long as that is so. Take it out of {shares.length === 1 ? 'that route' : 'those routes'} first.
          </p>
        ) : (
          <p>
            No route leads to it. Requests that pin <code>{name}</code> will be refused, its {status?.instances.ready ?? 0} running
            instances end after their streams, and its prompt and sampling are gone unless you have the manifest.
          </p>
        )}
      </ConfirmByName>
    </div>
  )
}

export function NoSuchVersion({ known, name }: { readonly known: boolean; readonly name: string }) {
  if (!known)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  return (
    <div className="page">
      <PageHead title={name} above={[{ label: 'Models', href: '/models' }]} />
      <p>There is no version {name}. It may have been deleted; the list of models has all that there are.</p>
    </div>
  )
}
