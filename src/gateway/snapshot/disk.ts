/**
 * The last good snapshot on disk, from which a gateway answers when control cannot be reached at its start. NDJSON: a head with the
 * checksum, then one entry a line. A file that is cut short, altered or of another format is noticed and said, and not used.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import type { SnapshotEntry } from '../../resources/snapshot.ts'
import { type Snapshot, SnapshotBuilder } from './tables.ts'

const FORMAT = 1
const SLICE = 500

interface Head {
  format: number
  epoch: string
  version: number
  entries: number
  checksum: number
}

/** The snapshot in `path`; throws with the reason when there is none or it is not whole. */
export function readSnapshotFile(path: string): Snapshot {
  const lines = readFileSync(path, 'utf8').split('\n')
  const head = JSON.parse(lines[0] ?? '') as Head
  if (head.format !== FORMAT) throw new Error(`format ${head.format}; this program reads ${FORMAT}`)
  const builder = new SnapshotBuilder()
  for (const line of lines.slice(1)) {
    if (line === '') continue
    const { key, value } = JSON.parse(line) as { key: string; value: SnapshotEntry }
    builder.add(key, value)
  }
  return builder.finish(head)
}

/** Writes aside, syncs and renames. Yields to the event loop between slices, so that requests go on. */
export async function writeSnapshotFile(path: string, snapshot: Snapshot): Promise<void> {
  const { tables, checksum, sections } = snapshot
  const all: [string, SnapshotEntry][] = [
    ...sections.route,
    ...sections.version,
    ...sections.consumer,
    ...sections.key,
    ...sections.limit,
    ...sections.instance,
  ]
  const settingsKey = 'settings/gateway'
  if (snapshot.contributions.has(settingsKey)) all.push([settingsKey, sections.settings])
  const head: Head = { format: FORMAT, epoch: tables.epoch, version: tables.version, entries: all.length, checksum }
  const aside = `${path}.new`
  const file = openSync(aside, 'w', 0o600)
  try {
    writeSync(file, `${JSON.stringify(head)}\n`)
    for (let i = 0; i < all.length; i += SLICE) {
      writeSync(
        file,
        all
          .slice(i, i + SLICE)
          .map(([key, value]) => `${JSON.stringify({ key, value })}\n`)
          .join(''),
      )
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(aside, path)
}
