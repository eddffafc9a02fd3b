/** All releases: what goes to what, how far it is, and what it waits for. */
import { inPercent, phaseOf, type Rollout, stepInWords } from '../../../src/resources/rollout-view.ts'
import { keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, DataTable, EmptyState, Named, PageHead } from '../parts/index.ts'
import { spaced } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { firstRelease } from './manifest.ts'
import { HEALTH, inOrder, releaseHref } from './releases.ts'
import { WeightBar } from './weight-bar.tsx'

export function ReleaseList({ rollouts }: { readonly rollouts: readonly Rollout[] }) {
  const system = useSystem()
  return (
    <div className="page">
      <PageHead
        title="Releases"
        beside={rollouts.length > 0 && <span className="quiet">{rollouts.length === 1 ? '1 release' : `${rollouts.length} releases`}</span>}
      />
      {rollouts.length === 0 ? (
        <EmptyState title="No release yet" manifest={firstRelease(system)}>
          A release sends a growing share of a route from one version to another, compares the two while both get requests, and goes on,
          stops or rolls back by what they show. You can look at it at any time: the tests stay valid however often one looks.
        </EmptyState>
      ) : (
        <div className="panel flush">
          <DataTable
            label="Releases"
            rows={inOrder(rollouts)}
            rowKey={keyOf}
            href={releaseHref}
            mark={(rollout) => (phaseOf(rollout) === 'Degraded' ? 'bad' : undefined)}
            columns={[
              {
                heading: 'Release',
                cell: ({ metadata }) => <Named metadata={metadata} />,
              },
              {
                heading: 'State',
                full: true,
                cell: (rollout) => (
                  <span className="state">
                    <span className="state-word">
                      <StateMark health={HEALTH[phaseOf(rollout)]} label="" /> {phaseOf(rollout)}
                    </span>
                    {phaseOf(rollout) !== 'Healthy' && <span className="secondary">{firstSentence(rollout.status?.message ?? '')}</span>}
                  </span>
                ),
              },
              { heading: 'Route', cell: ({ spec }) => spec.route },
              {
                heading: 'Versions',
                full: true,
                cell: ({ spec, status }) => (
                  <span className="list-share">
                    <span>
                      {spec.from} → {spec.to}
                    </span>
                    <WeightBar weight={status?.weight ?? 0} />
                  </span>
                ),
              },
              { heading: 'Step', align: 'right', cell: (rollout) => stepInWords(rollout).replace(/^step /, '') },
              { heading: 'Weight', align: 'right', cell: ({ status }) => spaced(inPercent(status?.weight ?? 0)) },
              { heading: 'Made', align: 'right', cell: ({ metadata }) => <Ago at={metadata.creationTimestamp ?? ''} /> },
            ]}
          />
        </div>
      )}
    </div>
  )
}

function firstSentence(message: string): string {
  const end = message.indexOf('. ')
  return spaced(end === -1 ? message : message.slice(0, end + 1))
}
