/** The states of an instance, the newest first: when it came to each and why, and how long it lasted. */
import './instances.css'
import { Ago } from '../parts/index.ts'
import { lasting } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { type Change, pastStates, STATES } from './instance-words.ts'

export function StateHistory({ changes }: { readonly changes: readonly Change[] }) {
  return (
    <ol className="state-history" aria-label="History of its states">
      {pastStates(changes).map(({ state, message, at, lasted }) => (
        <li key={`${at} ${state}`}>
          <span className="state-word">
            <StateMark health={STATES[state].health} label="" /> {state}
          </span>
          <span className="reason">{message}</span>
          <span className="quiet">
            {lasted !== undefined && `for ${lasting(lasted)}, `}
            <Ago at={at} />
          </span>
        </li>
      ))}
      {changes.length === 0 && <li className="quiet">None is known yet.</li>}
    </ol>
  )
}
