/**
 * All durable state of control: resources, audit, identity, usage. PGlite in `STRATA_HOME/db`, or PostgreSQL where `STRATA_DATABASE_URL`
 * says so; the same tables, the same suite of tests (`store.contract.ts`). Only control opens it, one at a time.
 */
import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { StrataError } from '../kernel/errors.ts'
import type { Home } from '../kernel/home.ts'
import { type Lock, takeLock } from '../kernel/lock.ts'
import type { Log } from '../kernel/log.ts'
import { type AuditLog, openAudit } from './audit.ts'
import type { Connection } from './connection.ts'
import { type IdentityStore, openIdentity } from './identity.ts'
import { type Meta, openMeta } from './meta.ts'
import { migrate, refuseNewer, schemaVersion } from './migrate.ts'
import { MIGRATIONS } from './migrations.ts'
import { openPGlite } from './pglite.ts'

import { openResources, type ResourceStore } from './resources.ts'
import { openScaling, type ScalingStore } from './scaling.ts'
import { openUsage, type UsageStore } from './usage.ts'

export type { AuditEntry } from './audit.ts'
export type { Difference } from './difference.ts'
export { type Identity, ROLES, type Role, type SessionInfo, sessionId, type TokenInfo } from './identity.ts'
export type { ResourceChange, ResourceEvent, ResourceStore } from './resources.ts'
export type { ScalingDecision, ScalingPoint, ScalingStore } from './scaling.ts'

export interface Store {
  readonly kind: Connection['kind']
  /** Unique to this store; another one after a restore from elsewhere. */
  readonly id: string
  readonly resources: ResourceStore
  readonly audit: AuditLog
  readonly identity: IdentityStore
  readonly usage: UsageStore
  readonly scaling: ScalingStore
  readonly meta: Meta
  /** What a database wants from time to time: old minutes of usage become hours, what has expired goes, space is reclaimed. */
  upkeep(): Promise<void>
  /** Settles only when the store must not be used any more. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

/** Usage is kept by the minute for a week, then by the hour. */
const MINUTES_KEPT_MS = 7 * 24 * 3_600_000

export interface StoreOptions {
  readonly home: Home
  readonly log: Log
  readonly databaseUrl?: string
  readonly clock?: Clock
  /** How long an earlier control that is still leaving may take, milliseconds. */
  readonly lockWaitMs?: number
}

export async function openStore(options: StoreOptions): Promise<Store> {
  if (options.databaseUrl) {
    // Loaded where it is used: its driver costs every other start some time.
    const { openPostgres } = await import('./postgres.ts')
    const connection = await openPostgres(options.databaseUrl, { lockWaitMs: options.lockWaitMs })
    return closingOnFailure(connection, undefined, async () => {
      await migrate(connection, await schemaVersion(connection), Date.now())
      return await assemble(connection, options)
    })
  }
  const lock = await waitForLock(join(options.home.run, 'db.lock'), options.lockWaitMs ?? 15_000)
  let connection: Connection
  try {
    connection = await openAndMigrate(options.home.database, options.log)
  } catch (error) {
    lock.release()
    throw error
  }
  return closingOnFailure(connection, lock, () => assemble(connection, options))
}

/** A store on a connection that the caller has made. */
export async function assemble(connection: Connection, options: { clock?: Clock }): Promise<Store> {
  const clock = options.clock ?? systemClock
  const meta = openMeta(connection)
  let id = await meta.get<string>('store-id')
  if (id === undefined) {
    id = randomUUID()
    await meta.set('store-id', id)
  }
  const identity = openIdentity(connection, clock)
  const usage = openUsage(connection)
  const scaling = openScaling(connection)
  return {
    kind: connection.kind,
    id,
    resources: await openResources(connection, clock),
    audit: openAudit(connection),
    identity,
    usage,
    scaling,
    meta,
    async upkeep() {
      await identity.removeExpired()
      await usage.forgetGoneKeys()
      await scaling.prune(clock.now())
      while (await usage.rollUp(clock.now() - MINUTES_KEPT_MS));
      // A server has its autovacuum; in process nobody does it.
      if (connection.kind === 'pglite') await connection.query('vacuum')
    },
    lost: connection.lost,
    close: () => connection.close(),
  }
}

async function closingOnFailure(connection: Connection, lock: Lock | undefined, work: () => Promise<Store>): Promise<Store> {
  const close = async () => {
    await connection.close()
    lock?.release()
  }
  try {
    return { ...(await work()), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function waitForLock(path: string, waitMs: number): Promise<Lock> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const taken = takeLock(path)
    if ('release' in taken) return taken
    if (performance.now() >= deadline)
      throw new StrataError(
        'database_in_use',
        `Another process has the database open${taken.holder?.pid ? ` (pid ${taken.holder.pid})` : ''}.`,
        {
          advice: 'Only one control may run on a home. Stop the other one first.',
        },
      )
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Opens PGlite's folder; an older one is copied aside before its tables are changed. */
export async function openAndMigrate(folder: string, log: Log, migrations = MIGRATIONS): Promise<Connection> {
  let connection = await openPGlite(folder)
  try {
    const found = await schemaVersion(connection)
    refuseNewer(found, migrations)
    const newest = migrations.at(-1)!.version
    if (found > 0 && found < newest) {
      await connection.close()
      const aside = `${folder}.version-${found}`
      if (!existsSync(aside)) {
        rmSync(`${aside}.new`, { recursive: true, force: true })
        cpSync(folder, `${aside}.new`, { recursive: true })
        renameSync(`${aside}.new`, aside)
      }
      log.info('the database is of an older program; copied aside before it is migrated', { from: found, to: newest, copy: aside })
      connection = await openPGlite(folder)
    }
    await migrate(connection, found, Date.now(), migrations)
    return connection
  } catch (error) {
    await connection.close()
    throw error
  }
}
