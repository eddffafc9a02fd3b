/** All routes: what clients write, which versions answer and with what share, and how that goes. */

import { inNamespace, keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { FIRST_MANIFEST } from '../parts/first-manifest.ts'
import { DataTable, EmptyState, Named, PageHead } from '../parts/index.ts'
import { milliseconds, percent, rate } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { decidedBy, deciderInWords, routeState, runningTargets } from './route-state.ts'
import { ShareBar } from './share-bar.tsx'

export function RouteList() {
  const { routes, traffic } = useSystem()
  return (
    <div className="page">
      <PageHead
        title="Routes"
        beside={routes.length > 0 && <span className="quiet">{routes.length === 1 ? '1 route' : `${routes.length} routes`}</span>}
      />
      {routes.length === 0 ? (
        <EmptyState title="No route yet" manifest={FIRST_MANIFEST}>
          A route gives clients model names and says which versions answer, with which share of the requests. It is the only place where
          traffic is decided: a change here takes effect at once, and can be undone here.
        </EmptyState>
      ) : (
        <div className="panel flush">
          <DataTable
            label="Routes"
            rows={routes}
            rowKey={keyOf}
            href={({ metadata }) => `/routes/${metadata.name}${inNamespace(metadata.namespace)}`}
            mark={(route) => (routeState(route).health === 'bad' ? 'bad' : undefined)}
            columns={[
              {
                heading: 'Route',
                cell: ({ metadata }) => <Named metadata={metadata} />,
              },
              {
                heading: 'State',
                full: true,
                cell: (route) => {
                  const { health, word, reason } = routeState(route)
                  return (
                    <span className="state">
                      <span className="state-word">
                        <StateMark health={health} label="" /> {word}
                      </span>
                      {reason && <span className="secondary">{reason}</span>}
                    </span>
                  )
                },
              },
              { heading: 'Clients write', hide: 'narrow', cell: ({ spec }) => <span className="mono">{spec.models.join(', ')}</span> },
              {
                heading: 'Versions',
                full: true,
                cell: (route) => {
                  const by = decidedBy(route)
                  return (
                    <span className="list-share">
                      <span>
                        {runningTargets(route)
                          .map(({ version, weight }) => `${version} ${weight}\u202f%`)
                          .join(' · ')}
                        {by !== undefined && `, decided by ${deciderInWords(by)}`}
                      </span>
                      <ShareBar targets={runningTargets(route)} />
                    </span>
                  )
                },
              },
              { heading: 'Requests', align: 'right', cell: (route) => rate(traffic?.routes[keyOf(route)]?.requestsPerSecond ?? 0) },
              { heading: 'Answer p95', align: 'right', cell: (route) => milliseconds(traffic?.routes[keyOf(route)]?.totalP95) },
              { heading: 'Errors', align: 'right', cell: (route) => percent(traffic?.routes[keyOf(route)]?.errorRate ?? 0) },
            ]}
          />
        </div>
      )}
    </div>
  )
}
