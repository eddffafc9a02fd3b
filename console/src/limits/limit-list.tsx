/** All limits: what they allow, for whom, who is closest to the edge now, and how many were refused. */
import { Button } from '@mantine/core'
import { inNamespace, keyOf } from '../api/resources.ts'
import { Ago, Bars, DataTable, EmptyState, MayNot, Meter, Named, PageHead, useMay } from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { navigate, setParameters } from '../shell/router.tsx'
import { perInWords, ruleInWords, shareOf, subjectInWords } from './left.ts'
import { LimitForm } from './limit-form.tsx'
import type { LimitRow, Limits } from './limits.ts'

const FIRST = `apiVersion: strata.dev/v1alpha1
kind: Limit
metadata: { name: per-key }
spec:
  per: key
  rules:
    - { requests: 600, every: 1m, burst: 60 }
    - { tokens: 200000, every: 1m }
    - { concurrent: 8 }
---
apiVersion: strata.dev/v1alpha1
kind: Consumer
metadata: { name: web }
spec: { limits: [per-key] }
`

export function LimitList({ limits, creating }: { readonly limits: Limits; readonly creating: boolean }) {
  const may = useMay('editor')
  const rows = limits.rows ?? []
  return (
    <div className="page">
      <PageHead
        title="Limits"
        beside={rows.length > 0 && <span className="quiet">{rows.length === 1 ? '1 limit' : `${rows.length} limits`}</span>}
      >
        {may && !creating && (
          <Button size="xs" onClick={() => setParameters({ create: '1' })}>
            New limit
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="make or change limits" />
      {creating && may && (
        <LimitForm
          limit={undefined}
          onCancel={() => setParameters({ create: undefined })}
          onApplied={({ metadata }) => {
            limits.again()
            navigate(`/limits/${metadata.name}${inNamespace(metadata.namespace)}`)
          }}
        />
      )}
      {rows.length > 0 ? (
        <div className="panel flush">
          <DataTable
            label="Limits"
            rows={rows}
            rowKey={({ limit }) => keyOf(limit)}
            href={({ limit: { metadata } }) => `/limits/${metadata.name}${inNamespace(metadata.namespace)}`}
            columns={[
              {
                heading: 'Limit',
                cell: ({ limit: { metadata } }) => (
                  <span className="nowrap">
                    <Named metadata={metadata} />
                  </span>
                ),
              },
              {
                heading: 'Allows',
                full: true,
                cell: ({ limit: { spec } }) => (
                  <span>
                    {spec.rules.map((rule) => (
                      <span key={ruleInWords(rule)} className="rule">
                        {ruleInWords(rule)}
                      </span>
                    ))}
                  </span>
                ),
              },
              { heading: 'Counted for', cell: ({ limit: { spec } }) => <span className="nowrap">{perInWords(spec.per)}</span> },
              { heading: 'Holds for', hide: 'medium', cell: (row) => <HoldsFor row={row} /> },
              { heading: 'Least left now', full: true, cell: (row) => <Tightest row={row} /> },
              {
                heading: 'Refused, last hour',
                full: true,
                cell: ({ refusals }) =>
                  refusals ? (
                    <span className="refused-hour">
                      <span className="warn">{count(refusals.count)}</span>
                      <Bars
                        label={`${count(refusals.count)} refused in the last hour`}
                        columns={refusals.minutes.map((value, at) => ({
                          title: `${60 - at} min ago: ${count(value)}`,
                          parts: [{ value, tone: 'busy' }],
                        }))}
                        height={20}
                      />
                    </span>
                  ) : (
                    <span className="quiet">nobody</span>
                  ),
              },
              {
                heading: 'Last',
                align: 'right',
                cell: ({ refusals }) => (refusals ? <Ago at={refusals.last} /> : ''),
              },
            ]}
          />
        </div>
      ) : (
        !creating && (
          <EmptyState title="No limit yet" manifest={FIRST}>
            A limit says how many requests and tokens may pass in a time, and how many requests may run at once: for each key, each
            consumer, each model or all together. Consumers and routes name the limits that hold for them; all count, the tightest decides.
            Whoever is refused gets 429 with the seconds to wait.
          </EmptyState>
        )
      )}
    </div>
  )
}

function HoldsFor({ row: { consumers, routes } }: { readonly row: LimitRow }) {
  const all = [...consumers, ...routes].map(({ kind, metadata }) => (kind === 'Route' ? `route ${metadata.name}` : metadata.name))
  if (all.length === 0) return <span className="warn">nobody: no consumer or route names it</span>
  return <span>{all.length <= 3 ? all.join(', ') : `${all.slice(0, 2).join(', ')} and ${all.length - 2} more`}</span>
}

function Tightest({ row: { left } }: { readonly row: LimitRow }) {
  const [least] = left
  if (!least || shareOf(least) >= 1) return <span className="quiet">all of it</span>
  return (
    <span className="tightest">
      <span>
        {count(least.left)} of {count(least.most)} {least.sort === 'concurrent' ? 'places' : least.sort}
        <span className="quiet"> · {subjectInWords(least.subject)}</span>
      </span>
      <Meter share={shareOf(least)} />
    </span>
  )
}
