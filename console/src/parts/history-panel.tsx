/** What became of one resource: who changed it, when, and from what to what. The newest change can be undone. */
import type { Resource } from '../../../src/resources/index.ts'
import type { AuditEntry } from '../../../src/store/audit.ts'
import { inNamespace, type Manifest } from '../api/resources.ts'
import { Ago } from './ago.tsx'
import { DifferenceView } from './difference-view.tsx'
import { Panel } from './panel.tsx'
import { fieldsOf, isDeed, pastOf } from './past.ts'
import { useFetched } from './use-fetched.ts'

const SHOWN = 12
const DONE: Record<string, string> = {
  create: 'created it',
  change: 'changed',
  delete: 'deleted it',
  pause: 'paused it',
  resume: 'resumed it',
  promote: 'promoted it by a step',
  'promote-full': 'promoted it fully',
  abort: 'aborted it',
  retry: 'tried it again',
  undo: 'undid it',
  stop: 'stopped it',
}

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
  const past = pastOf(resource, data?.items ?? [])
  return (
    <Panel title="History">
      {error && <p className="quiet">{error.message}</p>}
      <ol className="history">
        {past.map(({ entry: { id, time, actor, action, diff }, differences, before }, at) => (
          <li key={id}>
            {isDeed(action) ? (
              <span className="grow">
                <strong>{actor}</strong> {DONE[action] ?? action}
              </span>
            ) : (
              <details>
                <summary>
                  <strong>{actor}</strong> {DONE[action] ?? action}
                  {action === 'change' && ` ${fieldsOf(diff)}`}
                </summary>
                <DifferenceView differences={differences} label={`What ${actor} ${DONE[action] ?? action}`} />
              </details>
            )}
            {at === 0 && before && onUndo && (
              <button type="button" className="plain" onClick={() => onUndo(before)}>
                Undo
              </button>
            )}
            <span className="quiet">
              <Ago at={time} />
            </span>
          </li>
        ))}
        {data && past.length === 0 && <li className="quiet">Nobody has touched it since the log begins.</li>}
      </ol>
    </Panel>
  )
}
