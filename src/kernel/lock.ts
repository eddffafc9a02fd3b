/**
 * A lock that dies with its process.
 *
 * A pid file lies after a crash, and a listening socket cannot tell a hung owner from a dead one without a race. The lock of an SQLite
 * database is the operating system's own (fcntl): the kernel drops it when the holder ends, however it ends, and keeps it while the
 * holder hangs. Node brings SQLite along, so nothing has to be installed for it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

/** Takes the lock file at `path`, or says who holds it. `note` is kept beside it for whoever is refused (`holder`). */
export function takeLock(path: string, note: Record<string, unknown> = {}): Lock | { holder: Record<string, unknown> | undefined } {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch {
    // SQLITE_BUSY: somebody else has it. Any other failure to lock refuses just as well.
    database.close()
    return { holder: readNote(path) }
  }
  writeFileSync(`${path}.json`, JSON.stringify({ pid: process.pid, ...note }), { mode: 0o600 })
  return { release: () => database.close() }
}

function readNote(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Record<string, unknown>
  } catch {
    return undefined // the note is a courtesy; the lock itself has already decided
  }
}
