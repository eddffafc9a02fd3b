/**
 * What control says at a path, read anew when something has changed there (any resource, or `again`). A control that is away leaves what was
 * known; the frame says that it is old.
 */
import { useCallback, useEffect, useState } from 'react'
import { ApiError, getJson } from '../api/client.ts'
import { useSystem } from '../api/system.tsx'

export interface Fetched<T> {
  readonly data: T | undefined
  /** Why control refused; never that it is away. */
  readonly error: ApiError | undefined
  again(): void
}

/** `path` undefined: nothing is asked. `everyMs`: also after so long, for what changes without a resource doing so. */
export function useFetched<T>(path: string | undefined, everyMs?: number): Fetched<T> {
  const { status, connection } = useSystem()
  const resourceVersion = status?.store.resourceVersion
  const [asked, setAsked] = useState(0)
  const [found, setFound] = useState<{ path: string; data?: T; error?: ApiError }>()

  // biome-ignore lint/correctness/useExhaustiveDependencies: the versions and the connection say when to ask, and are no part of the question
  useEffect(() => {
    if (path === undefined) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      try {
        const data = await getJson<T>(path, abort.signal)
        setFound({ path, data })
      } catch (error) {
        if (abort.signal.aborted) return
        if (error instanceof ApiError && error.status !== 0) setFound({ path, error })
      }
      if (everyMs !== undefined && !abort.signal.aborted) timer = setTimeout(ask, everyMs)
    }
    void ask()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [path, resourceVersion, connection === 'live', asked, everyMs])

  const again = useCallback(() => setAsked((before) => before + 1), [])
  const current = found?.path === path ? found : undefined
  return { data: current?.data, error: current?.error, again }
}
