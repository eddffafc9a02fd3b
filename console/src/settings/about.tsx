/** What runs here: the program, its processes, and which gateway runs which snapshot. */

import type { SystemStatus } from '../../../src/control/status.ts'
import type { ProcessStatus } from '../../../src/kernel/supervision.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, DataTable, Fact, Facts, Panel } from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { type Health, StateMark } from '../shell/state-mark.tsx'

const HEALTH: Record<ProcessStatus['state'], Health> = { ready: 'good', starting: 'busy', draining: 'busy', waiting: 'bad', ended: 'idle' }

export function About() {
  const { status } = useSystem()
  if (!status) return null
  return (
    <>
      <Panel title="This system">
        <Facts>
          <Fact name="Strata">{status.version}</Fact>
          <Fact name="Control runs since">
            <Ago at={status.startedAt} />
          </Fact>
          <Fact name="Gateway">
            <span className="mono">{status.gatewayUrl}</span>
          </Fact>
          <Fact name="Store">
            {status.store.kind === 'pglite' ? 'PGlite, in control itself' : 'PostgreSQL'}, at change{' '}
            {count(Number(status.store.resourceVersion))}
          </Fact>
          <Fact name="Snapshot">{count(status.snapshot.version)}</Fact>
          <Fact name="API">
            <a href="/api/docs">description for people</a>, <a href="/api/openapi.json">OpenAPI for programs</a>
          </Fact>
        </Facts>
      </Panel>
      <Panel title="Gateways" flush>
        <DataTable
          label="Gateways"
          rows={status.gateways.toSorted((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))}
          rowKey={({ id }) => id}
          mark={(gateway) => (gatewayState(gateway, status.snapshot.version).health === 'bad' ? 'bad' : undefined)}
          empty="None follows this control."
          columns={[
            { heading: 'Gateway', cell: ({ id }) => <strong>{id}</strong> },
            {
              heading: 'State',
              full: true,
              cell: (gateway) => {
                const { health, word } = gatewayState(gateway, status.snapshot.version)
                return (
                  <span className="state">
                    <span className="state-word">
                      <StateMark health={health} label="" /> {word}
                    </span>
                    {gateway.reason && <span className="secondary">{gateway.reason}</span>}
                  </span>
                )
              },
            },
            { heading: 'Snapshot', align: 'right', cell: ({ version }) => `${count(version)} of ${count(status.snapshot.version)}` },
            {
              heading: 'Connected',
              align: 'right',
              cell: ({ connected, connectedSince }) => (connected ? <Ago at={connectedSince} /> : 'no'),
            },
            { heading: 'Acknowledged', align: 'right', cell: ({ lastSeen }) => <Ago at={lastSeen} /> },
          ]}
        />
      </Panel>
      <Panel title="Processes" flush>
        <DataTable
          label="Processes"
          rows={status.processes}
          rowKey={({ name }) => name}
          mark={({ state }) => (HEALTH[state] === 'bad' ? 'bad' : undefined)}
          empty="No supervisor runs: each process is a container of its own, and whoever runs those knows them."
          columns={[
            { heading: 'Process', cell: ({ name }) => <strong>{name}</strong> },
            {
              heading: 'State',
              cell: ({ state }) => (
                <span className="state-word">
                  <StateMark health={HEALTH[state]} label="" /> {state}
                </span>
              ),
            },
            { heading: 'Since', align: 'right', cell: ({ since }) => <Ago at={since} /> },
            { heading: 'Process id', align: 'right', cell: ({ pid }) => pid ?? '–' },
            { heading: 'Restarts', align: 'right', cell: ({ restarts }) => restarts },
            { heading: 'Last end', hide: 'narrow', cell: ({ lastEnd }) => lastEnd ?? <span className="quiet">–</span> },
          ]}
        />
      </Panel>
    </>
  )
}

function gatewayState(gateway: SystemStatus['gateways'][number], newest: number): { readonly health: Health; readonly word: string } {
  if (!gateway.connected) return { health: 'bad', word: 'cut off: answers from the snapshot it has' }
  if (gateway.status === 'nack') return { health: 'bad', word: 'refused the newest snapshot' }
  return gateway.status === 'ack' && gateway.version >= newest
    ? { health: 'good', word: 'runs the newest snapshot' }
    : { health: 'busy', word: 'is taking the newest snapshot' }
}
