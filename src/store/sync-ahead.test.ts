import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openPGlite } from './pglite.ts'
import { needsRecovery, type SyncedFiles, syncAhead } from './sync-ahead.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-sync-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const has = (synced: SyncedFiles, name: string) => {
  const descriptor = openSync(join(folder, name), 'r')
  try {
    return synced.has(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

test('a file counts as synced until it changes in any way', async () => {
  mkdirSync(join(folder, 'base'))
  for (const name of ['same', 'appended', 'overwritten', 'cut', 'base/below']) writeFileSync(join(folder, name), 'as it was')
  const synced = await syncAhead(folder)
  // The clock that stamps files may tick only every 10 ms.
  await new Promise((resolve) => setTimeout(resolve, 30))
  appendFileSync(join(folder, 'appended'), '!')
  writeFileSync(join(folder, 'overwritten'), 'as it is.')
  truncateSync(join(folder, 'cut'), 3)
  writeFileSync(join(folder, 'new'), 'new')
  expect(['same', 'base/below', 'appended', 'overwritten', 'cut', 'new'].filter((name) => has(synced, name))).toEqual([
    'same',
    'base/below',
  ])
  renameSync(join(folder, 'new'), join(folder, 'same'))
  expect(has(synced, 'same')).toBe(false)
})

test('a database needs recovery while it is open, and none when it was closed', async () => {
  const database = join(folder, 'db')
  expect(needsRecovery(database)).toBe(false)
  const connection = await openPGlite(database)
  await connection.query('create table t (n int)')
  expect(needsRecovery(database)).toBe(true)
  await connection.close()
  expect(needsRecovery(database)).toBe(false)
})
