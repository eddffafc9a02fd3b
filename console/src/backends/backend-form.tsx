/** A new backend, or another word on one that is there: what it speaks and where, by which secret, how it is looked after. */
import { NumberInput, Select, Switch, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Resource, Spec } from '../../../src/resources/index.ts'
import { labelOf, type Manifest, manifestOf } from '../api/resources.ts'
import { AT_ONCE, DURATION, NAME, ReviewedForm } from '../parts/index.ts'
import type { Backend } from './backends.ts'
import { isAddress, referenceOf, type SecretDraft, secretDraftOf, specOf } from './draft.ts'
import { PROTOCOLS } from './words.ts'

type Protocol = Spec<'Backend'>['protocol']

const SECRETS = [
  { value: 'none', label: 'none' },
  { value: 'env', label: 'an environment variable' },
  { value: 'file', label: 'a file' },
]

export function BackendForm(props: {
  readonly backend: Backend | undefined
  readonly onApplied: (after: Resource) => void
  readonly onCancel: () => void
}) {
  const { onApplied, onCancel } = props
  const [backend] = useState(props.backend)
  const before = backend?.spec
  const [name, setName] = useState(backend?.metadata.name ?? '')
  const [protocol, setProtocol] = useState<Protocol>(before?.protocol ?? 'openai')
  const [address, setAddress] = useState(before?.address ?? '')
  const [secret, setSecret] = useState(secretDraftOf(before?.credentials?.bearer))
  const [management, setManagement] = useState(before?.management?.address ?? '')
  const [managementSecret, setManagementSecret] = useState(secretDraftOf(before?.management?.credentials?.bearer))
  const [period, setPeriod] = useState(before?.health.period ?? '10s')
  const [discovers, setDiscovers] = useState(before ? before.discovery?.models === true : true)
  const [most, setMost] = useState<number | undefined>(before?.maxConcurrent ?? 256)
  const [manages, setManages] = useState(before?.manage ?? false)
  // Where another was given one all the same, it can be taken away.
  const asksManagement = protocol === 'torchserve' || protocol === 'tensorflow-serving' || before?.management !== undefined
  const asksManages = protocol !== 'openai' || before?.manage === true
  const spec = specOf(before, {
    protocol,
    address,
    secret,
    manages: manages && asksManages,
    management: asksManagement ? management : '',
    managementSecret,
    period,
    discovers,
    most,
  })
  const document: Manifest | undefined =
    NAME.test(name) && spec
      ? { ...(backend ? manifestOf(backend) : { apiVersion: 'strata.dev/v1alpha1', kind: 'Backend', metadata: { name } }), spec }
      : undefined
  const example = PROTOCOLS[protocol].address
  return (
    <ReviewedForm
      title={backend ? `Change of ${labelOf(backend)}` : 'New backend'}
      base={backend}
      document={document}
      verb={backend ? 'Apply' : 'Make the backend'}
      onApplied={onApplied}
      onCancel={onCancel}
    >
      <div className="fields">
        {!backend && (
          <TextInput
            label="Name"
            placeholder="our-vllm"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={name !== '' && !NAME.test(name) ? 'Small letters, digits and -, as our-vllm' : undefined}
            size="xs"
            autoComplete="off"
            spellCheck={false}
            autoFocus
          />
        )}
        <Select
          label="Speaks"
          data={Object.entries(PROTOCOLS).map(([value, { name: label }]) => ({ value, label }))}
          value={protocol}
          onChange={(value) => value !== null && setProtocol(value as Protocol)}
          allowDeselect={false}
          size="xs"
          comboboxProps={AT_ONCE}
        />
        <TextInput
          label={protocol === 'openai' ? 'Address, with its /v1' : 'Address'}
          placeholder={example}
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value.trim())}
          error={address !== '' && !isAddress(address) ? `As ${example}` : undefined}
          size="xs"
          autoComplete="off"
          spellCheck={false}
        />
        <Secret label="Its key" secret={secret} onChange={setSecret} />
        {asksManagement && (
          <TextInput
            label="Management address"
            placeholder={PROTOCOLS[protocol].management}
            value={management}
            onChange={(event) => setManagement(event.currentTarget.value.trim())}
            error={management !== '' && !isAddress(management) ? `As ${PROTOCOLS[protocol].management}, or nothing` : undefined}
            size="xs"
            autoComplete="off"
            spellCheck={false}
          />
        )}
        {asksManagement && management !== '' && <Secret label="Its key there" secret={managementSecret} onChange={setManagementSecret} />}
        <TextInput
          label="Asked whether it answers, every"
          value={period}
          onChange={(event) => setPeriod(event.currentTarget.value.trim())}
          error={!DURATION.test(period) ? 'As 10s or 1m' : undefined}
          size="xs"
          autoComplete="off"
        />
        <NumberInput
          label="Most at once, each gateway"
          value={most ?? ''}
          onChange={(value) => setMost(typeof value === 'number' ? value : undefined)}
          min={1}
          max={100_000}
          allowDecimal={false}
          allowNegative={false}
          thousandSeparator=","
          size="xs"
        />
      </div>
      <Switch
        label="Ask it which models it has, and show them"
        checked={discovers}
        onChange={(event) => setDiscovers(event.currentTarget.checked)}
        size="xs"
      />
      {asksManages && (
        <Switch
          label="Load and unload its models, as versions name them"
          description={protocol === 'tensorflow-serving' ? 'What no version names is gone from it then, whoever loaded it.' : undefined}
          checked={manages}
          onChange={(event) => setManages(event.currentTarget.checked)}
          size="xs"
        />
      )}
    </ReviewedForm>
  )
}

/** Where a secret is read from: its place, never the secret. */
function Secret({
  label,
  secret,
  onChange,
}: {
  readonly label: string
  readonly secret: SecretDraft
  readonly onChange: (secret: SecretDraft) => void
}) {
  const { from, place } = secret
  return (
    <>
      <Select
        label={`${label} is read from`}
        data={SECRETS}
        value={from}
        onChange={(value) => value !== null && onChange({ from: value as SecretDraft['from'], place: '' })}
        allowDeselect={false}
        size="xs"
        comboboxProps={AT_ONCE}
      />
      {from !== 'none' && (
        <TextInput
          label={from === 'env' ? 'Name of the variable' : 'Path of the file'}
          placeholder={from === 'env' ? 'VLLM_KEY' : '/run/secrets/vllm'}
          value={place}
          onChange={(event) => onChange({ from, place: event.currentTarget.value.trim() })}
          error={place !== '' && !referenceOf(secret) ? 'Letters, digits and _, as VLLM_KEY: the name, not the key' : undefined}
          size="xs"
          autoComplete="off"
          spellCheck={false}
        />
      )}
    </>
  )
}
