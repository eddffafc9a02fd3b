/** One limit: what is left of it now and on which gateway, whom it refused, what it says, and changing that. */
import { Button } from '@mantine/core'
import { useState } from 'react'
import { sendJson } from '../api/client.ts'
import { inNamespace } from '../api/resources.ts'
import {
  Ago,
  Bars,
  ConfirmByName,
  DataTable,
  Fact,
  Facts,
  HistoryPanel,
  ManifestPanel,
  MayNot,
  Meter,
  PageHead,
  Panel,
  useMay,
} from '../parts/index.ts'
import { count } from '../shell/format.ts'
import { Link, navigate } from '../shell/router.tsx'
import { perInWords, ruleInWords, shareOf, subjectInWords } from './left.ts'
import { LimitForm } from './limit-form.tsx'
import type { LimitRow, Limits } from './limits.ts'

export function LimitPage({ row, limits }: { readonly row: LimitRow; readonly limits: Limits }) {
  const { limit, consumers, routes } = row
  const may = useMay('editor')
  const [editing, setEditing] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const { name, namespace } = limit.metadata
  const query = inNamespace(namespace)
  const users = [...consumers, ...routes]
  const remove = async () => {
    await sendJson('DELETE', `/limits/${name}${query}`)
    limits.again()
    navigate('/limits')
  }
  return (
    <div className="page">
      <PageHead
        title={name}
        above={[{ label: 'Limits', href: '/limits' }]}
        beside={<span className="quiet">{perInWords(limit.spec.per)}</span>}
      >
        <Button component={Link} href={`/requests?refusedBy=${encodeURIComponent(name)}`} variant="default" size="xs">
          What it refused
        </Button>
        {may && (
          <Button variant="default" size="xs" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        )}
      </PageHead>
      <MayNot needed="editor" what="change limits" />
      <LeftPanel row={row} limits={limits} />
      <RefusedPanel row={row} />
      {editing ? (
        <LimitForm
          limit={limit}
          onCancel={() => setEditing(false)}
          onApplied={() => {
            setEditing(false)
            limits.again()
          }}
        />
      ) : (
        <Panel
          title="What it says"
          beside={
            may && (
              <Button variant="default" size="compact-xs" onClick={() => setEditing(true)}>
                Change
              </Button>
            )
          }
        >
          <Facts>
            <Fact name="Allows">
              {limit.spec.rules.map((rule) => (
                <span key={ruleInWords(rule)} className="rule">
                  {ruleInWords(rule)}
                </span>
              ))}
            </Fact>
            <Fact name="Counted for">{perInWords(limit.spec.per)}</Fact>
            <Fact name="Holds for">
              {users.length === 0 && <span className="warn">nobody: no consumer and no route names it</span>}
              {users.map(({ kind, metadata }, at) => (
                <span key={`${kind} ${metadata.name}`}>
                  {at > 0 && ', '}
                  {kind === 'Route' ? 'route ' : ''}
                  <Link href={`/${kind === 'Route' ? 'routes' : 'consumers'}/${metadata.name}${query}`}>{metadata.name}</Link>
                </span>
              ))}
            </Fact>
          </Facts>
        </Panel>
      )}
      <div className="columns">
        <HistoryPanel plural="limits" resource={limit} />
        <ManifestPanel resource={limit} />
      </div>
      <ConfirmByName
        opened={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={remove}
        title={`Delete the limit ${name}`}
        name={name}
        verb="Delete the limit"
      >
        <p>
          {users.length === 0
            ? 'Nobody names it: nothing changes for anybody.'
            : `${users.map(({ metadata }) => metadata.name).join(', ')} ${users.length === 1 ? 'names' : 'name'} it: take it out there first, or this is refused. Without it they may call as much as their other limits allow.`}
        </p>
      </ConfirmByName>
    </div>
  )
}

function LeftPanel({ row, limits }: { readonly row: LimitRow; readonly limits: Limits }) {
  const { limit, left } = row
  const { gateways } = limits
  const answered = gateways.filter(({ problem }) => problem === undefined)
  const silent = gateways.filter(({ problem }) => problem !== undefined)
  const more = Math.max(0, ...answered.map((each) => each.more))
  const several = answered.length > 1
  const used = left.filter((each) => shareOf(each) < 1)
  return (
    <Panel
      title="Left right now"
      flush
      beside={
        <span className="quiet hint">
          {answered.length === 0
            ? 'no gateway can be asked'
            : several
              ? `${answered.length} gateways, each admits its own share`
              : `as ${answered[0]!.id} says`}
        </span>
      }
    >
      <DataTable
        label="Left right now"
        rows={used}
        rowKey={({ rule, subject }) => `${rule} ${subject}`}
        empty="All of it, for everybody: nobody has called lately."
        columns={[
          { heading: 'Who', cell: ({ subject }) => <strong>{subjectInWords(subject)}</strong> },
          { heading: 'Rule', full: true, cell: ({ rule }) => ruleInWords(limit.spec.rules[rule]!) },
          { heading: 'Left', align: 'right', cell: (each) => `${count(each.left)} of ${count(each.most)}` },
          { heading: 'Share', full: true, cell: (each) => <Meter share={shareOf(each)} /> },
          {
            heading: 'Full again',
            align: 'right',
            cell: ({ resetMs }) =>
              resetMs === undefined ? (
                <span className="quiet">as they end</span>
              ) : resetMs < 1_000 ? (
                'in a moment'
              ) : (
                `in ${Math.ceil(resetMs / 1_000)}\u202fs`
              ),
          },
          ...(several
            ? [
                {
                  heading: 'On each gateway',
                  full: true,
                  cell: ({ shares }: LimitRow['left'][number]) => (
                    <span className="quiet shares-left">
                      {shares.map(({ gateway, left: own, most }) => (
                        <span key={gateway} className={own === 0 ? 'warn' : undefined}>
                          {gateway} {count(own)}/{count(most)}
                        </span>
                      ))}
                    </span>
                  ),
                },
              ]
            : []),
        ]}
      />
      {(several || silent.length > 0 || more > 0) && (
        <p className="quiet panel-foot flat hint">
          {several &&
            'A caller whose connections all land on one gateway has that one’s share alone: it may be refused there while something is left elsewhere. '}
          {silent.map(({ id, problem }) => `${id} could not be asked: ${problem}. `)}
          {more > 0 && `${count(more)} more have used something lately; those with least left are shown.`}
        </p>
      )}
    </Panel>
  )
}

function RefusedPanel({ row: { limit, refusals } }: { readonly row: LimitRow }) {
  const { name } = limit.metadata
  const href = (more: Readonly<Record<string, string>>) => `/requests?${new URLSearchParams({ refusedBy: name, since: '1h', ...more })}`
  return (
    <Panel
      title="Refused in the last hour"
      flush
      beside={
        refusals && (
          <Link href={href({})}>
            {count(refusals.count)} {refusals.count === 1 ? 'request' : 'requests'}
          </Link>
        )
      }
    >
      {refusals && (
        <div className="refused-chart">
          <Bars
            label={`${count(refusals.count)} refused in the last hour, by the minute`}
            columns={refusals.minutes.map((value, at) => ({
              title: at === 59 ? `this minute: ${count(value)}` : `${59 - at} min ago: ${count(value)}`,
              parts: [{ value, tone: 'busy' }],
            }))}
            height={56}
            ends={['1 h ago', 'now']}
          />
        </div>
      )}
      <DataTable
        label="Who was refused"
        rows={refusals?.callers ?? []}
        rowKey={({ consumer, key, route }) => `${consumer} ${key} ${route}`}
        empty="Nobody."
        href={({ consumer, key, route }) => href(consumer === '' ? {} : { consumer, key, route })}
        columns={[
          { heading: 'Consumer', cell: ({ consumer }) => (consumer === '' ? 'others' : consumer) },
          { heading: 'Key', cell: ({ key }) => key },
          { heading: 'Route', cell: ({ route }) => route },
          { heading: 'Refused', align: 'right', cell: (each) => count(each.count) },
          { heading: 'Last', align: 'right', cell: ({ last }) => <Ago at={last} /> },
        ]}
      />
    </Panel>
  )
}
