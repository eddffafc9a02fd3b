/** All models with all their versions: what state each is in and why, where it runs, what it answers with, what it gets of the traffic. */
import { Code, Loader } from '@mantine/core'
import { inNamespace } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { PROTOCOLS } from '../backends/words.ts'
import { FIRST_MANIFEST } from '../parts/first-manifest.ts'
import { DataTable, EmptyState, PageHead, Tag } from '../parts/index.ts'
import { bytes, milliseconds, percent, rate } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { imageName, type ModelGroup, modelGroups, type VersionRow, versionHref, weightsName } from './versions.ts'

export function ModelList({ only }: { readonly only?: string }) {
  const system = useSystem()
  if (!system.status)
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  const groups = modelGroups(system).filter(({ name }) => only === undefined || name === only)
  const rows = groups.flatMap((group) => group.versions.map((version) => ({ ...version, group })))
  const bare = groups.filter(({ versions }) => versions.length === 0)
  return (
    <div className="page">
      <PageHead
        title={only ?? 'Models'}
        above={only === undefined ? [] : [{ label: 'Models', href: '/models' }]}
        beside={groups.length > 0 && <span className="quiet">{countsOf(groups)}</span>}
      />
      {groups.length === 0 ? (
        <EmptyState title={only === undefined ? 'No model yet' : `No model ${only}`} manifest={FIRST_MANIFEST}>
          A model is a name and its task; a version is everything that can change an answer: weights, prompt, sampling. A route then decides
          who gets which. This makes one of each, with a simulated version; put a real one in its place with <Code>kind: llama</Code> and
          weights.
        </EmptyState>
      ) : (
        <div className="panel flush">
          <DataTable
            label="Versions by model"
            rows={rows}
            rowKey={({ key }) => key}
            href={({ resource }) => versionHref(resource)}
            group={({ group }) => ({ key: `${group.namespace}/${group.name}`, heading: <GroupHeading group={group} /> })}
            mark={({ health }) => (health === 'bad' ? 'bad' : undefined)}
            columns={[
              { heading: 'Version', cell: ({ resource }) => <span>{resource.spec.version}</span> },
              { heading: 'State', full: true, cell: (row) => <State row={row} /> },
              { heading: 'Instances', align: 'right', cell: instancesOf },
              {
                heading: 'Memory',
                align: 'right',
                hide: 'medium',
                cell: ({ residentBytes }) => (residentBytes === undefined ? '–' : bytes(residentBytes)),
              },
              { heading: 'Weights', cell: (row) => <Weights row={row} />, hide: 'narrow' },
              { heading: 'Traffic', align: 'right', cell: (row) => <Traffic row={row} /> },
              { heading: 'Requests', align: 'right', cell: ({ rates }) => rate(rates?.requestsPerSecond ?? 0) },
              { heading: 'Answer p95', align: 'right', cell: ({ rates }) => milliseconds(rates?.totalP95) },
            ]}
          />
        </div>
      )}
      {bare.length > 0 && (
        <p className="quiet">
          Without a version: {bare.map(({ name }) => name).join(', ')}. A <Code>ModelVersion</Code> says where its answers come from;{' '}
          <Code>strata explain version</Code> tells how.
        </p>
      )}
    </div>
  )
}

function countsOf(groups: readonly ModelGroup[]): string {
  const versions = groups.reduce((sum, group) => sum + group.versions.length, 0)
  const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
  return `${plural(groups.length, 'model')}, ${plural(versions, 'version')}`
}

function GroupHeading({ group }: { readonly group: ModelGroup }) {
  return (
    <span className="group-heading">
      {group.name}
      {group.namespace !== 'default' && <span className="quiet"> in {group.namespace}</span>} <Tag>{group.task}</Tag>
      {group.description && <span className="group-note">{group.description}</span>}
    </span>
  )
}

export function State({ row }: { readonly row: VersionRow }) {
  return (
    <span className="state">
      <span className="state-word">
        <StateMark health={row.health} label="" /> {row.state}
        {row.status?.simulated && <Tag tone="bad">SIMULATED</Tag>}
      </span>
      {row.reason && <span className="secondary">{row.reason}</span>}
    </span>
  )
}

function instancesOf({ status }: VersionRow) {
  if (status?.engine === 'backend') return <span className="quiet">elsewhere</span>
  return status ? `${status.instances.ready}/${status.instances.wanted}` : '–'
}

function Weights({ row }: { readonly row: VersionRow }) {
  const { status, resource } = row
  if (status?.engine === 'simulated') return <span className="quiet">none: simulated</span>
  const { backend, image } = resource.spec.source
  if (image) return <Image name={image.name} protocol={image.protocol} />
  if (backend)
    return (
      <span className="quiet">
        on <Link href={`/backends/${backend.name}${inNamespace(resource.metadata.namespace)}`}>{backend.name}</Link>
      </span>
    )
  const weights = weightsName(status?.weights?.file)
  if (!weights) return '–'
  const { receivedBytes, bytes: total, sha256 } = status?.weights ?? {}
  return (
    <span className="nowrap">
      {weights.name} {weights.quantisation && <Tag>{weights.quantisation}</Tag>}
      <span className="secondary">
        {receivedBytes !== undefined && total
          ? `${bytes(receivedBytes)} of ${bytes(total)} (${percent(receivedBytes / total)})`
          : [sha256 && `sha256 ${sha256.slice(0, 8)}…`, total && bytes(total)].filter(Boolean).join(' · ')}
      </span>
    </span>
  )
}

function Image({ name: image, protocol }: { readonly name: string; readonly protocol: keyof typeof PROTOCOLS }) {
  const { name, tag, digest } = imageName(image)
  return (
    <span className="image-name">
      {name} {tag && <Tag>{tag}</Tag>}
      <span className="secondary">
        {['image', PROTOCOLS[protocol].name, digest && `sha256 ${digest.slice(0, 8)}…`].filter(Boolean).join(' · ')}
      </span>
    </span>
  )
}

function Traffic({ row: { shares } }: { readonly row: VersionRow }) {
  if (shares.length === 0) return <span className="quiet">no route</span>
  return (
    <span className="shares">
      {shares.map(({ route, weight, fallback }) => (
        <span key={route}>
          {fallback ? 'fallback' : `${weight}\u202f%`} <span className="quiet">of {route}</span>
        </span>
      ))}
    </span>
  )
}
