/**
 * Changes of resources for whoever watches. The last few thousand are kept, so that a watcher that was away briefly goes on where it was;
 * one that was away longer is told to list again (`expired`, as Kubernetes' 410).
 */
import { StrataError } from '../kernel/errors.ts'
import type { ResourceEvent, ResourceStore } from '../store/index.ts'

export interface WatchHub {
  /** Calls back with everything after `since`, first what is kept, then what comes. Throws `expired` when that is no longer known. */
  follow(since: string, listener: (event: ResourceEvent) => void): () => void
  close(): void
}

export const KEPT_EVENTS = 4_096

export function createWatchHub(resources: ResourceStore, kept = KEPT_EVENTS): WatchHub {
  const recent: ResourceEvent[] = []
  /** Everything after this version is in `recent`. */
  let floor = Number(resources.resourceVersion())
  const listeners = new Set<(event: ResourceEvent) => void>()
  const unsubscribe = resources.onChange((events) => {
    for (const event of events) {
      recent.push(event)
      if (recent.length > kept) floor = versionOf(recent.shift()!)
      for (const listener of listeners) listener(event)
    }
  })
  return {
    follow(since, listener) {
      const from = Number(since)
      if (!Number.isSafeInteger(from) || from < 0)
        throw new StrataError('invalid_request', `resourceVersion ${JSON.stringify(since)} is not a number.`, {
          advice: 'Use the one of a list.',
        })
      if (from < floor)
        throw new StrataError('expired', `What changed since resourceVersion ${since} is no longer known.`, {
          advice: 'List again and watch from there.',
        })
      for (const event of recent) if (versionOf(event) > from) listener(event)
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      unsubscribe()
      listeners.clear()
    },
  }
}

function versionOf({ resource }: ResourceEvent): number {
  return Number(resource.metadata.resourceVersion)
}
