/** What may be done, and doing it: one thing at a time, with its error kept until the next try. */
import { useCallback, useState } from 'react'
import { useSystem } from '../api/system.tsx'

const ROLES = ['viewer', 'editor', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Whether whoever is signed in has at least this role. False until that is known. */
export function useMay(needed: Role): boolean {
  const { session } = useSystem()
  return session !== undefined && ROLES.indexOf(session.role) >= ROLES.indexOf(needed)
}

/** Says so to those who may only look. */
export function MayNot({ needed, what }: { readonly needed: Role /** "change routes" */; readonly what: string }) {
  const { session } = useSystem()
  const may = useMay(needed)
  if (may || session === undefined) return null
  return (
    <p className="may-not" role="note">
      You are signed in as {session.role}. To {what} takes the role {needed}: <code>strata login --role {needed}</code> where Strata runs
      gives a link.
    </p>
  )
}

export interface Action {
  readonly busy: boolean
  readonly error: unknown
  /** Runs it unless something runs already. Resolves with its result, or with undefined when it failed: then `error` says why. */
  run<T>(work: () => Promise<T>): Promise<T | undefined>
  clear(): void
}

export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: undefined })
  const run = useCallback(async <T,>(work: () => Promise<T>): Promise<T | undefined> => {
    setState({ busy: true, error: undefined })
    try {
      const result = await work()
      setState({ busy: false, error: undefined })
      return result
    } catch (error) {
      setState({ busy: false, error })
      return undefined
    }
  }, [])
  const clear = useCallback(() => setState({ busy: false, error: undefined }), [])
  return { ...state, run, clear }
}
