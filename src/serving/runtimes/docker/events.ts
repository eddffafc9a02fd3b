/** Follows Docker's events for as long as it may, over restarts of the daemon. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DockerEngine } from './engine-api.ts'
import type { ContainerEvent } from './shapes.ts'

const FIRST_WAIT_MS = 200
const LONGEST_WAIT_MS = 5_000

export interface FollowOptions {
  readonly engine: Pick<DockerEngine, 'events'>
  readonly label: string
  /** Seconds since the epoch: where to begin. */
  readonly since: number
  readonly signal: AbortSignal
  readonly onEvent: (event: ContainerEvent) => void
  /** The daemon is there, for the first time or again: much may have happened. */
  readonly onConnected: () => void
  readonly onLost: (error: unknown) => void
}

/** Resolves when `signal` is aborted. Each event comes once. */
export async function followEvents({ engine, label, since, signal, onEvent, onConnected, onLost }: FollowOptions): Promise<void> {
  let last = since * 1e9
  let wait = FIRST_WAIT_MS
  while (!signal.aborted) {
    try {
      const events = await engine.events(label, Math.floor(last / 1e9))
      wait = FIRST_WAIT_MS
      onConnected()
      for await (const event of events) {
        if (event.timeNano <= last) continue
        last = event.timeNano
        onEvent(event)
      }
      if (!signal.aborted) onLost(new Error('the daemon ended the stream of events'))
    } catch (error) {
      if (signal.aborted) return
      onLost(error)
    }
    await sleep(wait, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
    wait = Math.min(LONGEST_WAIT_MS, wait * 2)
  }
}
