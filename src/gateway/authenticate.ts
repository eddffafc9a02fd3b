/**
 * Who calls: bearer key → consumer, from the tables alone. Keys are known by their sha256; the secret itself is never logged, and kept only as
 * long as the connection that brought it.
 */
import { hash } from 'node:crypto'
import { type CompiledConsumer, type CompiledKey, entryKey } from '../resources/snapshot.ts'
import type { Exchange } from './downstream/exchange.ts'
import { type GatewayError, unauthenticated, unavailable } from './errors.ts'
import { consumerOf, EMPTY_TABLES, type Tables } from './snapshot/tables.ts'

export interface Caller {
  readonly key: CompiledKey
  readonly consumer: CompiledConsumer
}

/** What a connection brought last: a client sends the same key each time, and hashing it costs as much as all the rest of this. */
const brought = new WeakMap<object, { readonly authorization: string; readonly entry: string }>()

function entryOf(authorization: string, secret: string, connection: object): string {
  const last = brought.get(connection)
  if (last?.authorization === authorization) return last.entry
  const entry = entryKey.key(hash('sha256', secret, 'hex'))
  brought.set(connection, { authorization, entry })
  return entry
}

/** `now` in milliseconds since the epoch, of a clock that is never set back. Whether the key is still good is asked of the tables each time. */
export function authenticate(
  tables: Tables,
  { headers, connection }: Pick<Exchange, 'headers' | 'connection'>,
  now: number,
): Caller | GatewayError {
  const { authorization } = headers
  if (authorization === undefined || authorization === '')
    return unauthenticated(
      'No API key was given. Send it as "Authorization: Bearer sk-…"; `strata keys create` makes one.',
      'missing_api_key',
    )
  const space = authorization.indexOf(' ')
  if (space === -1 || authorization.slice(0, space).toLowerCase() !== 'bearer')
    return unauthenticated('The Authorization header must read "Bearer" and then the API key.')
  // Not 401: its key may well be good, and a client would throw it away.
  if (tables === EMPTY_TABLES)
    return unavailable('This gateway has not heard from control since its start, and found no snapshot that it could use.', 'no_snapshot')
  const secret = authorization.slice(space + 1).trim()
  const key = tables.key.get(entryOf(authorization, secret, connection))
  if (!key)
    return unauthenticated('The API key is not known here: wrong, revoked, or of another system. `strata keys list` shows those that are.')
  if (key.expiresAt !== undefined && key.expiresAt <= now)
    return unauthenticated(
      `The API key expired at ${new Date(key.expiresAt).toISOString()}. Ask for a new one (\`strata keys create\`).`,
      'expired_api_key',
    )
  const consumer = consumerOf(tables, key)
  if (!consumer) return unauthenticated('The API key belongs to a consumer that does not exist any more.')
  return { key, consumer }
}
