import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { homeAt, makeHome } from '../../src/kernel/home.ts'
import { createLog } from '../../src/kernel/log.ts'
import { openStore } from '../../src/store/index.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import { storeContract } from '../../src/store/store.contract.ts'
import { simulatedAssistant } from '../harness/manifests.ts'
import { startSystem } from '../harness/system.ts'
import { type PostgresServer, startPostgres } from '../peers/postgres.ts'

let server: PostgresServer
const folder = mkdtempSync(join(tmpdir(), 'strata-store-'))
const home = homeAt(folder)
const log = createLog('test', () => undefined)

beforeAll(async () => {
  makeHome(home)
  server = await startPostgres()
})
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

storeContract('the store on PostgreSQL', () => openPostgres(server.url))

describe('PostgreSQL', () => {
  test('one control at a time', async () => {
    const first = await openStore({ home, log, databaseUrl: server.url })
    await expect(openStore({ home, log, databaseUrl: server.url, lockWaitMs: 300 })).rejects.toMatchObject({
      code: 'database_in_use',
      message: expect.stringContaining('Another Strata control'),
    })
    await first.close()
    await (await openStore({ home, log, databaseUrl: server.url, lockWaitMs: 2_000 })).close()
  })

  test('a lock that is lost is told', async () => {
    const store = await openStore({ home, log, databaseUrl: server.url })
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'`)
    await client.end()
    expect(await store.lost).toBeInstanceOf(Error)
    await store.close()
  })

  test('a server that is not there: where, why, what to do, and no password', async () => {
    const attempt = openStore({ home, log, databaseUrl: 'postgres://me:hunter2@127.0.0.1:1/db' })
    await expect(attempt).rejects.toMatchObject({ code: 'database_unreachable' })
    await expect(attempt).rejects.not.toThrow(/hunter2/)
  })

  test('a whole system runs on it, and makes no database of its own', async () => {
    await using system = await startSystem({ bootstrap: simulatedAssistant(), env: { STRATA_DATABASE_URL: server.url } })
    expect(await system.control('GET', '/status')).toMatchObject({ store: { kind: 'postgres' } })
    expect(existsSync(join(system.home, 'db'))).toBe(false)
  })
})
