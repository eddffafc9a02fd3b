/**
 * A lock that dies with its process.
 *
 * A pid file lies after a crash, and a listening socket cannot tell a hung owner from a dead one without a race. The lock of an SQLite
 * database is the operating system's own (fcntl): the kernel drops it when the holder ends, however it ends, and keeps it while the
 * holder hangs. Node brings SQLite along, so nothing has to be installed for it.
 *
 * The file of a temporary lock goes when the lock is released. Somebody may have opened it just before and get the lock of a file that has
 * no name any more, beside the holder of a new one: so whoever has locked looks whether the name still means the file that it was. Where
 * there was none at the first look there is nothing to compare with, and no lock.
 */
import { randomInt } from 'node:crypto'
import { closeSync, linkSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { systemCode } from './errors.ts'

export interface Lock {
  release(): void
}

export interface LockOptions {
  /** Kept beside the lock for whoever is refused (`holder`). */
  readonly note?: Readonly<Record<string, unknown>>
  /** One of many, by names that come and go: `release` leaves no file. */
  readonly temporary?: boolean
}

/** SQLITE_BUSY */
const BUSY = 5

/** Takes the lock file at `path`, or says who holds it. Throws the system's error where the file cannot be made. */
export function takeLock(path: string, options: LockOptions = {}): Lock | { holder: Record<string, unknown> | undefined } {
  const before = identityOf(path) ?? create(path)
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === BUSY) return { holder: readNote(path) }
    throw error
  }
  if (before === undefined || identityOf(path) !== before) {
    database.close()
    return { holder: undefined }
  }
  try {
    writeFileSync(noteOf(path), JSON.stringify({ pid: process.pid, ...options.note }), { mode: 0o600 })
  } catch {
    // The note is a courtesy, and the disk may be full: the lock is ours without it. An older holder's would mislead.
    rmSync(noteOf(path), { force: true })
  }
  return {
    release() {
      if (options.temporary) for (const file of [noteOf(path), path]) rmSync(file, { force: true })
      database.close()
    },
  }
}

const noteOf = (path: string) => `${path}.json`

/** With a random date: a file system gives a number again at once, and many count the time of birth in steps of milliseconds. */
function create(path: string): string | undefined {
  const made = `${path}.${process.pid}`
  const [seconds, nanos] = [randomInt(2 ** 31), randomInt(1e9) / 1e9]
  writeFileSync(made, '', { mode: 0o600 })
  utimesSync(made, seconds, seconds + nanos)
  try {
    linkSync(made, path)
  } catch (error) {
    // Somebody was faster; or a file system without links, whose times have to do.
    if (systemCode(error) !== 'EEXIST') closeSync(openSync(path, 'a', 0o600))
  } finally {
    rmSync(made, { force: true })
  }
  return identityOf(path)
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino, birthtimeNs, mtimeNs } = statSync(path, { bigint: true })
    return `${dev} ${ino} ${birthtimeNs} ${mtimeNs}`
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function readNote(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(noteOf(path), 'utf8')) as Record<string, unknown>
  } catch {
    return undefined // the note is a courtesy; the lock itself has already decided
  }
}
