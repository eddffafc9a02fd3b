/** Overview: one glance says whether it is fine. The picture, four charts, what happened lately. */
import { Loader } from '@mantine/core'
import { useEffect, useMemo, useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { ApiError, getJson } from '../api/client.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, Prose, useFetched, useMay } from '../parts/index.ts'
import { count, milliseconds, percent, rate } from '../shell/format.ts'
import { useAddress } from '../shell/router.tsx'
import { StateMark } from '../shell/state-mark.tsx'
import { Chart } from './chart.tsx'
import { Diagram } from './diagram.tsx'
import { buildGraph } from './graph.ts'
import { type AuditEntry, happenings } from './happenings.ts'
import { NoRouteYet } from './no-route-yet.tsx'
import { ThingDrawer } from './thing.tsx'

const MOST_HAPPENINGS = 8

export function Overview() {
  const system = useSystem()
  const { status, traffic, routes, versions } = system
  const show = useAddress().searchParams.get('show')
  const graph = useMemo(() => (status ? buildGraph({ status, traffic, routes, versions }) : undefined), [status, traffic, routes, versions])

  if (!status || !graph) {
    return (
      <div className="page centred" role="status">
        <Loader size="sm" /> Waiting for control…
      </div>
    )
  }
  const verdict = verdictOf(
    status.warnings.length,
    graph.nodes.filter(({ health }) => health === 'bad').length,
    graph.nodes.some(({ health }) => health === 'busy'),
  )
  return (
    <div className="page">
      <header className="page-head">
        <h1>Overview</h1>
        <p className={`verdict ${verdict.health}`}>
          <StateMark health={verdict.health} />
          {verdict.text}
        </p>
      </header>
      {status.warnings.map(({ code, message, advice }) => (
        <p key={code + message} className={code === 'simulated' || code === 'version_failed' ? 'note bad' : 'note'}>
          <strong>{message}</strong> <Prose text={advice ?? ''} />
        </p>
      ))}
      <section aria-label="The running system" className="panel">
        <Diagram graph={graph} />
      </section>
      {routes.length === 0 && <NoRouteYet />}
      <Charts />
      <Happenings />
      <ThingDrawer thing={show} />
    </div>
  )
}

function verdictOf(warnings: number, bad: number, busy: boolean) {
  if (bad > 0) return { health: 'bad' as const, text: bad === 1 ? 'One part is failing' : `${bad} parts are failing` }
  if (warnings > 0) return { health: 'busy' as const, text: 'Running, with a warning' }
  return busy ? { health: 'busy' as const, text: 'Something is changing' } : { health: 'good' as const, text: 'All is well' }
}

function Charts() {
  const { traffic } = useSystem()
  const series = traffic?.series
  const total = traffic?.total
  const failed = (series?.errors ?? []).reduce((sum: number, each) => sum + (each ?? 0), 0)
  const lines = useMemo(
    () => ({
      requests: [{ label: 'requests', values: series?.requests ?? [], color: '--accent' }],
      firstToken: [
        { label: 'p50', values: series?.firstTokenP50 ?? [], color: '--accent' },
        { label: 'p95', values: series?.firstTokenP95 ?? [], color: '--second' },
      ],
      tokens: [{ label: 'tokens', values: series?.tokens ?? [], color: '--accent' }],
      errors: [{ label: 'errors', values: series?.errors ?? [], color: '--bad' }],
    }),
    [series],
  )
  return (
    <section className="charts" aria-label="The last minute">
      <Chart title="Requests" now={rate(total?.requestsPerSecond ?? 0)} lines={lines.requests} format={short} least={1} />
      <Chart
        title="First token"
        now={total?.firstTokenP95 === undefined ? '–' : `${milliseconds(total.firstTokenP50)} · p95 ${milliseconds(total.firstTokenP95)}`}
        lines={lines.firstToken}
        format={milliseconds}
        least={10}
      />
      <Chart title="Tokens" now={rate(total?.tokensPerSecond ?? 0)} lines={lines.tokens} format={short} least={1} />
      <Chart
        title="Errors"
        now={`${percent(total?.errorRate ?? 0)}${failed > 0 ? ` · ${count(failed)} in 1 min` : ''}`}
        lines={lines.errors}
        format={short}
        least={2}
      />
    </section>
  )
}

const short = (value: number) =>
  value >= 1000 ? count(Math.round(value)) : value >= 10 ? String(Math.round(value)) : value === 0 ? '0' : value.toFixed(1)

function Happenings() {
  const { status, versions } = useSystem()
  const [audit, setAudit] = useState<readonly AuditEntry[]>([])
  const resourceVersion = status?.store.resourceVersion
  const admin = useMay('admin')
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new resource version means that there is something new to read
  useEffect(() => {
    if (!admin) return // the log is theirs to read; everybody else sees what the system tells of itself
    const abort = new AbortController()
    getJson<{ items: AuditEntry[] }>(`/audit?limit=${MOST_HAPPENINGS}`, abort.signal).then(
      ({ items }) => setAudit(items),
      (error: unknown) => {
        // A restart of control is told by the frame.
        if (!(error instanceof ApiError) && !abort.signal.aborted) throw error
      },
    )
    return () => abort.abort()
  }, [resourceVersion, admin])
  const { data: releases } = useFetched<{ items: Resource<'Rollout'>[] }>('/rollouts')
  const { data: experiments } = useFetched<{ items: Resource<'Experiment'>[] }>('/experiments')
  const list = status ? happenings(status, versions, audit, releases?.items ?? [], experiments?.items ?? [], MOST_HAPPENINGS) : []
  return (
    <section className="panel" aria-labelledby="lately">
      <h2 id="lately">Lately</h2>
      <ul className="happenings">
        {list.map(({ id, at, what, by }) => (
          <li key={id}>
            <Ago at={at} />
            <span>{what}</span>
            <span className="quiet">{by}</span>
          </li>
        ))}
        {list.length === 0 && <li className="quiet">Nothing yet.</li>}
      </ul>
    </section>
  )
}
