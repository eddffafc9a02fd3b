/**
 * A resource's past, walked back from what it is now: each change undone on what the next one began with. As far as that goes (until somebody
 * deleted it, or the log does not fit), every entry has the whole before and after. Pure.
 */
import type { Resource } from '../../../src/resources/index.ts'
import type { AuditEntry } from '../../../src/store/audit.ts'
import { type Difference, undone } from '../../../src/store/difference.ts'
import { type Manifest, manifestOf, writtenOf } from '../api/resources.ts'

export interface Past {
  readonly entry: AuditEntry
  /** What changed: as whole values where they are known, else field by field as the log has it. */
  readonly differences: readonly Difference[]
  /** Undefined for what made it, and where the log does not lead. */
  readonly before: Manifest | undefined
}

/** `entries` newest first, as control tells them. */
export function pastOf(resource: Resource, entries: readonly AuditEntry[]): Past[] {
  let after: unknown = writtenOf(resource)
  return entries.map((entry) => {
    if (isDeed(entry.action)) return { entry, differences: [], before: undefined }
    const found = entry.action === 'change' && after !== undefined ? undone(after, entry.diff) : undefined
    const whole = found && [{ path: [], before: found.value, after }]
    after = found?.value
    return { entry, differences: whole ?? entry.diff, before: found && manifestFrom(resource, found.value) }
  })
}

/** Something that was told to it: nothing that is written changes by that. */
export function isDeed(action: string): boolean {
  return action !== 'create' && action !== 'change' && action !== 'delete'
}

function manifestFrom(resource: Resource, written: unknown): Manifest {
  const { metadata, spec } = written as Pick<Manifest, 'metadata' | 'spec'>
  const now = manifestOf(resource)
  const { name, namespace } = now.metadata
  const { labels, annotations } = metadata
  return {
    ...now,
    metadata: { name, ...(namespace ? { namespace } : {}), ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    spec,
  }
}

const MOST_FIELDS = 3

/** "retries.attempts 1 → 0, targets": values where they are short and stand in no list. */
export function fieldsOf(diff: readonly Difference[]): string {
  const told = new Set(
    diff.map(({ path, before, after }) => {
      const fields = path[0] === 'spec' ? path.slice(1) : path
      const list = fields.findIndex((step) => typeof step === 'number')
      const name = (list === -1 ? fields : fields.slice(0, list)).join('.')
      return list === -1 && isShort(before) && isShort(after) ? `${name} ${shown(before)} → ${shown(after)}` : name
    }),
  )
  const all = [...told]
  return `${all.slice(0, MOST_FIELDS).join(', ')}${all.length > MOST_FIELDS ? ` and ${all.length - MOST_FIELDS} more` : ''}`
}

const isShort = (value: unknown) => value === undefined || (typeof value !== 'object' && String(value).length <= 24)
const shown = (value: unknown) => (value === undefined ? 'unset' : String(value))
