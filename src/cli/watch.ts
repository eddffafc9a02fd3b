/** A resource that is looked at until nothing more happens to it: drawn anew on a terminal, event by event in a log, as JSON a line whenever it is different. */
import { messageOf, StrataError } from '../kernel/errors.ts'
import type { Metadata } from '../resources/scalars.ts'
import { EXIT, Exit } from './exit-codes.ts'
import { type Line, printLines } from './lines.ts'
import { canBeLive, pause, showLive } from './live-screen.ts'

const EVERY_MS = 1_000

interface Eventful {
  readonly metadata: Metadata
  readonly status?: { readonly history: readonly { readonly time: string; readonly event: string; readonly message: string }[] }
}

export interface Watched<Seen> {
  look(signal?: AbortSignal): Promise<Seen>
  resource(seen: Seen): Eventful
  isOver(seen: Seen): boolean
  /** `away`: why nothing newer is known. */
  lines(seen: Seen, size: { readonly columns: number; readonly rows?: number }, away?: string): readonly Line[]
}

export function printSeen<Seen>(seen: Seen, { resource, lines }: Watched<Seen>, { json }: { readonly json: boolean }): void {
  if (json) console.log(JSON.stringify(resource(seen), undefined, 2))
  else printLines((columns) => lines(seen, { columns }))
}

/** What it came to, which stands on the screen then. Whoever leaves before ends the command. */
export async function watchUntilOver<Seen>(first: Seen, watched: Watched<Seen>, { json }: { readonly json: boolean }): Promise<Seen> {
  if (json || !canBeLive()) return watchInLines(first, watched, json)
  const { last, left } = await showLive(first, watched)
  // Whoever waits for the end must not take this for it.
  if (left) throw new Exit(EXIT.interrupted)
  printSeen(last, watched, { json })
  return last
}

async function watchInLines<Seen>(first: Seen, watched: Watched<Seen>, json: boolean): Promise<Seen> {
  const { look, resource, isOver } = watched
  const tell = (seen: Seen, after: string) => {
    if (json) return console.log(JSON.stringify(resource(seen)))
    for (const { time, event, message } of resource(seen).status?.history ?? [])
      if (time > after) console.log(`${time}  ${event}  ${message}`)
  }
  let seen = first
  if (json) tell(seen, '')
  else printSeen(seen, watched, { json })
  let away = false
  while (!isOver(seen)) {
    await pause(EVERY_MS)
    try {
      const next = await look()
      const newest = resource(seen).status?.history.at(-1)?.time ?? ''
      if (!json || resource(next).metadata.resourceVersion !== resource(seen).metadata.resourceVersion) tell(next, newest)
      seen = next
      away = false
    } catch (error) {
      if (error instanceof StrataError && error.code === 'not_found') throw error
      if (!away) process.stderr.write(`reconnecting… ${messageOf(error)}\n`)
      away = true
    }
  }
  if (!json && seen !== first) {
    console.log()
    printSeen(seen, watched, { json })
  }
  return seen
}
