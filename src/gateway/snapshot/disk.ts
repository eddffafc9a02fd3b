/**
 * The last good snapshot on disk, from which a gateway answers when control cannot be reached at its start. NDJSON: a head, one entry a line, and
 * a last line with the sha256 of all before it. A file that is cut short, altered anywhere or of another format is noticed and said in words,
 * and not used.
 */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { SnapshotEntry } from '../../resources/snapshot.ts'
import { type Snapshot, SnapshotBuilder } from './tables.ts'

const FORMAT = 3
const SLICE = 500

interface Head {
  format: number
  epoch: string
  version: number
  entries: number
  checksum: number
}

/** The snapshot in `path`; throws with the reason when it is not whole, the system's error when there is none. */
export function readSnapshotFile(path: string): Snapshot {
  const bytes = readFileSync(path)
  if (bytes.length === 0) throw new Error('the file is empty')
  const format = formatOf(bytes)
  if (format === undefined) throw new Error('it does not begin as a snapshot does')
  if (format !== FORMAT) throw new Error(`it is of format ${format}, and this program reads format ${FORMAT}`)
  const end = bytes.lastIndexOf('\n{"sha256":')
  if (end === -1) throw new Error(`it is cut short: it ends after ${bytes.length} bytes`)
  const content = bytes.subarray(0, end + 1)
  const digest = createHash('sha256').update(content).digest('hex')
  if (bytes.toString('utf8', end + 1) !== trailer(digest)) throw new Error('it was altered after it was written: its digest is another one')
  const [head, ...entries] = content.toString('utf8').trimEnd().split('\n')
  const builder = new SnapshotBuilder()
  for (const line of entries) {
    const { key, value } = JSON.parse(line) as { key: string; value: SnapshotEntry }
    builder.add(key, value)
  }
  return builder.finish(JSON.parse(head!) as Head)
}

const trailer = (digest: string) => `{"sha256":"${digest}"}\n`

function formatOf(bytes: Buffer): number | undefined {
  const found = /^\{"format":(\d{1,9}),/.exec(bytes.toString('latin1', 0, 32))
  return found ? Number(found[1]) : undefined
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
  const hash = createHash('sha256')
  const put = (text: string) => {
    const bytes = Buffer.from(text)
    hash.update(bytes)
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
  }
  try {
    put(`${JSON.stringify(head)}\n`)
    for (let i = 0; i < all.length; i += SLICE) {
      put(
        all
          .slice(i, i + SLICE)
          .map(([key, value]) => `${JSON.stringify({ key, value })}\n`)
          .join(''),
      )
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    writeSync(file, trailer(hash.digest('hex')))
    fsyncSync(file)
  } catch (error) {
    rmSync(aside, { force: true }) // half of it is of no use, and takes room on a disk that has none
    throw error
  } finally {
    closeSync(file)
  }
  renameSync(aside, path)
}
