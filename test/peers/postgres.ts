/** A PostgreSQL server of the test's own: a temporary folder, a free port, stopped and removed with the test. */
import { execFile, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePorts } from '../harness/ports.ts'

const run = promisify(execFile)

export interface PostgresServer {
  /** Superuser, database "postgres". */
  readonly url: string
  /** As a crash: no checkpoint, no goodbye. */
  stop(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  const bin = findPrograms()
  const folder = mkdtempSync(join(tmpdir(), 'strata-postgres-'))
  // initdb and postgres refuse to run as root; Debian's package brings a user for them.
  const account = process.getuid?.() === 0 ? await accountOf('postgres') : undefined
  if (account) chownSync(folder, account.uid, account.gid)
  const data = join(folder, 'data')
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'], {
    ...account,
    cwd: folder,
  })
  const port = (await freePorts(1))[0]!
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'fsync=off'], {
    ...account,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  server.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const stop = async () => {
    server.kill('SIGQUIT')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const deadline = performance.now() + 30_000
  for (;;) {
    if (server.exitCode !== null || performance.now() > deadline) {
      await stop()
      throw new Error(`PostgreSQL did not start: ${said}`)
    }
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return { url, stop }
    } catch {
      await sleep(100) // still starting
    }
  }
}

function findPrograms(): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    '/opt/homebrew/opt/postgresql@17/bin',
    '/usr/local/bin',
    '/usr/bin',
  ]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
  if (found) return found
  throw new Error('PostgreSQL is not installed. On Debian and Ubuntu: apt-get install postgresql. On macOS: brew install postgresql@17.')
}

async function accountOf(user: string): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string) => Number((await run('id', [flag, user])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}
