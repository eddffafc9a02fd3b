/** What answers for a version: each instance with what it does now, those that have just left, and how many there should be. */
import './instances.css'
import { Button, NumberInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import type { VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { type Manifest, manifestOf } from '../api/resources.ts'
import { Ago, DataTable, Panel, ReviewChange, Tag, useMay } from '../parts/index.ts'
import { bytes, count, rate } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { busyInWords, contextInWords, type InstanceRow, instanceRows, RUNTIMES, STATES } from './instance-words.ts'
import { instanceHref } from './versions.ts'

export function Instances(props: {
  readonly resource: Resource<'ModelVersion'>
  readonly status: VersionStatus | undefined
  /** Id of the one that is open. */
  readonly open: string | undefined
}) {
  const { resource, status, open } = props
  return (
    <Panel
      flush
      title="Instances"
      beside={
        <span className="quiet">
          {status?.instances.ready ?? 0} of {status?.instances.wanted ?? 0} ready
        </span>
      }
    >
      <DataTable
        label="Instances"
        rows={instanceRows(status?.instances)}
        rowKey={({ id }) => id}
        href={({ id }) => instanceHref(resource, id)}
        mark={({ id, state, hasLeft }) =>
          [STATES[state].health === 'bad' && 'bad', hasLeft && 'quiet', id === open && 'chosen'].filter(Boolean).join(' ')
        }
        empty="None runs."
        columns={[
          { heading: 'Instance', cell: ({ id }) => <span className="instance-id">{id}</span> },
          { heading: 'State', full: true, cell: (row) => <State row={row} /> },
          { heading: 'Runs as', hide: 'medium', cell: ({ runtime }) => RUNTIMES[runtime].short },
          { heading: 'Busy', align: 'right', cell: ({ load }) => busyInWords(load) ?? '–' },
          {
            heading: 'Tokens',
            align: 'right',
            cell: ({ load }) => (load?.tokensPerSecond === undefined ? '–' : rate(load.tokensPerSecond)),
          },
          { heading: 'Context', align: 'right', hide: 'narrow', cell: ({ load }) => contextInWords(load) ?? '–' },
          { heading: 'Memory', align: 'right', cell: ({ load }) => (load?.residentBytes === undefined ? '–' : bytes(load.residentBytes)) },
          { heading: 'Restarts', align: 'right', cell: ({ restarts }) => count(restarts) },
        ]}
      />
      <Scale resource={resource} />
    </Panel>
  )
}

function State({ row: { state, since, message, simulated } }: { readonly row: InstanceRow }) {
  return (
    <span className="state">
      <span className="state-word">
        <StateMark health={STATES[state].health} label="" /> <span>{state}</span>
        <span className="quiet">
          since <Ago at={since} />
        </span>
        {simulated && <Tag tone="bad">SIMULATED</Tag>}
      </span>
      {message && <span className="secondary">{message}</span>}
    </span>
  )
}

function Scale({ resource }: { readonly resource: Resource<'ModelVersion'> }) {
  const may = useMay('editor')
  const [wanted, setWanted] = useState<number | undefined>(undefined)
  const [reviewed, setReviewed] = useState<{ base: Resource; document: Manifest }>()
  const now = resource.spec.scaling.min
  if (!may) return null
  const review = (event: FormEvent) => {
    event.preventDefault()
    const { scaling } = resource.spec
    const min = wanted ?? now
    const max = scaling.max === undefined ? {} : { max: Math.max(scaling.max, min) }
    setReviewed({ base: resource, document: { ...manifestOf(resource), spec: { ...resource.spec, scaling: { ...scaling, min, ...max } } } })
  }
  const done = () => {
    setReviewed(undefined)
    setWanted(undefined)
  }
  return (
    <div className="panel-foot">
      {reviewed ? (
        <ReviewChange
          title={wanted === 0 ? 'This stops all instances' : 'Change the number of instances'}
          base={reviewed.base}
          document={reviewed.document}
          onApplied={done}
          onCancel={() => setReviewed(undefined)}
          onStale={done}
        />
      ) : (
        <form className="scale" onSubmit={review}>
          <NumberInput
            label="Instances wanted"
            value={wanted ?? now}
            onChange={(value) => setWanted(typeof value === 'number' ? value : undefined)}
            min={0}
            max={64}
            allowDecimal={false}
            size="xs"
            w={140}
          />
          <Button type="submit" size="xs" variant="default" disabled={wanted === undefined || wanted === now}>
            Review
          </Button>
        </form>
      )}
    </div>
  )
}
