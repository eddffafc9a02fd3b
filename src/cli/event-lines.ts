/** The last events of a history, newest last, as lines. Pure. */
import { formatAge } from '../kernel/units.ts'
import { type Line, wrapped } from './lines.ts'

interface Event {
  readonly time: string
  readonly event: string
  readonly message: string
}

/** With an empty line before them. `most`: so many events; none where it is below 1. */
export function eventLines(
  history: readonly Event[] | undefined,
  { columns, now, most }: { readonly columns: number; readonly now: number; readonly most: number },
): Line[] {
  const events = most < 1 ? [] : (history ?? []).slice(-most)
  if (events.length === 0) return []
  const widest = Math.max(...events.map(({ event }) => event.length))
  return [
    [],
    ...events.flatMap(({ time, event, message }) => {
      const front = `${formatAge(now - Date.parse(time)).padStart(4)}  ${event.padEnd(widest)}  `
      return wrapped(message, Math.max(16, columns - front.length)).map(
        (text, i): Line => [{ text: i === 0 ? front : ' '.repeat(front.length), tone: 'dim' }, { text }],
      )
    }),
  ]
}
