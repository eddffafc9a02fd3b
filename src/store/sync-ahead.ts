/**
 * PostgreSQL begins the recovery after a kill with an fsync of every file it has, about a thousand, one after the other: what its predecessor
 * wrote and did not sync must be on the disk before the recovery builds on it. Each of them waits for the disk, also where the file has not
 * changed, and on a busy disk that is seconds in which control is away. Here they are synced many at once, and those that PostgreSQL then finds
 * unchanged need not be synced again.
 */
import { type BigIntStats, existsSync, fstatSync, readdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

export interface SyncedFiles {
  /** Is the file of this descriptor, as it is now, on the disk already? */
  has(descriptor: number): boolean
}

/** Node runs four at a time unless told otherwise; more wait there and not here. */
const AT_ONCE = 16
/** `state` in `global/pg_control`, behind the system's identifier and two version numbers; 1 is DB_SHUTDOWNED (catalog/pg_control.h). */
const STATE_OFFSET = 16
const SHUT_DOWN = 1

/** Was the database in `folder` left without a shutdown, so that it will recover? */
export function needsRecovery(folder: string): boolean {
  const path = join(folder, 'global', 'pg_control')
  return existsSync(path) && readFileSync(path).readUInt32LE(STATE_OFFSET) !== SHUT_DOWN
}

/** Syncs all files below `folder`, in which nobody else may write. */
export async function syncAhead(folder: string): Promise<SyncedFiles> {
  const left = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const synced = new Map<bigint, string>()
  const syncNext = async (): Promise<void> => {
    for (let entry = left.pop(); entry; entry = left.pop()) {
      const file = await open(join(entry.parentPath, entry.name), 'r')
      try {
        const stats = await file.stat({ bigint: true })
        await file.sync()
        synced.set(stats.ino, stampOf(stats))
      } finally {
        await file.close()
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, syncNext))
  return {
    has(descriptor) {
      const stats = fstatSync(descriptor, { bigint: true })
      return synced.get(stats.ino) === stampOf(stats)
    },
  }
}

/** Whatever changes a file changes this. */
const stampOf = ({ size, mtimeNs, ctimeNs }: BigIntStats) => `${size} ${mtimeNs} ${ctimeNs}`
