/** What became of one resource: who changed it, when, and from what to what. The newest change can be undone. */

import { formatPath } from '../../../src/resources/field-problem.ts'
import type { Resource } from '../../../src/resources/index.ts'
import type { AuditEntry } from '../../../src/store/audit.ts'
import { type Difference, undone } from '../../../src/store/difference.ts'
import { inNamespace, type Manifest, manifestOf, writtenOf } from '../api/resources.ts'
import { Ago } from './ago.tsx'
import { Panel } from './panel.tsx'
import { useFetched } from './use-fetched.ts'

const SHOWN = 12
const DONE: Record<string, string> = { create: 'created it', change: 'changed', delete: 'deleted it' }

export function HistoryPanel(props: {
  /** "routes" */
  readonly plural: string
  readonly resource: Resource
  /** Offered beside the newest change, where it can be undone; gets the manifest from before it. */
  readonly onUndo?: (document: Manifest) => void
}) {
  const { plural, resource, onUndo } = props
  const { namespace, name } = resource.metadata
  const query = inNamespace(namespace)
  const { data, error } = useFetched<{ items: AuditEntry[] }>(`/${plural}/${name}/history${query ? `${query}&` : '?'}limit=${SHOWN}`)
  const items = data?.items ?? []
  const before = items[0]?.action === 'change' ? manifestBefore(resource, items[0].diff) : undefined
  return (
    <Panel title="History">
      {error && <p className="quiet">{error.message}</p>}
      <ol className="history">
        {items.map(({ id, time, actor, action, diff }, at) => (
          <li key={id}>
            <div className="history-head">
              <span>
                <strong>{actor}</strong> {DONE[action] ?? action}
                {action === 'change' && <span className="quiet"> {fieldsOf(diff)}</span>}
              </span>
              <span className="quiet">
                <Ago at={time} />
              </span>
              {at === 0 && before && onUndo && (
                <button type="button" className="plain" onClick={() => onUndo(before)}>
                  Undo
                </button>
              )}
            </div>
          </li>
        ))}
        {data && items.length === 0 && <li className="quiet">Nobody has touched it since the log begins.</li>}
      </ol>
    </Panel>
  )
}

/** The manifest as it was before the change; undefined when the resource is not what that change has made of it. */
function manifestBefore(resource: Resource, made: readonly Difference[]): Manifest | undefined {
  const found = undone(writtenOf(resource), made)?.value as { metadata: Manifest['metadata']; spec: unknown } | undefined
  if (!found) return undefined
  const { labels, annotations } = found.metadata
  const now = manifestOf(resource)
  const { name, namespace } = now.metadata
  return {
    ...now,
    metadata: { name, ...(namespace ? { namespace } : {}), ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
    spec: found.spec,
  }
}

const MOST_FIELDS = 3

function fieldsOf(diff: readonly Difference[]): string {
  const told = diff.slice(0, MOST_FIELDS).map(({ path, before, after }) => {
    const field = formatPath(path[0] === 'spec' ? path.slice(1) : path)
    return isShort(before) && isShort(after) ? `${field} ${shown(before)} → ${shown(after)}` : field
  })
  return `${told.join(', ')}${diff.length > MOST_FIELDS ? ` and ${diff.length - MOST_FIELDS} more` : ''}`
}

const isShort = (value: unknown) => value === undefined || (typeof value !== 'object' && String(value).length <= 24)
const shown = (value: unknown) => (value === undefined ? 'unset' : String(value))
