/** All experiments: what each is about, how far it is, and what its best arm shows. */
import { type Experiment, headOf, isExperimenting } from '../../../src/resources/experiment-view.ts'
import { keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, DataTable, EmptyState, Named, PageHead } from '../parts/index.ts'
import { spaced } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { bestArm, experimentHref, HEALTH, inOrder } from './experiments.ts'
import { firstExperiment } from './manifest.ts'

export function ExperimentList({ experiments }: { readonly experiments: readonly Experiment[] }) {
  const system = useSystem()
  const now = Date.now()
  return (
    <div className="page">
      <PageHead
        title="Experiments"
        beside={
          experiments.length > 0 && (
            <span className="quiet">{experiments.length === 1 ? '1 experiment' : `${experiments.length} experiments`}</span>
          )
        }
      />
      {experiments.length === 0 ? (
        <EmptyState title="No experiment yet" manifest={firstExperiment(system)}>
          An experiment divides the callers of a route between versions, prompts or parameters, and says which is better by the metric that
          you choose. It ends by itself when that is proven, or when one does harm. You can look at it at any time: the statistics stay
          valid however often one looks.
        </EmptyState>
      ) : (
        <div className="panel flush">
          <DataTable
            label="Experiments"
            rows={inOrder(experiments)}
            rowKey={keyOf}
            href={experimentHref}
            mark={({ status }) => (status?.decision === 'harm' ? 'bad' : undefined)}
            columns={[
              { heading: 'Experiment', cell: ({ metadata }) => <Named metadata={metadata} /> },
              {
                heading: 'State',
                full: true,
                cell: (experiment) => {
                  const { word, tone, times } = headOf(experiment, now)
                  return (
                    <span className="state">
                      <span className="state-word">
                        <StateMark health={HEALTH[tone]} label="" /> {word}
                      </span>
                      <span className="secondary">{times}</span>
                    </span>
                  )
                },
              },
              { heading: 'Route', cell: ({ spec }) => spec.route },
              { heading: 'Arms', full: true, cell: ({ spec }) => spec.arms.map(({ name }) => name).join(', ') },
              { heading: 'Metric', cell: ({ spec }) => spec.primary.name },
              {
                heading: 'Best arm',
                full: true,
                cell: (experiment) => {
                  const best = bestArm(experiment)
                  if (!best) return <span className="quiet">{isExperimenting(experiment) ? 'nothing yet' : 'none'}</span>
                  return (
                    <span className="state">
                      <span>{best.name}</span>
                      <span className="secondary">{spaced(best.effect!.words)}</span>
                    </span>
                  )
                },
              },
              { heading: 'Made', align: 'right', cell: ({ metadata }) => <Ago at={metadata.creationTimestamp ?? ''} /> },
            ]}
          />
        </div>
      )}
    </div>
  )
}
