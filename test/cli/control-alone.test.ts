/** `strata control` without a supervisor, as a container has it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Credentials } from '../../src/kernel/credentials.ts'
import { freePorts } from '../harness/ports.ts'
import { strata } from '../harness/strata.ts'
import { cleanEnvironment, mainFile, nodeFlags } from '../harness/system.ts'

let home: string
let child: ChildProcess | undefined
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'strata-alone-'))
})
afterEach(async () => {
  if (child && child.exitCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(home, { recursive: true })
})

const credentials = () => JSON.parse(readFileSync(join(home, 'credentials'), 'utf8')) as Credentials
const env = { STRATA_BOOTSTRAP: 'none' }

test('makes a fresh home its own, with credentials that last, and keeps a second system out', async () => {
  const [port] = await freePorts(1)
  const args = ['control', '--port', String(port), '--gateway-url', 'https://models.example']
  const start = async (more: Record<string, string>) => {
    child = spawn(process.execPath, [...nodeFlags, mainFile, ...args], {
      env: { ...cleanEnvironment(), STRATA_HOME: home, ...env, ...more },
      stdio: 'ignore',
    })
    await expect.poll(async () => (await strata(['status'], { home })).code, { timeout: 30_000, interval: 100 }).toBe(0)
    return credentials()
  }
  const stop = async () => {
    child!.kill('SIGTERM')
    expect(await once(child!, 'exit')).toEqual([0, null])
  }

  const first = await start({})
  expect(first).toMatchObject({ gatewayUrl: 'https://models.example', consoleUrl: `http://127.0.0.1:${port}` })
  expect(statSync(join(home, 'credentials')).mode & 0o777).toBe(0o600)
  for (const command of [args, ['up', '--port', String(port! - 1)]]) {
    const refused = await strata(command, { home, env })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`Strata already runs on ${home} (pid ${child!.pid}).`)
  }
  await stop()

  const preset = 'sk-a-key-of-my-own-choice'
  expect(await start({ STRATA_API_KEY: preset })).toEqual({ ...first, apiKey: preset })
  await stop()
})

test('a preset key that is none is refused before anything is written', async () => {
  const refused = await strata(['control'], { home, env: { ...env, STRATA_API_KEY: 'short' } })
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('STRATA_API_KEY is not usable as a key.')
  expect(() => credentials()).toThrow('ENOENT')
})
