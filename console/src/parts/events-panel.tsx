/** What happened to something, as its status keeps it. */
import { spaced } from '../shell/format.ts'
import { Ago } from './ago.tsx'
import { NewestFirst } from './newest-first.tsx'
import { Panel } from './panel.tsx'

interface Event {
  readonly time: string
  readonly event: string
  readonly message: string
}

export function EventsPanel({ events }: { readonly events: readonly Event[] }) {
  return (
    <Panel title="What happened">
      <NewestFirst
        className="events"
        items={events}
        none="Nothing yet."
        row={({ time, event, message }) => (
          <li key={`${time} ${event} ${message}`}>
            <strong>{inWords(event)}</strong>
            <span className="reason">{spaced(message)}</span>
            <span className="quiet">
              <Ago at={time} />
            </span>
          </li>
        )}
      />
    </Panel>
  )
}

/** "RolledBack" is "Rolled back". */
const inWords = (event: string) => event.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
