import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Home, homeAt, makeHome } from '../kernel/home.ts'
import { awaitPreviousRun, recordChildren } from './previous-run.ts'

let home: Home
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'strata-previous-')))
  makeHome(home)
})
afterEach(() => rmSync(home.root, { recursive: true }))

const sleeper = (seconds: string) => {
  const child = spawn('sleep', [seconds], { stdio: 'ignore' })
  const ended = new Promise<string | number>((done) => child.once('exit', (code, signal) => done(signal ?? code ?? 0)))
  return { pid: child.pid!, ended }
}

test('waits for children that are still leaving', async () => {
  const child = sleeper('0.4')
  recordChildren(home, [child.pid])
  const waitedFor: (readonly number[])[] = []
  await awaitPreviousRun(home, 5_000, (pids) => waitedFor.push(pids))
  expect(waitedFor).toEqual([[child.pid]])
  expect(await child.ended).toBe(0)
})

test('kills those that do not leave in time', async () => {
  const child = sleeper('60')
  recordChildren(home, [child.pid])
  await awaitPreviousRun(home, 200, () => undefined)
  expect(await child.ended).toBe('SIGKILL')
})

test('a pid that another process has by now is left alone', async () => {
  const child = sleeper('60')
  writeFileSync(join(home.run, 'children.json'), JSON.stringify([{ pid: child.pid, startedAt: 'another boot 1' }]))
  await awaitPreviousRun(home, 100, () => expect.unreachable())
  process.kill(child.pid, 'SIGTERM')
  expect(await child.ended).toBe('SIGTERM')
})

test('nothing recorded, or a file that was cut: nothing to wait for', async () => {
  await awaitPreviousRun(home, 100, () => expect.unreachable())
  writeFileSync(join(home.run, 'children.json'), '[{"pid":')
  await awaitPreviousRun(home, 100, () => expect.unreachable())
})
