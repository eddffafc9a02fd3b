/**
 * PostgreSQL in this process, its files in `STRATA_HOME/db`.
 *
 * PGlite takes no lock: a second opener succeeds and both lose rows, so the caller holds `run/db.lock` (kernel/lock.ts) for as long as the
 * database is open. As it comes it also runs with fsync off, and its file system for Node drops fsync calls altogether: a power cut could
 * tear the database. Here fsync is on and reaches the disk (a commit is one fsync of the log, as in a PostgreSQL server), so an
 * acknowledged write survives kill -9 and a power cut alike, within what the disk itself promises.
 *
 * A PostgreSQL server checkpoints in the background; in process nobody does, and the log would grow, and recovery with it, for as long as
 * control runs. So a timer looks every minute and checkpoints when there is something to shorten.
 *
 * A PostgreSQL that finds no place for its log ends itself, and in process that leaves a connection that answers nothing any more. So writes are
 * refused in words while there is still room for the next piece of the log, and a connection that is dead all the same is given up (`lost`).
 *
 * The first initialisation runs in a folder aside that is renamed when it is whole, so a kill in between leaves nothing half-made.
 */
import {
  closeSync,
  constants,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { findPackageJSON } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import { diskProblem, ROOM_BYTES, requireRoom } from '../kernel/disk.ts'
import { systemCode } from '../kernel/errors.ts'
import { sha256Hex } from '../kernel/ids.ts'
import type { Connection, Queries, Row } from './connection.ts'
import { migrate } from './migrate.ts'
import { MIGRATIONS } from './migrations.ts'
import { needsRecovery, type SyncedFiles, syncAhead } from './sync-ahead.ts'

interface FileStream {
  /** The operating system's descriptor, where the stream is a file on disk. */
  readonly nfd?: number
}
interface EmscriptenModule {
  readonly NODEFS: { stream_ops: { fsync?: (stream: FileStream) => number } }
}

/** PGlite's folder on disk, with fsync handed through (Emscripten's NODEFS has the hook and leaves it empty). */
class DurableFolder extends NodeFS {
  /** What need not be synced once more; for the time of the start. */
  synced: SyncedFiles | undefined

  override async init(...args: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const made = await super.init(...args)
    const patch = (module: unknown) => {
      ;(module as EmscriptenModule).NODEFS.stream_ops.fsync = ({ nfd }) => {
        if (nfd !== undefined && !this.synced?.has(nfd)) fsyncSync(nfd)
        return 0
      }
    }
    const before = made.emscriptenOpts.preRun
    made.emscriptenOpts.preRun = [...(Array.isArray(before) ? before : before ? [before] : []), patch]
    return made
  }
}

/**
 * `-F` is fsync off. `fdatasync` does not reach the file system's hook, plain `fsync` does. The buffers are PostgreSQL's default for a
 * server, 128 MB, of which this database needs a fraction: control keeps the resources in memory itself.
 */
const START_PARAMETERS = [
  ...PGlite.defaultStartParams.filter((each) => each !== '-F'),
  ...['-c', 'fsync=on', '-c', 'wal_sync_method=fsync', '-c', 'shared_buffers=16MB'],
  ...['-c', 'max_wal_size=64MB', '-c', 'min_wal_size=32MB'],
]

async function open(folder: string): Promise<PGlite> {
  const files = new DurableFolder(folder)
  if (needsRecovery(folder)) files.synced = await syncAhead(folder)
  const database = await PGlite.create({ fs: files, startParams: START_PARAMETERS })
  files.synced = undefined
  return database
}

/** Opens the database in `folder`, making it first where there is none. The caller holds the lock. */
export async function openPGlite(folder: string): Promise<Connection> {
  const aside = `${folder}.new`
  rmSync(aside, { recursive: true, force: true })
  if (!existsSync(join(folder, 'PG_VERSION'))) {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o700 })
    await initialise(aside)
    syncTree(aside)
    rmSync(folder, { recursive: true, force: true }) // an empty folder, or one that a kill left before there was the rename
    renameSync(aside, folder)
    syncFile(dirname(folder))
  }
  return checkpointing(connect(await open(folder), folder))
}

const CHECKPOINT_LOOK_MS = 60_000
/** Recovery reads the log since the last checkpoint: some tens of megabytes a second. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024

function checkpointing(connection: Connection, everyMs = CHECKPOINT_LOOK_MS): Connection {
  const timer = setInterval(() => {
    checkpointIfDue(connection).catch(() => undefined) // whatever is wrong with the database, the next write meets it and reports it
  }, everyMs)
  timer.unref()
  return {
    ...connection,
    close() {
      clearInterval(timer)
      return connection.close()
    },
  }
}

/** Checkpoints when the log has grown by `bytes` since the last one. */
export async function checkpointIfDue(connection: Connection, bytes = CHECKPOINT_BYTES): Promise<boolean> {
  const [row] = await connection.query<{ grown: number | string }>(
    'select pg_wal_lsn_diff(pg_current_wal_lsn(), (select redo_lsn from pg_control_checkpoint())) as grown',
  )
  if (Number(row?.grown) < bytes) return false
  await connection.query('checkpoint')
  return true
}

/**
 * Makes a database in `folder` that has this program's tables and nothing in them. PostgreSQL's initialisation and the tables cost seconds of CPU
 * and yield the same files each time, so a clone keeps them in `.runtime`, for its next home; where that is not to be had it is done anew.
 */
async function initialise(folder: string): Promise<void> {
  const template = templateFolder()
  if (template && existsSync(template)) return cpSync(template, folder, { recursive: true, mode: constants.COPYFILE_FICLONE })
  const fresh = connect(await open(folder), folder)
  await dropTemplates(fresh)
  await migrate(fresh, 0, Date.now())
  await fresh.close()
  if (!template) return
  const aside = `${template}.${process.pid}`
  try {
    cpSync(folder, aside, { recursive: true })
    renameSync(aside, template)
  } catch {
    rmSync(aside, { recursive: true, force: true }) // a read-only clone, a full disk, or another process was first: the next one does without
  }
}

/** What PostgreSQL makes other databases from. Here none is made, and they are six of ten files to copy and to sync at each first start. */
async function dropTemplates(connection: Queries): Promise<void> {
  const templates = ['template0', 'template1']
  await connection.query('update pg_database set datistemplate = false where datname = any($1)', [templates])
  for (const name of templates) await connection.query(`drop database ${name}`)
}

/**
 * Makes the clone's empty database if it has none yet: part of the set-up, so that the first start need not wait for it. Returns where it lies;
 * undefined where there is no place for one.
 */
export async function prepareTemplate(): Promise<string | undefined> {
  const template = templateFolder()
  if (!template || existsSync(template)) return template
  const folder = mkdtempSync(join(tmpdir(), 'strata-template-'))
  try {
    await initialise(join(folder, 'db'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return existsSync(template) ? template : undefined // a read-only clone
}

/** Named by PGlite's version, which may write other files, and by the tables. Undefined outside of a clone. */
function templateFolder(): string | undefined {
  const runtime = fileURLToPath(new URL('../../.runtime', import.meta.url))
  const manifest = findPackageJSON('@electric-sql/pglite', import.meta.url)
  if (!manifest || !existsSync(runtime)) return undefined
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  return join(runtime, `database-${version}-${sha256Hex(JSON.stringify(MIGRATIONS)).slice(0, 12)}`)
}

/** A database of a test's own, gone when it is closed. */
export async function openScratch(): Promise<Connection> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-scratch-'))
  const connection = await openPGlite(join(folder, 'db'))
  return {
    ...connection,
    async close() {
      await connection.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function connect(db: PGlite, folder: string): Connection {
  const lost = Promise.withResolvers<Error>()
  /** What goes wrong in one statement leaves the next ones well; where it does not, the database has ended itself. */
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      if (!db.closed) db.query('select 1').catch(() => lost.resolve(error as Error))
      throw diskProblem(error, folder) ?? error
    }
  }
  return {
    kind: 'pglite',
    lost: lost.promise,
    async query<R extends Row>(sql: string, params: readonly unknown[] = []) {
      if (!/^\s*select\b/i.test(sql)) requireRoom(folder, ROOM_BYTES)
      return (await told(db.query<R>(sql, [...params]))).rows
    },
    async transaction(work) {
      requireRoom(folder, ROOM_BYTES)
      return await told(
        db.transaction((tx) => {
          const queries: Queries = {
            query: async <R extends Row>(sql: string, params: readonly unknown[] = []) => (await tx.query<R>(sql, [...params])).rows,
          }
          return work(queries)
        }),
      )
    },
    async script(sql) {
      requireRoom(folder, ROOM_BYTES)
      await told(db.transaction(async (tx) => void (await tx.exec(sql))))
    },
    close: () => db.close(),
  }
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) syncTree(path)
    else if (entry.isFile()) syncFile(path)
  }
  syncFile(folder)
}

function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } catch (error) {
    if (systemCode(error) !== 'EISDIR' && systemCode(error) !== 'EINVAL') throw error // file systems that cannot sync a folder
  } finally {
    closeSync(file)
  }
}
