/** One backend: whether it answers, what it is and has, what of ours lives on it and is sent there, and changing that. */
import { Button } from '@mantine/core'
import { useState } from 'react'
import type { Spec } from '../../../src/resources/index.ts'
import { sendJson } from '../api/client.ts'
import { inNamespace, type Manifest } from '../api/resources.ts'
import { versionHref, whichThere } from '../models/versions.ts'
import {
  Ago,
  ConditionsPanel,
  ConfirmByName,
  DataTable,
  Fact,
  Facts,
  HistoryPanel,
  ManifestPanel,
  MayNot,
  PageHead,
  Panel,
  ReviewChange,
  Tag,
  useMay,
} from '../parts/index.ts'
import { count, milliseconds, rate } from '../shell/format.ts'
import { Link, navigate } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { BackendForm } from './backend-form.tsx'
import type { Backend, BackendRow, Backends } from './backends.ts'
import { ModelsPanel } from './models-panel.tsx'
import { because, consequence, leadsTo, PROTOCOLS, secretInWords } from './words.ts'

export function BackendPage({ row, backends }: { readonly row: BackendRow; readonly backends: Backends }) {
  const { backend, state, versions } = row
  const may = useMay('editor')
  const [editing, setEditing] = useState(false)
  const [undoing, setUndoing] = useState<{ base: Backend; document: Manifest }>()
  const [deleting, setDeleting] = useState(false)
  const { name, namespace } = backend.metadata
  const unmanageable = backend.status?.conditions.find(({ type, status }) => type === 'Managed' && status === 'False')?.message
  const remove = async () => {
    await sendJson('DELETE', `/backends/${name}${inNamespace(namespace)}`)
    backends.again()
    navigate('/backends')
  }
  return (
    <div className="page">
      <PageHead
        title={name}
        above={[{ label: 'Backends', href: '/backends' }]}
        beside={
          <span className="state-word">
            <StateMark health={state.health} label="" /> {state.word}
            {state.since && (
              <span className="quiet">
                since <Ago at={state.since} />
              </span>
            )}
          </span>
        }
      >
        {may && (
          <Button variant="default" size="xs" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="change backends" />
      <div role="status" className="stack-of-notes">
        {state.reason && (
          <p className={state.health === 'bad' ? 'note bad' : 'note'}>
            It is {state.word.toLowerCase()}
            {because(state.reason)}. It is asked again every {backend.spec.health.period}. {consequence(versions)}
          </p>
        )}
        {unmanageable && <p className="note">Its models are not as versions want them{because(unmanageable)}.</p>}
      </div>
      {undoing && (
        <div className="panel">
          <ReviewChange
            title="Put back what was before"
            base={undoing.base}
            document={undoing.document}
            verb="Put it back"
            cancel="Leave it as it is"
            onApplied={() => {
              setUndoing(undefined)
              backends.again()
            }}
            onCancel={() => setUndoing(undefined)}
            onStale={() => setUndoing(undefined)}
          />
        </div>
      )}
      <div className="columns">
        {editing ? (
          <BackendForm
            backend={backend}
            onCancel={() => setEditing(false)}
            onApplied={() => {
              setEditing(false)
              backends.again()
            }}
          />
        ) : (
          <WhatItIs row={row} onChange={may ? () => setEditing(true) : undefined} />
        )}
        <div className="stack">
          <Traffic row={row} />
          <ConditionsPanel conditions={backend.status?.conditions} />
        </div>
      </div>
      <Versions row={row} />
      <ModelsPanel row={row} />
      <div className="columns">
        <HistoryPanel
          plural="backends"
          resource={backend}
          onUndo={may && !undoing ? (document) => setUndoing({ base: backend, document }) : undefined}
        />
        <ManifestPanel resource={backend} />
      </div>
      <ConfirmByName
        opened={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={remove}
        title={`Delete the backend ${name}`}
        name={name}
        verb="Delete the backend"
      >
        <p>
          {versions.length === 0
            ? 'No version lives on it: nothing changes for anybody. The server itself goes on running; Strata only stops asking it.'
            : `${versions.map(({ resource }) => `${resource.spec.model}@${resource.spec.version}`).join(', ')} ${versions.length === 1 ? 'lives' : 'live'} on it: control will refuse as long as that is so. Delete ${versions.length === 1 ? 'that version' : 'those versions'} first.`}
        </p>
      </ConfirmByName>
    </div>
  )
}

function WhatItIs({ row: { backend, state }, onChange }: { readonly row: BackendRow; readonly onChange: (() => void) | undefined }) {
  const { spec, status } = backend
  const protocol = PROTOCOLS[spec.protocol]
  return (
    <Panel
      title="What it is"
      beside={
        onChange && (
          <Button variant="default" size="compact-xs" onClick={onChange}>
            Change
          </Button>
        )
      }
    >
      <Facts>
        <Fact name="Server">
          {status?.server ?? <span className="quiet">{state.health === 'good' ? 'it does not say' : 'not known yet'}</span>}
        </Fact>
        <Fact name="Speaks">
          {protocol.name}
          <span className="secondary">{protocol.lesson}</span>
        </Fact>
        {status?.extensions && status.extensions.length > 0 && (
          <Fact name="Extensions">
            <span className="tags">
              {status.extensions.map((extension) => (
                <Tag key={extension}>{extension}</Tag>
              ))}
            </span>
          </Fact>
        )}
        <Fact name="Address">
          <span className="mono">{spec.address}</span>
        </Fact>
        <Fact name="Key">
          <Credentials credentials={spec.credentials} />
        </Fact>
        {spec.management && (
          <>
            <Fact name="Managed at">
              <span className="mono">{spec.management.address}</span>
            </Fact>
            <Fact name="Key there">
              <Credentials credentials={spec.management.credentials} />
            </Fact>
          </>
        )}
        {(spec.protocol !== 'openai' || spec.manage) && (
          <Fact name="Its models">
            {spec.manage ? 'are loaded and unloaded by Strata, as versions name them' : 'are left alone: Strata loads and unloads none'}
          </Fact>
        )}
        <Fact name="Asked">
          every {spec.health.period} whether it answers{spec.discovery?.models && ', and which models it has'}
        </Fact>
        <Fact name="Takes">{count(spec.maxConcurrent)} requests at once from each gateway, at most</Fact>
      </Facts>
    </Panel>
  )
}

function Credentials({ credentials }: { readonly credentials: Spec<'Backend'>['credentials'] }) {
  if (!credentials) return <span className="quiet">none: requests go there without one</span>
  const { from, name } = secretInWords(credentials.bearer)
  return (
    <>
      read from {from} <span className="mono">{name}</span>
    </>
  )
}

function Traffic({ row: { versions } }: { readonly row: BackendRow }) {
  const leads = leadsTo(versions)
  return (
    <Panel title="Traffic">
      {leads.length === 0 ? (
        <p className="quiet flat">
          {versions.length === 0
            ? 'No version lives here, so that no request comes here.'
            : 'No route leads here: requests come only from who asks for one of its versions by name.'}
        </p>
      ) : (
        <ul className="plain-list">
          {leads.map(({ route, namespace, shares }) => (
            <li key={route}>
              <Link href={`/routes/${route}${inNamespace(namespace)}`}>{route}</Link>{' '}
              {shares.map(({ version, weight, fallback }, at) => (
                <span key={version.key}>
                  {at > 0 && ', '}
                  {fallback ? 'as a fallback' : <strong>{weight}&#8239;%</strong>}
                  {versions.length > 1 && (
                    <span className="quiet">
                      {' '}
                      to {version.resource.spec.model}@{version.resource.spec.version}
                    </span>
                  )}
                </span>
              ))}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Versions({ row: { backend, versions } }: { readonly row: BackendRow }) {
  return (
    <Panel
      flush
      title="Versions that live on it"
      beside={versions.length > 0 && <span className="quiet">{versions.length === 1 ? '1 version' : `${versions.length} versions`}</span>}
    >
      <DataTable
        label="Versions that live on it"
        rows={versions}
        rowKey={({ key }) => key}
        href={({ resource }) => versionHref(resource)}
        mark={({ health }) => (health === 'bad' ? 'bad' : undefined)}
        empty={
          <>
            None. A <code>ModelVersion</code> with <code>source: {`{ backend: { name: ${backend.metadata.name} } }`}</code> makes its models
            callable.
          </>
        }
        columns={[
          {
            heading: 'Version',
            cell: ({ resource: { spec } }) => (
              <span>
                {spec.model}@{spec.version}
              </span>
            ),
          },
          {
            heading: 'State',
            full: true,
            cell: ({ health, state, reason }) => (
              <span className="state">
                <span className="state-word">
                  <StateMark health={health} label="" /> {state}
                </span>
                {reason && <span className="secondary">{reason}</span>}
              </span>
            ),
          },
          {
            heading: 'Model there',
            full: true,
            cell: ({ resource: { spec } }) => (
              <span>
                <span className="mono">{spec.source.backend?.model ?? spec.model}</span>
                <span className="quiet">{whichThere(spec.source.backend)}</span>
              </span>
            ),
          },
          { heading: 'Requests', align: 'right', cell: ({ rates }) => rate(rates?.requestsPerSecond ?? 0) },
          { heading: 'Running', align: 'right', cell: ({ rates }) => count(rates?.running ?? 0) },
          { heading: 'Answer p95', align: 'right', cell: ({ rates }) => milliseconds(rates?.totalP95) },
        ]}
      />
    </Panel>
  )
}
