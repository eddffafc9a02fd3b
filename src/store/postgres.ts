/**
 * A PostgreSQL server, named by `STRATA_DATABASE_URL`. One control at a time: an advisory lock, held on a connection of its own, which the
 * server drops when that connection ends. A control that loses it must stop writing at once: another may have taken over.
 */
import pg from 'pg'
import { messageOf, StrataError } from '../kernel/errors.ts'
import type { Connection, Queries, Row } from './connection.ts'

/** "strata" as a number; with the database it names the lock. */
const LOCK_KEY = 0x737472617461

/** The server drops the lock of a control that was killed as soon as it sees the connection end. */
const LOCK_WAIT_MS = 5_000

export async function openPostgres(url: string, options: { lockWaitMs?: number } = {}): Promise<Connection> {
  const settings = { connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'strata-control' }
  const keeper = new pg.Client({ ...settings, keepAlive: true })
  const lost = new Promise<Error>((resolve) => {
    keeper.on('error', (error) => resolve(error))
    keeper.on('end', () => resolve(new Error('the connection to PostgreSQL that holds the lock has ended')))
  })
  try {
    await keeper.connect()
  } catch (error) {
    throw new StrataError('database_unreachable', `PostgreSQL at ${withoutPassword(url)} cannot be reached: ${messageOf(error)}.`, {
      advice: 'Check STRATA_DATABASE_URL, or unset it to use the built-in database.',
      cause: error,
    })
  }
  const deadline = performance.now() + (options.lockWaitMs ?? LOCK_WAIT_MS)
  for (;;) {
    const { rows } = await keeper.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [LOCK_KEY])
    if (rows[0]?.taken) break
    if (performance.now() >= deadline) {
      await keeper.end()
      throw new StrataError('database_in_use', `Another Strata control uses the database at ${withoutPassword(url)}.`, {
        advice: 'Stop it first; only one control may run on a database.',
      })
    }
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  const pool = new pg.Pool({ ...settings, max: 4, idleTimeoutMillis: 60_000 })
  pool.on('error', () => undefined) // an idle connection that ends is replaced at the next query, which reports what is wrong

  return {
    kind: 'postgres',
    lost,
    query: async <R extends Row>(sql: string, params: readonly unknown[] = []) => (await pool.query<R>(sql, [...params])).rows,
    transaction: (work) => inTransaction(pool, work),
    script: (sql) => inTransaction(pool, async (_, client) => void (await client.query(sql))),
    async close() {
      await pool.end()
      await keeper.end()
    },
  }
}

async function inTransaction<T>(pool: pg.Pool, work: (tx: Queries, client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  const queries: Queries = {
    query: async <R extends Row>(sql: string, params: readonly unknown[] = []) => (await client.query<R>(sql, [...params])).rows,
  }
  let broken: Error | undefined
  try {
    await client.query('begin')
    const result = await work(queries, client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure // the connection itself is gone: the server rolls back by itself, the pool must not reuse it
    })
    throw error
  } finally {
    client.release(broken)
  }
}

function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url)
    parsed.password = ''
    return parsed.href
  } catch {
    return 'the address in STRATA_DATABASE_URL' // not a URL; it may still hold a password, so it is not shown
  }
}
