/** The conditions of a resource: what holds, what does not and why, and since when. */
import type { Condition } from '../../../src/resources/scalars.ts'
import { Ago } from './ago.tsx'
import { Panel } from './panel.tsx'
import { Tag } from './tag.tsx'

export function ConditionsPanel({ conditions = [] }: { readonly conditions: readonly Condition[] | undefined }) {
  if (conditions.length === 0) return null
  return (
    <Panel title="Conditions">
      <ul className="conditions">
        {conditions.map(({ type, status, reason, message, lastTransitionTime }) => (
          <li key={type}>
            <strong>{type}</strong>{' '}
            <Tag tone={status === 'True' ? 'good' : status === 'False' ? 'bad' : 'busy'}>
              {status === 'True' ? 'yes' : status === 'False' ? 'no' : 'unknown'}
            </Tag>{' '}
            {reason !== type && reason}{' '}
            <span className="quiet">
              <Ago at={lastTransitionTime} />
            </span>
            {message && <span className="secondary">{message}</span>}
          </li>
        ))}
      </ul>
    </Panel>
  )
}
