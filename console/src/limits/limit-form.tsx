/** A new limit, or another word on one that is there: whom it counts, and its rules. */
import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Resource, Spec } from '../../../src/resources/index.ts'
import { labelOf, type Manifest, manifestOf } from '../api/resources.ts'
import { AT_ONCE, DURATION, NAME, ReviewedForm } from '../parts/index.ts'
import type { Limit } from './limits.ts'

type Rule = Spec<'Limit'>['rules'][number]
interface Draft {
  readonly sort: 'requests' | 'tokens' | 'concurrent'
  readonly amount: number | undefined
  readonly every: string
  readonly burst: number | undefined
}

const PER = [
  { value: 'key', label: 'each key' },
  { value: 'consumer', label: 'each consumer' },
  { value: 'model', label: 'each model' },
  { value: 'route', label: 'each route' },
  { value: 'all', label: 'all together' },
]
const SORTS = [
  { value: 'requests', label: 'requests' },
  { value: 'tokens', label: 'tokens' },
  { value: 'concurrent', label: 'at the same time' },
]

export function draftOf(rule: Rule): Draft {
  if ('concurrent' in rule) return { sort: 'concurrent', amount: rule.concurrent, every: '1m', burst: undefined }
  if ('requests' in rule) return { sort: 'requests', amount: rule.requests, every: rule.every, burst: rule.burst }
  return { sort: 'tokens', amount: rule.tokens, every: rule.every, burst: rule.burst }
}

/** Undefined while something is missing. */
export function ruleOf({ sort, amount, every, burst }: Draft): Rule | undefined {
  if (amount === undefined || amount < 1) return undefined
  if (sort === 'concurrent') return { concurrent: amount }
  if (!DURATION.test(every)) return undefined
  const rest = { every, ...(burst === undefined ? {} : { burst }) }
  return sort === 'requests' ? { requests: amount, ...rest } : { tokens: amount, ...rest }
}

export function LimitForm(props: {
  readonly limit: Limit | undefined
  readonly onApplied: (after: Resource) => void
  readonly onCancel: () => void
}) {
  const { onApplied, onCancel } = props
  const [limit] = useState(props.limit)
  const [name, setName] = useState(limit?.metadata.name ?? '')
  const [per, setPer] = useState<string>(limit?.spec.per ?? 'consumer')
  const [drafts, setDrafts] = useState<readonly Draft[]>(
    limit ? limit.spec.rules.map(draftOf) : [{ sort: 'requests', amount: 60, every: '1m', burst: undefined }],
  )
  const rules = drafts.map(ruleOf)
  const document: Manifest | undefined =
    NAME.test(name) && rules.length > 0 && rules.every((rule) => rule !== undefined)
      ? {
          ...(limit ? manifestOf(limit) : { apiVersion: 'strata.dev/v1alpha1', kind: 'Limit', metadata: { name } }),
          spec: { ...limit?.spec, per, rules },
        }
      : undefined
  const change = (at: number, more: Partial<Draft>) => setDrafts(drafts.map((draft, i) => (i === at ? { ...draft, ...more } : draft)))
  return (
    <ReviewedForm
      title={limit ? `Change of ${labelOf(limit)}` : 'New limit'}
      base={limit}
      document={document}
      verb={limit ? 'Apply' : 'Make the limit'}
      onApplied={onApplied}
      onCancel={onCancel}
    >
      <div className="fields">
        {!limit && (
          <TextInput
            label="Name"
            placeholder="per-key"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={name !== '' && !NAME.test(name) ? 'Small letters, digits and -, as per-key' : undefined}
            size="xs"
            autoComplete="off"
            spellCheck={false}
            autoFocus
          />
        )}
        <Select
          label="Counted for"
          data={PER}
          value={per}
          onChange={(value) => value !== null && setPer(value)}
          allowDeselect={false}
          size="xs"
          comboboxProps={AT_ONCE}
        />
      </div>
      <fieldset className="rules-form">
        <legend>Rules: all of them hold</legend>
        {drafts.map(({ sort, amount, every, burst }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a rule has no other identity than its place
          <div key={at} className="rule-form">
            <NumberInput
              aria-label={`Rule ${at + 1}: how many`}
              value={amount ?? ''}
              onChange={(value) => change(at, { amount: typeof value === 'number' ? value : undefined })}
              min={1}
              allowDecimal={false}
              allowNegative={false}
              thousandSeparator=","
              size="xs"
              w={120}
            />
            <Select
              aria-label={`Rule ${at + 1}: of what`}
              data={SORTS}
              value={sort}
              onChange={(value) => value !== null && change(at, { sort: value as Draft['sort'] })}
              allowDeselect={false}
              size="xs"
              w={150}
              comboboxProps={AT_ONCE}
            />
            {sort !== 'concurrent' && (
              <>
                <TextInput
                  aria-label={`Rule ${at + 1}: in which time`}
                  leftSection={<span className="quiet">in</span>}
                  value={every}
                  onChange={(event) => change(at, { every: event.currentTarget.value.trim() })}
                  error={!DURATION.test(every)}
                  size="xs"
                  w={90}
                  autoComplete="off"
                />
                <NumberInput
                  aria-label={`Rule ${at + 1}: most at once`}
                  placeholder="all"
                  leftSection={<span className="quiet">burst</span>}
                  leftSectionWidth={46}
                  value={burst ?? ''}
                  onChange={(value) => change(at, { burst: typeof value === 'number' ? value : undefined })}
                  min={1}
                  allowDecimal={false}
                  allowNegative={false}
                  thousandSeparator=","
                  size="xs"
                  w={140}
                />
              </>
            )}
            {drafts.length > 1 && (
              <button
                type="button"
                className="plain quiet"
                onClick={() => setDrafts(drafts.filter((_, i) => i !== at))}
                aria-label={`take out rule ${at + 1}`}
              >
                take out
              </button>
            )}
          </div>
        ))}
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => setDrafts([...drafts, { sort: 'tokens', amount: undefined, every: '1m', burst: undefined }])}
        >
          Add a rule
        </Button>
      </fieldset>
    </ReviewedForm>
  )
}
