/**
 * Filters as chips: they stand in the address, so that what one sees can be sent to somebody else. The words are those of `strata logs`. Pure,
 * but for the list of what there is to choose from.
 */
export interface Field {
  /** Name in the address and at the API. */
  readonly name: string
  /** What one types before the colon, and what the chip says. */
  readonly word: string
  readonly hint: string
}

export const FIELDS: readonly Field[] = [
  { name: 'outcome', word: 'outcome', hint: 'failed, limited, timeout, …' },
  { name: 'status', word: 'status', hint: '429, 5xx' },
  { name: 'route', word: 'route', hint: 'name of a route' },
  { name: 'model', word: 'model', hint: 'the model name that the client wrote' },
  { name: 'version', word: 'version', hint: 'assigned or served' },
  { name: 'assigned', word: 'assigned', hint: 'the version that was chosen' },
  { name: 'served', word: 'served', hint: 'the version that answered' },
  { name: 'consumer', word: 'consumer', hint: 'who called' },
  { name: 'key', word: 'key', hint: 'with which API key' },
  { name: 'refusedBy', word: 'limit', hint: 'which limit refused' },
  { name: 'slowerThan', word: 'slower', hint: 'took at least: 800ms, 2s' },
  { name: 'id', word: 'id', hint: 'a part of the request id, yours or ours' },
  { name: 'error', word: 'error', hint: 'error code of the answer' },
  { name: 'namespace', word: 'namespace', hint: 'of the route' },
  { name: 'from', word: 'from', hint: '2026-11-25T10:00Z' },
  { name: 'to', word: 'to', hint: '2026-11-25T11:00Z' },
]

export interface Chip {
  readonly field: Field
  readonly value: string
}

export function chipsOf(address: URLSearchParams): Chip[] {
  return FIELDS.flatMap((field) => {
    const value = address.get(field.name)
    return value === null || value === '' ? [] : [{ field, value }]
  })
}

/** The part of the address that control filters by. */
export function filterQuery(address: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams(chipsOf(address).map(({ field, value }) => [field.name, value]))
  const since = address.get('since')
  if (since && !query.has('from')) query.set('since', since)
  return query
}

/** Whether requests that finish from now on can match. */
export function isLive(address: URLSearchParams, now: number): boolean {
  const to = address.get('to')
  if (to === null) return true
  const end = /^\d+$/.test(to) ? Number(to) : Date.parse(to)
  return !(end < now)
}

/** "status:5xx" is that filter; "5xx" and "req_01…" are understood too. Undefined when it is not a filter (yet). */
export function readChip(text: string): Chip | undefined {
  const typed = text.trim()
  const colon = typed.indexOf(':')
  if (colon > 0) {
    const field = fieldOf(typed.slice(0, colon).trim())
    const value = typed.slice(colon + 1).trim()
    return field && value !== '' ? { field, value } : undefined
  }
  if (/^[1-5](\d\d|xx)$/.test(typed)) return { field: byName('status'), value: typed }
  if (OUTCOMES.includes(typed)) return { field: byName('outcome'), value: typed }
  if (/^>?\s*\d+(\.\d+)?(ms|s|m)$/.test(typed)) return { field: byName('slowerThan'), value: typed.replace(/^>?\s*/, '') }
  return typed.length >= 4 ? { field: byName('id'), value: typed } : undefined
}

export const OUTCOMES: readonly string[] = [
  'ok',
  'failed',
  'limited',
  'refused',
  'client_error',
  'overloaded',
  'upstream_error',
  'timeout',
  'aborted',
  'cut',
]

/** What there is to choose from, by field. */
export type Choices = Readonly<Partial<Record<string, readonly string[]>>>

/** What may be meant by what is typed so far: fields, then their values. At most `most`. */
export function suggestions(text: string, choices: Choices, most = 12): string[] {
  const typed = text.trimStart()
  const colon = typed.indexOf(':')
  if (colon > 0) {
    const field = fieldOf(typed.slice(0, colon).trim())
    const begun = typed
      .slice(colon + 1)
      .trim()
      .toLowerCase()
    const values = field ? (choices[field.name] ?? []) : []
    return values
      .filter((value) => value.toLowerCase().includes(begun))
      .slice(0, most)
      .map((value) => `${field!.word}:${value}`)
  }
  const begun = typed.toLowerCase()
  const fields = FIELDS.filter(({ word }) => word.startsWith(begun)).map(({ word }) => `${word}:`)
  if (begun === '') return fields
  const values = FIELDS.flatMap(({ name, word }) =>
    (choices[name] ?? []).filter((value) => value.toLowerCase().includes(begun)).map((value) => `${word}:${value}`),
  )
  return [...fields, ...values].slice(0, most)
}

function fieldOf(word: string): Field | undefined {
  return FIELDS.find((field) => field.word === word || field.name === word)
}

function byName(name: string): Field {
  return FIELDS.find((field) => field.name === name)!
}
