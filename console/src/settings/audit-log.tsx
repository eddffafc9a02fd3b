/** Who changed what, when. Filters, the page and the open entry stand in the address, so that what was found can be sent to somebody. */
import { Button, Select, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import type { AuditEntry } from '../../../src/store/audit.ts'
import {
  Ago,
  DataTable,
  DifferenceView,
  Drawer,
  deedOf,
  Fact,
  Facts,
  MayNot,
  ProblemNote,
  Tag,
  useFetched,
  useMay,
} from '../parts/index.ts'
import { setParameters, useAddress } from '../shell/router.tsx'

const PAGE = 50
const KINDS = ['Model', 'ModelVersion', 'Route', 'Backend', 'Consumer', 'ApiKey', 'Limit', 'Token', 'Session']
const ACTIONS = ['create', 'change', 'delete', 'token', 'login', 'logout']
const FILTERS = ['kind', 'action', 'actor', 'name'] as const
/** Typing asks no more often than this. */
const SETTLE_MS = 250

export function AuditLog() {
  const may = useMay('admin')
  const { searchParams } = useAddress()
  const filter = Object.fromEntries(FILTERS.map((name) => [name, searchParams.get(name) ?? undefined]))
  const before = searchParams.get('before') ?? undefined
  const query = new URLSearchParams({ limit: String(PAGE) })
  for (const [name, value] of [...Object.entries(filter), ['before', before] as const]) if (value) query.set(name, value)
  const { data, error } = useFetched<{ items: AuditEntry[] }>(may ? `/audit?${query}` : undefined)
  const items = data?.items ?? []
  const shown = items.find(({ id }) => String(id) === searchParams.get('entry'))
  const filtered = FILTERS.some((name) => filter[name] !== undefined)
  const set = (name: string, value: string | undefined) =>
    setParameters({ [name]: value || undefined, before: undefined, entry: undefined })

  if (!may) return <MayNot needed="admin" what="read the audit log" />
  return (
    <>
      <search className="filters">
        <Select
          aria-label="Kind"
          placeholder="Any kind"
          size="xs"
          w={140}
          clearable
          data={KINDS}
          value={filter.kind ?? null}
          onChange={(value) => set('kind', value ?? undefined)}
          comboboxProps={{ transitionProps: { duration: 0 } }}
        />
        <Select
          aria-label="Action"
          placeholder="Any action"
          size="xs"
          w={130}
          clearable
          data={ACTIONS}
          value={filter.action ?? null}
          onChange={(value) => set('action', value ?? undefined)}
          comboboxProps={{ transitionProps: { duration: 0 } }}
        />
        <SettledInput label="By whom" value={filter.actor} onValue={(value) => set('actor', value)} />
        <SettledInput label="Name" value={filter.name} onValue={(value) => set('name', value)} />
        {filtered && (
          <Button
            size="compact-xs"
            variant="subtle"
            onClick={() => setParameters({ ...Object.fromEntries(FILTERS.map((name) => [name, undefined])), before: undefined })}
          >
            Show all
          </Button>
        )}
      </search>
      {error && <ProblemNote error={error} />}
      <div className="panel flush">
        <DataTable
          label="Audit log"
          rows={items}
          rowKey={({ id }) => String(id)}
          onOpen={({ id }) => setParameters({ entry: String(id) })}
          mark={({ id }) => (id === shown?.id ? 'chosen' : undefined)}
          empty={data && (filtered || before ? 'Nothing of that kind is in the log.' : 'Nothing has been changed yet.')}
          columns={[
            { heading: 'When', cell: ({ time }) => <Ago at={time} /> },
            { heading: 'Who', cell: ({ actor }) => actor },
            { heading: 'Did', cell: (entry) => <Tag tone={entry.action === 'delete' ? 'bad' : undefined}>{deedOf(entry)}</Tag> },
            {
              heading: 'What',
              full: true,
              cell: ({ kind, namespace, name }) => (
                <span>
                  <span className="quiet">{kind}</span> {namespace && namespace !== 'default' ? `${namespace}/` : ''}
                  {name}
                </span>
              ),
            },
            {
              heading: 'Fields',
              hide: 'narrow',
              cell: ({ action, diff }) => action === 'change' && <span className="quiet mono">{fieldsOf(diff)}</span>,
            },
          ]}
        />
      </div>
      <nav className="pager" aria-label="Pages of the audit log">
        {before && (
          <Button size="compact-sm" variant="default" onClick={() => setParameters({ before: undefined, entry: undefined })}>
            Newest
          </Button>
        )}
        {items.length === PAGE && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => {
              setParameters({ before: String(items.at(-1)!.id), entry: undefined })
              window.scrollTo(0, 0)
            }}
          >
            Older
          </Button>
        )}
      </nav>
      <Drawer
        opened={shown !== undefined}
        onClose={() => setParameters({ entry: undefined })}
        size="lg"
        title={shown ? `${shown.kind} ${shown.name}` : ''}
      >
        {shown && <Entry entry={shown} />}
      </Drawer>
    </>
  )
}

function Entry({ entry }: { readonly entry: AuditEntry }) {
  const { time, actor, namespace, diff } = entry
  return (
    <>
      <Facts>
        <Fact name="When">
          {new Date(time).toLocaleString()} (<Ago at={time} />)
        </Fact>
        <Fact name="Who">{actor}</Fact>
        <Fact name="Did">{deedOf(entry)}</Fact>
        {namespace && <Fact name="Namespace">{namespace}</Fact>}
      </Facts>
      <DifferenceView differences={diff} label="What changed" />
    </>
  )
}

function fieldsOf(diff: AuditEntry['diff']): string {
  const fields = [...new Set(diff.map(({ path }) => String(path[0] === 'spec' ? (path[1] ?? 'spec') : path[0])))]
  return fields.length > 3 ? `${fields.slice(0, 3).join(', ')} +${fields.length - 3}` : fields.join(', ')
}

/** A text filter: what is typed stands at once, the address follows when the hand rests. */
function SettledInput(props: { readonly label: string; readonly value: string | undefined; readonly onValue: (value: string) => void }) {
  const { label, value = '', onValue } = props
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was typed last decides; the callback is a new one at every render
  useEffect(() => {
    if (typed === value) return
    const timer = setTimeout(() => onValue(typed), SETTLE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      size="xs"
      w={130}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      spellCheck={false}
    />
  )
}
