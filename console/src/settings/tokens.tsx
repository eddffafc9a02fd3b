/** Tokens of the control API, for programs: made here, shown once, revoked by name. */
import { Button, Select, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import type { TokenInfo } from '../../../src/store/identity.ts'
import { sendJson } from '../api/client.ts'
import { Ago, ConfirmByName, DataTable, Panel, ProblemNote, SecretOnce, Tag, useAction, useFetched } from '../parts/index.ts'

const DAY_MS = 86_400_000
const LASTS: readonly { readonly value: string; readonly label: string; readonly days?: number }[] = [
  { value: '30', label: '30 days', days: 30 },
  { value: '90', label: '90 days', days: 90 },
  { value: '365', label: 'a year', days: 365 },
  { value: 'never', label: 'until revoked' },
]

export function Tokens() {
  const { data, error, again } = useFetched<{ items: TokenInfo[] }>('/tokens')
  const [made, setMade] = useState<{ name: string; role: string; secret: string }>()
  const [revoking, setRevoking] = useState<TokenInfo>()
  return (
    <>
      {made && (
        <SecretOnce title={`Token ${made.name}`} secret={made.secret} onDone={() => setMade(undefined)}>
          <p>
            Programs send it as <code>Authorization: Bearer …</code>; the command line takes it from <code>STRATA_TOKEN</code>. It acts as{' '}
            <strong>token/{made.name}</strong> in the role {made.role}.
          </p>
        </SecretOnce>
      )}
      <Panel title="Tokens of the control API" flush>
        {error && <ProblemNote error={error} />}
        <DataTable
          label="Tokens of the control API"
          rows={data?.items ?? []}
          rowKey={({ name }) => name}
          empty={data && 'None yet. A token lets a program, such as your deployment, apply manifests and read what goes on.'}
          mark={({ expiresAt }) => (expiresAt !== undefined && expiresAt < Date.now() ? 'quiet' : undefined)}
          columns={[
            { heading: 'Name', cell: ({ name }) => <strong>{name}</strong> },
            { heading: 'Role', cell: ({ role }) => <Tag>{role}</Tag> },
            { heading: 'Made', align: 'right', cell: ({ createdAt }) => <Ago at={createdAt} /> },
            {
              heading: 'Expires',
              align: 'right',
              cell: ({ expiresAt }) =>
                expiresAt === undefined ? 'never' : expiresAt < Date.now() ? 'expired' : <Ago at={expiresAt} ahead />,
            },
            {
              heading: '',
              align: 'right',
              cell: (token) => (
                <Button size="compact-xs" variant="default" onClick={() => setRevoking(token)} aria-label={`Revoke ${token.name}`}>
                  Revoke…
                </Button>
              ),
            },
          ]}
        />
        <NewToken
          onMade={(token) => {
            setMade(token)
            again()
          }}
        />
      </Panel>
      <ConfirmByName
        opened={revoking !== undefined}
        onClose={() => setRevoking(undefined)}
        onConfirm={async () => {
          await sendJson('DELETE', `/tokens/${encodeURIComponent(revoking!.name)}`)
          again()
        }}
        title={`Revoke the token ${revoking?.name ?? ''}`}
        name={revoking?.name ?? ''}
        verb="Revoke it"
      >
        <p>
          Whatever uses it is refused from its next call on. It has the role <strong>{revoking?.role}</strong>; it cannot be brought back,
          only replaced.
        </p>
      </ConfirmByName>
    </>
  )
}

function NewToken({ onMade }: { readonly onMade: (token: { name: string; role: string; secret: string }) => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState('viewer')
  const [lasts, setLasts] = useState('90')
  const making = useAction()
  const make = async (event: FormEvent) => {
    event.preventDefault()
    const days = LASTS.find(({ value }) => value === lasts)?.days
    const expires = days === undefined ? undefined : new Date(Date.now() + days * DAY_MS).toISOString()
    const token = await making.run(() =>
      sendJson<{ name: string; role: string; secret: string }>('POST', '/tokens', { name: name.trim(), role, expires }),
    )
    if (!token) return
    setName('')
    onMade(token)
  }
  return (
    <div className="panel-foot">
      <form className="inline-form" onSubmit={make}>
        <TextInput
          label="New token for"
          placeholder="ci"
          size="xs"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="off"
        />
        <Select
          label="Role"
          size="xs"
          w={110}
          data={['viewer', 'editor', 'admin']}
          value={role}
          onChange={(value) => value !== null && setRole(value)}
          allowDeselect={false}
          comboboxProps={{ transitionProps: { duration: 0 } }}
        />
        <Select
          label="Lasts"
          size="xs"
          w={130}
          data={LASTS.map(({ value, label }) => ({ value, label }))}
          value={lasts}
          onChange={(value) => value !== null && setLasts(value)}
          allowDeselect={false}
          comboboxProps={{ transitionProps: { duration: 0 } }}
        />
        <Button type="submit" size="xs" disabled={name.trim() === ''} loading={making.busy}>
          Make the token
        </Button>
      </form>
      {making.error !== undefined && <ProblemNote error={making.error} />}
    </div>
  )
}
