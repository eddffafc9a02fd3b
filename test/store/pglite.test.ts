import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Home, homeAt, makeHome } from '../../src/kernel/home.ts'
import { createLog } from '../../src/kernel/log.ts'
import { openAndMigrate, openStore } from '../../src/store/index.ts'
import { MIGRATIONS, NEWEST } from '../../src/store/migrations.ts'
import { checkpointIfDue, openPGlite } from '../../src/store/pglite.ts'

const log = createLog('test', () => undefined)
const model = (name: string) => ({ apiVersion: 'strata.dev/v1alpha1', kind: 'Model', metadata: { name }, spec: {} })
let home: Home
let children: ChildProcess[]

/** The first initialisation takes seconds: it is made once and copied. */
const template = homeAt(mkdtempSync(join(tmpdir(), 'strata-store-')))
beforeAll(async () => {
  makeHome(template)
  await (await openStore({ home: template, log })).close()
})
afterAll(() => rmSync(template.root, { recursive: true, force: true }))

beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'strata-store-')))
  makeHome(home)
  cpSync(template.database, home.database, { recursive: true })
  children = []
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(home.root, { recursive: true, force: true })
})

/** A process that applies one Model after another and says each name once it is acknowledged. */
function startWriter(): ChildProcess {
  const child = fork(join(import.meta.dirname, 'writer.ts'), [home.root], { execArgv: ['--disable-warning=ExperimentalWarning'] })
  children.push(child)
  return child
}

async function heard(child: ChildProcess, count: number): Promise<string[]> {
  const names: string[] = []
  while (names.length < count) names.push(String((await once(child, 'message'))[0]))
  return names
}

test('a second opener is refused while the first lives, and not after it was killed', async () => {
  const writer = startWriter()
  await heard(writer, 1)
  await expect(openStore({ home, log, lockWaitMs: 300 })).rejects.toMatchObject({
    code: 'database_in_use',
    message: expect.stringContaining(String(writer.pid)),
  })
  writer.kill('SIGKILL')
  await once(writer, 'exit')
  await (await openStore({ home, log, lockWaitMs: 2_000 })).close()
})

test('what was acknowledged survives kill -9, again and again', async () => {
  const acknowledged = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const writer = startWriter()
    writer.on('message', (name) => acknowledged.add(String(name)))
    await heard(writer, 25)
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    const store = await openStore({ home, log, lockWaitMs: 5_000 })
    const found = new Set(store.resources.list('Model').map(({ metadata }) => metadata.name))
    expect([...acknowledged].filter((name) => !found.has(name))).toEqual([])
    expect(found.size).toBeGreaterThanOrEqual(acknowledged.size)
    expect(await store.audit.list({ limit: 1_000 })).toHaveLength(Math.min(1_000, found.size))
    await store.close()
  }
})

test('commits reach the disk: fsync is on', async () => {
  const connection = await openPGlite(home.database)
  const settings = await connection.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method') order by name`,
  )
  await connection.close()
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    wal_sync_method: 'fsync',
  })
})

test('the log is shortened while control runs, not only when it ends', async () => {
  const connection = await openPGlite(home.database)
  await connection.script('create table filler (text text)')
  const logBytes = () => readdirSync(join(home.database, 'pg_wal'), { withFileTypes: true }).filter((entry) => entry.isFile()).length * 16
  for (let i = 0; i < 6; i++) {
    await connection.query(`insert into filler select repeat('x', 900) from generate_series(1, 30000)`)
    expect(await checkpointIfDue(connection)).toBe(true)
    await connection.query('truncate filler')
  }
  expect(await checkpointIfDue(connection)).toBe(false)
  expect(logBytes()).toBeLessThanOrEqual(128)
  await connection.close()
})

test('an initialisation that was cut short is begun again', async () => {
  rmSync(home.database, { recursive: true })
  mkdirSync(`${home.database}.new`)
  writeFileSync(join(`${home.database}.new`, 'PG_VERSION'), '18')
  mkdirSync(home.database)
  const store = await openStore({ home, log })
  await store.resources.apply([model('m')], { actor: 'me' })
  await store.close()
  expect(existsSync(`${home.database}.new`)).toBe(false)
})

test('an older database is copied aside before it is migrated', async () => {
  const store = await openStore({ home, log })
  await store.resources.apply([model('m')], { actor: 'me' })
  await store.close()
  const next = [...MIGRATIONS, { version: NEWEST + 1, name: 'next', sql: 'delete from resources' }]
  const migrated = await openAndMigrate(home.database, log, next)
  expect(await migrated.query('select name from resources')).toEqual([])
  await migrated.close()
  const copy = await openPGlite(`${home.database}.version-${NEWEST}`)
  expect(await copy.query('select name from resources')).toEqual([{ name: 'm' }])
  await copy.close()
})

test('a newer database is refused and left alone', async () => {
  const store = await openStore({ home, log })
  await store.resources.apply([model('m')], { actor: 'me' })
  await store.close()
  const newer = await openPGlite(home.database)
  await newer.query(`insert into schema_migrations values (9999, 'from the future', 0)`)
  await newer.close()
  await expect(openStore({ home, log })).rejects.toMatchObject({ code: 'database_newer', message: expect.stringContaining('newer Strata') })
  expect(readdirSync(home.root).filter((name) => name.startsWith('db.'))).toEqual([])
})
