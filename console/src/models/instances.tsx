/** The processes that answer for a version: what each does now, and how many there should be. */
import { Button, NumberInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import type { InstanceStatus, VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { type Manifest, manifestOf } from '../api/resources.ts'
import { Ago, DataTable, Panel, ReviewChange, useMay } from '../parts/index.ts'
import { bytes, count, rate } from '../shell/format.ts'
import { type Health, StateMark } from '../shell/state-mark.tsx'

const HEALTH: Record<InstanceStatus['state'], Health> = { ready: 'good', starting: 'busy', draining: 'busy', waiting: 'bad', failed: 'bad' }

export function Instances({
  resource,
  status,
}: {
  readonly resource: Resource<'ModelVersion'>
  readonly status: VersionStatus | undefined
}) {
  const list = status?.instances.list ?? []
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
        rows={list}
        rowKey={({ id }) => id}
        mark={({ state }) => (HEALTH[state] === 'bad' ? 'bad' : undefined)}
        empty="None runs."
        columns={[
          {
            heading: 'Instance',
            cell: ({ id, state, message, since }) => (
              <span className="state">
                <span className="state-word">
                  <StateMark health={HEALTH[state]} label="" /> {id}
                </span>
                <span className="secondary">
                  {state}
                  {since !== undefined && (
                    <>
                      {' '}
                      since <Ago at={since} />
                    </>
                  )}
                  {message && `: ${message}`}
                </span>
              </span>
            ),
          },
          {
            heading: 'Busy',
            align: 'right',
            cell: ({ load }) => (load ? `${load.running}/${load.sequences}${load.waiting > 0 ? ` · ${load.waiting} waiting` : ''}` : '–'),
          },
          { heading: 'Tokens', align: 'right', cell: ({ load }) => (load ? rate(load.tokensPerSecond) : '–') },
          {
            heading: 'Context',
            align: 'right',
            hide: 'narrow',
            cell: ({ load }) => (load ? `${count(load.kvUsedTokens)}/${count(load.kvTotalTokens)}` : '–'),
          },
          { heading: 'Memory', align: 'right', cell: ({ load }) => (load ? bytes(load.residentBytes) : '–') },
          { heading: 'Restarts', align: 'right', hide: 'narrow', cell: ({ restarts }) => restarts },
        ]}
      />
      <Scale resource={resource} />
    </Panel>
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
