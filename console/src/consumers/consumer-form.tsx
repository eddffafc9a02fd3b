/** A new consumer, or another word on one that is there. */
import { Select, Switch, TagsInput, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { labelOf, type Manifest, manifestOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { AT_ONCE, NAME, ReviewedForm, useFetched } from '../parts/index.ts'
import type { Consumer } from './consumers.ts'

const PRIORITIES = [
  { value: 'interactive', label: 'interactive: somebody waits' },
  { value: 'standard', label: 'standard' },
  { value: 'batch', label: 'batch: after the others' },
]

export function ConsumerForm(props: {
  readonly consumer: Consumer | undefined
  readonly onApplied: (after: Resource) => void
  readonly onCancel: () => void
}) {
  const { onApplied, onCancel } = props
  const [consumer] = useState(props.consumer)
  const { routes } = useSystem()
  const limits = useFetched<{ items: Resource<'Limit'>[] }>('/limits').data?.items ?? []
  const [name, setName] = useState(consumer?.metadata.name ?? '')
  const [models, setModels] = useState<string[]>(consumer ? [...consumer.spec.models] : ['*'])
  const [priority, setPriority] = useState<string>(consumer?.spec.priority ?? 'standard')
  const [pins, setPins] = useState(consumer?.spec.pinVersions ?? true)
  const [chosen, setChosen] = useState<string[]>(consumer ? [...consumer.spec.limits] : [])
  const document: Manifest | undefined =
    NAME.test(name) && models.length > 0
      ? {
          ...(consumer ? manifestOf(consumer) : { apiVersion: 'strata.dev/v1alpha1', kind: 'Consumer', metadata: { name } }),
          spec: { ...consumer?.spec, models, priority, pinVersions: pins, limits: chosen },
        }
      : undefined
  return (
    <ReviewedForm
      title={consumer ? `Change of ${labelOf(consumer)}` : 'New consumer'}
      base={consumer}
      document={document}
      verb={consumer ? 'Apply' : 'Make the consumer'}
      onApplied={onApplied}
      onCancel={onCancel}
    >
      <div className="fields">
        {!consumer && (
          <TextInput
            label="Name"
            description="small letters, digits and -"
            placeholder="web"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={name !== '' && !NAME.test(name) ? 'Small letters, digits and -, as web-shop' : undefined}
            size="xs"
            autoComplete="off"
            spellCheck={false}
            data-autofocus
            autoFocus
          />
        )}
        <TagsInput
          label="Models"
          description="names that it may call; * for all"
          data={['*', ...new Set(routes.flatMap(({ spec }) => spec.models))]}
          value={models}
          onChange={setModels}
          size="xs"
          comboboxProps={AT_ONCE}
        />
        <Select
          label="Priority"
          description="who goes first in a queue"
          data={PRIORITIES}
          value={priority}
          onChange={(value) => value !== null && setPriority(value)}
          allowDeselect={false}
          size="xs"
          comboboxProps={AT_ONCE}
        />
        <TagsInput
          label="Limits"
          description="all count, the tightest decides"
          data={limits.map(({ metadata }) => metadata.name)}
          value={chosen}
          onChange={setChosen}
          size="xs"
          comboboxProps={AT_ONCE}
        />
      </div>
      <Switch
        label="May choose a version itself (model@v2)"
        checked={pins}
        onChange={(event) => setPins(event.currentTarget.checked)}
        size="xs"
      />
    </ReviewedForm>
  )
}
