/** What failures mean: which is one, and who answers after it. Pure. */
import type { Attempt } from '../monitoring/request-records.ts'
import type { CompiledRoute, CompiledVersion } from '../resources/snapshot.ts'

export type FailureClass = NonNullable<Attempt['error']>

/** Who answers after `failures`: the same version again, the next fallback that names one of them, or nobody. Pure. */
export function nextStep(
  route: Pick<CompiledRoute, 'retries' | 'fallbacks'>,
  failures: readonly FailureClass[],
  state: { readonly retriesLeft: number; readonly otherInstance: boolean; readonly pinned: boolean; readonly fallbacksTried: number },
): { readonly retry: true } | { readonly fallback: number } | undefined {
  const retryable = failures.some((failure) => (failure === 'connect' || failure === 'unavailable') && route.retries.on.includes(failure))
  if (retryable && state.retriesLeft > 0 && state.otherInstance) return { retry: true }
  if (state.pinned) return undefined
  const reasons = failures.map(fallbackReason)
  for (let i = state.fallbacksTried; i < route.fallbacks.length; i++)
    if (route.fallbacks[i]!.on.some((reason) => reasons.includes(reason))) return { fallback: i }
  return undefined
}

function fallbackReason(failure: FailureClass): 'unavailable' | 'timeout' | 'overloaded' | undefined {
  switch (failure) {
    case 'connect':
    case 'unavailable':
    case 'no_instance':
    case 'upstream_error':
      return 'unavailable'
    case 'timeout':
      return 'timeout'
    case 'overloaded':
      return 'overloaded'
    case 'client_error':
    case 'cut':
    case 'aborted':
      return undefined
  }
}

/** What an answer's head says about the attempt; undefined when it is an answer to give. */
export function failureOfStatus(status: number): FailureClass | undefined {
  if (status === 429) return 'overloaded'
  if (status === 502 || status === 503 || status === 504) return 'unavailable'
  if (status >= 500) return 'upstream_error'
  return undefined
}

/** What a refusal of `version`'s server means; undefined when it is an answer to give. `judged`: by its words it is one. */
export function refusalOf({ source }: CompiledVersion, status: number, judged = false): FailureClass | undefined {
  // A server that is not ours has its own key for the gateway; that it is wrong is nobody's mistake who calls here.
  if (source.type !== 'engine' && (status === 401 || status === 403)) return 'unavailable'
  return judged ? undefined : failureOfStatus(status)
}
