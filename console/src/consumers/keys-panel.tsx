/** A consumer's keys: when each was last used, a new one (its secret is shown this once), and revoking one, with word from every gateway. */
import { Button, Select, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { sendJson } from '../api/client.ts'
import { inNamespace, keyOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, CodeBlock, ConfirmByName, DataTable, Panel, ProblemNote, SecretOnce, Tag, useAction, useMay } from '../parts/index.ts'
import { milliseconds } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { type ApiKey, type Consumer, type KeyState, keyState } from './consumers.ts'

const DAY_MS = 86_400_000
const LASTS: readonly { readonly value: string; readonly label: string; readonly days?: number }[] = [
  { value: '30', label: '30 days', days: 30 },
  { value: '90', label: '90 days', days: 90 },
  { value: '365', label: 'a year', days: 365 },
  { value: 'never', label: 'until revoked' },
]
const TONES: Readonly<Record<KeyState, 'good' | 'busy' | 'bad' | undefined>> = {
  active: 'good',
  expiring: 'busy',
  expired: 'bad',
  revoked: undefined,
}

interface Revocation {
  readonly name: string
  readonly confirmed: boolean
  readonly tookMs: number
  readonly snapshot: number
}

export function KeysPanel(props: {
  readonly consumer: Consumer
  readonly keys: readonly ApiKey[]
  readonly uses: ReadonlyMap<string, number>
  readonly onChanged: () => void
}) {
  const { consumer, keys, uses, onChanged } = props
  const { status, routes } = useSystem()
  const may = useMay('admin')
  const [made, setMade] = useState<{ name: string; secret: string; confirmed: boolean }>()
  const [revoking, setRevoking] = useState<ApiKey>()
  const [revoked, setRevoked] = useState<Revocation>()
  const now = Date.now()
  const sorted = [...keys].sort((a, b) => Number(a.spec.revoked) - Number(b.spec.revoked) || a.metadata.name.localeCompare(b.metadata.name))
  const model = consumer.spec.models.find((name) => name !== '*') ?? routes[0]?.spec.models[0] ?? 'MODEL'
  const lastUse = revoking && uses.get(keyOf(revoking))
  const revoke = async () => {
    const { name, namespace } = revoking!.metadata
    const answer = await sendJson<Omit<Revocation, 'name'>>('POST', `/keys/${encodeURIComponent(name)}/revoke${inNamespace(namespace)}`)
    setRevoked({ ...answer, name })
    onChanged()
  }
  return (
    <>
      {made && (
        <SecretOnce title={`Key ${made.name}`} secret={made.secret} onDone={() => setMade(undefined)}>
          <p className="quiet">
            {made.confirmed ? 'Every gateway knows it already.' : 'Not every gateway has it yet; that takes a moment.'} Try it:
          </p>
          <CodeBlock title="A first request" code={curl(status?.gatewayUrl, made.secret, model)} />
        </SecretOnce>
      )}
      {revoked && <Revoked revocation={revoked} onClose={() => setRevoked(undefined)} />}
      <Panel title="Keys" flush>
        <DataTable
          label="Keys"
          rows={sorted}
          rowKey={keyOf}
          empty="None: nobody can call as this consumer yet."
          mark={(key) => (keyState(key, now) === 'revoked' ? 'quiet' : undefined)}
          columns={[
            {
              heading: 'Key',
              cell: ({ metadata, spec }) => (
                <span>
                  <strong>{metadata.name}</strong>
                  {spec.prefix && <span className="secondary mono">{spec.prefix}…</span>}
                </span>
              ),
            },
            {
              heading: 'State',
              cell: (key) => {
                const state = keyState(key, now)
                return <Tag tone={TONES[state]}>{state === 'expiring' ? 'expires soon' : state}</Tag>
              },
            },
            {
              heading: 'Last used',
              align: 'right',
              cell: (key) => {
                const used = uses.get(keyOf(key))
                if (used === undefined) return <span className="quiet">never</span>
                return (
                  <Link href={`/requests?key=${encodeURIComponent(key.metadata.name)}`}>
                    <Ago at={used} />
                  </Link>
                )
              },
            },
            {
              heading: 'Made',
              align: 'right',
              hide: 'narrow',
              cell: ({ metadata }) => (metadata.creationTimestamp ? <Ago at={metadata.creationTimestamp} /> : '–'),
            },
            {
              heading: 'Expires',
              align: 'right',
              cell: ({ spec }) =>
                spec.expires === undefined ? (
                  <span className="quiet">never</span>
                ) : (
                  <Ago at={spec.expires} ahead={Date.parse(spec.expires) > now} />
                ),
            },
            ...(may
              ? [
                  {
                    heading: '',
                    align: 'right' as const,
                    cell: (key: ApiKey) =>
                      key.spec.revoked ? null : (
                        <Button
                          size="compact-xs"
                          variant="default"
                          onClick={() => setRevoking(key)}
                          aria-label={`Revoke ${key.metadata.name}`}
                        >
                          Revoke…
                        </Button>
                      ),
                  },
                ]
              : []),
          ]}
        />
        {may ? (
          <NewKey
            consumer={consumer}
            onMade={(key) => {
              setMade(key)
              onChanged()
            }}
          />
        ) : (
          <p className="quiet panel-foot flat">Making and revoking keys takes the role admin.</p>
        )}
      </Panel>
      <ConfirmByName
        opened={revoking !== undefined}
        onClose={() => setRevoking(undefined)}
        onConfirm={revoke}
        title={`Revoke the key ${revoking?.metadata.name ?? ''}`}
        name={revoking?.metadata.name ?? ''}
        verb="Revoke it"
      >
        <p>
          Whoever still sends it gets 401 on the next request, on every gateway; answers that run now end as they would have.{' '}
          {lastUse === undefined ? (
            'It was never used.'
          ) : (
            <>
              It was last used{' '}
              <strong>
                <Ago at={lastUse} />
              </strong>
              .
            </>
          )}{' '}
          It cannot be brought back, only replaced.
        </p>
      </ConfirmByName>
    </>
  )
}

function Revoked({ revocation, onClose }: { readonly revocation: Revocation; readonly onClose: () => void }) {
  const { status } = useSystem()
  const { name, confirmed, tookMs, snapshot } = revocation
  const gateways = status?.gateways.filter(({ connected }) => connected) ?? []
  const silent = confirmed ? [] : gateways.filter(({ version }) => version < snapshot)
  const cutOff = status?.gateways.filter(({ connected, version }) => !connected && version < snapshot) ?? []
  return (
    <div className={silent.length > 0 || cutOff.length > 0 ? 'note bad' : 'note'} role="status">
      {silent.length > 0 ? (
        <>
          {name} is revoked, but not everywhere yet: {silent.map(({ id }) => id).join(', ')} still {silent.length === 1 ? 'has' : 'have'}{' '}
          it. This line follows it.
        </>
      ) : (
        <>
          {name} is revoked everywhere{confirmed && ` after ${milliseconds(tookMs)}`}: every gateway that is connected refuses it.
        </>
      )}
      {cutOff.length > 0 && ` Cut off from control, and so without word of it: ${cutOff.map(({ id }) => id).join(', ')}.`}{' '}
      <button type="button" className="plain" onClick={onClose}>
        Good
      </button>
    </div>
  )
}

function NewKey(props: {
  readonly consumer: Consumer
  readonly onMade: (key: { name: string; secret: string; confirmed: boolean }) => void
}) {
  const { consumer, onMade } = props
  const [name, setName] = useState('')
  const [lasts, setLasts] = useState('never')
  const making = useAction()
  const make = async (event: FormEvent) => {
    event.preventDefault()
    const days = LASTS.find(({ value }) => value === lasts)?.days
    const expires = days === undefined ? undefined : new Date(Date.now() + days * DAY_MS).toISOString()
    const { name: of, namespace } = consumer.metadata
    const made = await making.run(() =>
      sendJson<{ secret: string; key: ApiKey; confirmed: boolean }>('POST', '/keys', {
        consumer: of,
        namespace,
        expires,
        name: name.trim() || undefined,
      }),
    )
    if (!made) return
    setName('')
    onMade({ name: made.key.metadata.name, secret: made.secret, confirmed: made.confirmed })
  }
  return (
    <div className="panel-foot">
      <form className="inline-form" onSubmit={make}>
        <TextInput
          label="New key"
          placeholder={`${consumer.metadata.name}-…`}
          size="xs"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
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
        <Button type="submit" size="xs" loading={making.busy}>
          Make the key
        </Button>
      </form>
      {making.error !== undefined && <ProblemNote error={making.error} />}
    </div>
  )
}

function curl(gatewayUrl = 'http://127.0.0.1:7400', secret: string, model: string): string {
  return `curl -sN ${gatewayUrl}/v1/chat/completions \\\n  -H "Authorization: Bearer ${secret}" -H 'content-type: application/json' \\\n  -d '{"model":"${model}","messages":[{"role":"user","content":"Hello!"}]}'\n`
}
