/** The filters: chips that can be taken away, one field that takes any of them, and how far back. */
import { Autocomplete, Select } from '@mantine/core'
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { Resource } from '../../../src/resources/index.ts'
import { useSystem } from '../api/system.tsx'
import { useFetched } from '../parts/index.ts'
import { setParameters } from '../shell/router.tsx'
import { type Chip, type Choices, OUTCOMES, readChip, suggestions } from './filters.ts'

const WINDOWS: readonly { readonly value: string; readonly label: string }[] = [
  { value: '', label: 'Any time' },
  { value: '15m', label: 'Last 15 min' },
  { value: '1h', label: 'Last hour' },
  { value: '24h', label: 'Last 24 hours' },
  { value: '7d', label: 'Last 7 days' },
]

export function FilterBar({
  chips,
  since,
  bounded,
}: {
  readonly chips: readonly Chip[]
  readonly since: string
  readonly bounded: boolean
}) {
  const [typed, setTyped] = useState('')
  const [unclear, setUnclear] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const choices = useChoices()
  const offered = useMemo(() => suggestions(typed, choices), [typed, choices])

  useEffect(() => {
    // "/" goes to the filter, as it does wherever there is much to look through.
    const onKey = (event: globalThis.KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, [role=dialog]')) return
      event.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])

  const add = (text: string): boolean => {
    const chip = readChip(text)
    if (!chip) return false
    setParameters({ [chip.field.name]: chip.value, ...(chip.field.name === 'from' ? { since: undefined } : {}) })
    setTyped('')
    setUnclear(false)
    return true
  }
  const onOption = (option: string) => {
    if (!option.endsWith(':') && add(option)) return
    // A field alone: its value is still to be said.
    queueMicrotask(() => setTyped(option))
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Backspace' && typed === '') {
      const last = chips.at(-1)
      if (last) setParameters({ [last.field.name]: undefined })
    }
    if (event.key !== 'Enter' || typed.trim() === '') return
    // A suggestion that is marked comes by `onOptionSubmit`.
    if (input.current?.getAttribute('aria-activedescendant')) return
    event.preventDefault()
    if (!add(typed)) setUnclear(true)
  }
  return (
    <search className="filter-bar" aria-label="Filters">
      <Autocomplete
        ref={input}
        className="filter-input"
        aria-label="Add a filter"
        placeholder="Filter: route:…  5xx  >2s  request id"
        size="xs"
        data={offered}
        filter={({ options }) => options}
        value={typed}
        onChange={(value) => {
          setTyped(value)
          setUnclear(false)
        }}
        onOptionSubmit={onOption}
        onKeyDown={onKey}
        error={unclear && 'Say field:value, a status, a duration or a part of an id.'}
        comboboxProps={{ transitionProps: { duration: 0 } }}
        maxDropdownHeight={320}
        spellCheck={false}
        autoComplete="off"
      />
      <Select
        aria-label="Time"
        size="xs"
        w={128}
        data={WINDOWS.map(({ value, label }) => ({ value, label }))}
        value={bounded ? null : WINDOWS.some(({ value }) => value === since) ? since : null}
        placeholder={bounded ? 'From … to' : since}
        onChange={(value) => value !== null && setParameters({ since: value || undefined, from: undefined, to: undefined })}
        allowDeselect={false}
        comboboxProps={{ transitionProps: { duration: 0 } }}
      />
      {chips.map(({ field, value }) => (
        <button
          key={field.name}
          type="button"
          className="chip"
          onClick={() => setParameters({ [field.name]: undefined })}
          aria-label={`Take away the filter ${field.word}: ${value}`}
        >
          <span className="quiet">{field.word}</span> {shown(field.name, value)} <span aria-hidden>×</span>
        </button>
      ))}
      {chips.length > 1 && (
        <button
          type="button"
          className="plain"
          onClick={() => setParameters(Object.fromEntries(chips.map(({ field }) => [field.name, undefined])))}
        >
          Clear
        </button>
      )}
    </search>
  )
}

function shown(name: string, value: string): string {
  if (name !== 'from' && name !== 'to') return value
  const time = new Date(/^\d+$/.test(value) ? Number(value) : value)
  return Number.isNaN(time.getTime()) ? value : time.toLocaleString()
}

function useChoices(): Choices {
  const { routes, versions } = useSystem()
  const consumers = useFetched<{ items: Resource<'Consumer'>[] }>('/consumers').data?.items
  const limits = useFetched<{ items: Resource<'Limit'>[] }>('/limits').data?.items
  return useMemo(() => {
    const names = (all: readonly Resource[] | undefined) => [...new Set(all?.map(({ metadata }) => metadata.name))].sort()
    return {
      outcome: OUTCOMES,
      status: ['4xx', '5xx', '429', '401'],
      slowerThan: ['500ms', '1s', '5s', '30s'],
      route: names(routes),
      model: [...new Set(routes.flatMap(({ spec }) => spec.models))].sort(),
      version: names(versions),
      assigned: names(versions),
      served: names(versions),
      consumer: names(consumers),
      refusedBy: names(limits),
    }
  }, [routes, versions, consumers, limits])
}
