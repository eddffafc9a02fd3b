/** Outcomes and error codes in words: how a request ended, whose business that is, and what to do. Pure. */
import type { Attempt, FinishedRecord, Outcome } from '../../../src/monitoring/request-records.ts'
import type { Health } from '../shell/state-mark.tsx'

export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  ok: 'ok',
  client_error: 'client error',
  refused: 'refused',
  limited: 'over a limit',
  overloaded: 'overloaded',
  upstream_error: 'model failed',
  timeout: 'timed out',
  aborted: 'client left',
  cut: 'cut off',
}

export function healthOf(outcome: Outcome): Health {
  switch (outcome) {
    case 'ok':
      return 'good'
    case 'client_error':
    case 'refused':
    case 'limited':
      return 'busy'
    case 'aborted':
      return 'idle'
    case 'overloaded':
    case 'upstream_error':
    case 'timeout':
    case 'cut':
      return 'bad'
  }
}

export interface Explanation {
  readonly what: string
  readonly todo: string
}

/** Undefined when all went well. */
export function explain(record: FinishedRecord): Explanation | undefined {
  const { outcome, error, limit } = record
  const own = error === undefined ? undefined : CODES[error]
  if (own) return own
  switch (outcome) {
    case 'ok':
      return undefined
    case 'limited':
      return {
        what: `The limit “${limit ?? '?'}” allowed no more at that moment; the client was told when to try again (429, Retry-After).`,
        todo: 'Nothing, when the limit is meant so. Else raise it on its page, or give the consumer one of its own.',
      }
    case 'refused':
      return { what: 'The caller was not let in.', todo: 'Look at the key and at the models that its consumer may use.' }
    case 'client_error':
      return {
        what: `The request itself was not acceptable (${record.status}); nothing was charged.`,
        todo: 'The answer told the client what is wrong with it. Its own request id is below, to find it in the client’s logs.',
      }
    case 'overloaded':
      return {
        what: 'Every instance had its queue full, and no fallback was allowed to take over.',
        todo: 'Raise the version’s scaling.min, or let a fallback of the route take over on “overloaded”.',
      }
    case 'upstream_error':
      return {
        what: 'No instance could answer, and nothing was left to try.',
        todo: 'See the attempts below, and the version’s page for what its instances say.',
      }
    case 'timeout':
      return {
        what: 'The answer took longer than the route allows.',
        todo: 'Raise the route’s timeouts, lower max_tokens in the client, or add instances if requests have to wait.',
      }
    case 'cut':
      return {
        what: 'The model stopped in the middle of its answer; the client was told with an error event.',
        todo: 'See the version’s page: an instance has probably died. `strata logs engine-…` has its last words.',
      }
    case 'aborted':
      return {
        what: 'The client closed the connection before the answer was whole; the model was stopped at once.',
        todo: 'Nothing, when a person pressed stop. Many of them at one duration are a time-out in the client.',
      }
  }
}

const CODES: Readonly<Record<string, Explanation>> = {
  missing_api_key: {
    what: 'The request brought no API key.',
    todo: 'The client must send “Authorization: Bearer sk-…”.',
  },
  invalid_api_key: {
    what: 'The API key is not known here: mistyped, revoked, or of another system.',
    todo: 'Compare its first characters with the keys on the consumer’s page.',
  },
  expired_api_key: { what: 'The API key has expired.', todo: 'Make a new one on the consumer’s page.' },
  model_not_found: {
    what: 'No route has this model name.',
    todo: 'Compare the name with the routes’ models; the client sees the list at /v1/models.',
  },
  model_not_allowed: {
    what: 'The consumer may not use this model.',
    todo: 'Add the model to the consumer’s `models` if it should.',
  },
  no_instance: {
    what: 'The version had no instance that was ready, and none came in time.',
    todo: 'See the version’s page: it is starting, scaled to nothing, or failing.',
  },
  internal_error: { what: 'The gateway itself failed.', todo: '`strata logs gateway-0` has the cause; please report it.' },
}

export const ATTEMPT_WORDS: Readonly<Record<NonNullable<Attempt['error']>, string>> = {
  connect: 'could not be reached',
  unavailable: 'was not able to answer',
  overloaded: 'had its queue full',
  timeout: 'gave no first byte in time',
  upstream_error: 'failed',
  client_error: 'refused the request',
  cut: 'stopped in the middle',
  aborted: 'was stopped: the client left',
  no_instance: 'had no instance that was ready',
}
