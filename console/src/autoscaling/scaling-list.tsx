/** Versions with a policy: what is wanted of each, what there is, and why. */
import { stringify } from 'yaml'
import type { ScaledNow } from '../../../src/control/api/scaling.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { manifestOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { DataTable, EmptyState, Named, PageHead } from '../parts/index.ts'
import { rate } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { firstPolicy, policyInWords } from './policy.ts'
import { healthOf, scalingHref } from './ranges.ts'

interface Row {
  readonly version: Resource<'ModelVersion'>
  readonly now: ScaledNow | undefined
}

export function ScalingList({ scaled }: { readonly scaled: readonly ScaledNow[] }) {
  const { versions } = useSystem()
  const rows = versions
    .filter(({ spec }) => spec.scaling.policy)
    .map(
      (version): Row => ({
        version,
        now: scaled.find(({ name, namespace }) => name === version.metadata.name && namespace === version.metadata.namespace),
      }),
    )
  const own = versions.find(({ metadata, spec }) => metadata.namespace === 'default' && !spec.source.backend)
  return (
    <div className="page">
      <PageHead
        title="Autoscaling"
        beside={rows.length > 0 && <span className="quiet">{rows.length === 1 ? '1 version' : `${rows.length} versions`}</span>}
      />
      {rows.length === 0 ? (
        <EmptyState title="No version has a policy yet" manifest={own ? stringify(firstPolicy(manifestOf(own))) : stringify(FIRST)}>
          A policy decides how many instances of a version run, between a least and a most: more when an objective is about to be missed,
          fewer when less will do. Each decision is kept, with its reason and the figures that it was made from.
        </EmptyState>
      ) : (
        <div className="panel flush">
          <DataTable
            label="Versions with a policy"
            rows={rows}
            rowKey={({ version }) => `${version.metadata.namespace}/${version.metadata.name}`}
            href={({ version }) => scalingHref(version.metadata)}
            columns={[
              { heading: 'Version', cell: ({ version }) => <Named metadata={version.metadata} /> },
              {
                heading: 'Instances',
                full: true,
                cell: ({ now }) =>
                  now ? (
                    <span className="state-word">
                      <StateMark health={healthOf(now)} label="" /> {now.ready} ready of {now.wanted} wanted
                    </span>
                  ) : (
                    <span className="quiet">not looked at yet</span>
                  ),
              },
              { heading: 'Bounds', align: 'right', cell: ({ version }) => `${version.spec.scaling.min}–${version.spec.scaling.max}` },
              { heading: 'Policy', full: true, cell: ({ version }) => policyInWords(version.spec.scaling.policy!) },
              {
                heading: 'Load',
                align: 'right',
                cell: ({ now }) =>
                  now?.sample ? `${rate(now.sample.arrivals)}, ${Number(now.sample.concurrency.toPrecision(2))} at a time` : '–',
              },
              { heading: 'Reason', full: true, cell: ({ now }) => <span className="quiet">{now?.reason ?? ''}</span> },
            ]}
          />
        </div>
      )}
    </div>
  )
}

const FIRST = firstPolicy({
  apiVersion: 'strata.dev/v1alpha1',
  kind: 'ModelVersion',
  metadata: { name: 'helper-v1' },
  spec: { model: 'helper', version: 'v1', source: { engine: { kind: 'simulated' } } },
})
