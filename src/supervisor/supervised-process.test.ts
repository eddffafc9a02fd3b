import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { manualClock, systemClock } from '../kernel/clock.ts'
import type { ProcessStatus } from '../kernel/supervision.ts'
import { openLogFile } from './log-file.ts'
import { type SupervisedProcess, superviseProcess } from './supervised-process.ts'

let folder: string
let changes: ProcessStatus[]
let running: SupervisedProcess | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-process-'))
  changes = []
})
afterEach(async () => {
  await running?.kill()
  running = undefined
  rmSync(folder, { recursive: true })
})

function supervise(script: string): SupervisedProcess {
  running = superviseProcess(
    { name: 'child', role: 'gateway', command: [process.execPath, '-e', script] },
    { clock: systemClock, logs: folder, env: { PATH: process.env.PATH }, onChange: (status) => changes.push(status) },
  )
  return running
}
async function reach(state: ProcessStatus['state'], more: (status: ProcessStatus) => boolean = () => true): Promise<ProcessStatus> {
  for (let i = 0; i < 200; i++) {
    const { status } = running!
    if (status.state === state && more(status)) return status
    await sleep(25)
  }
  throw new Error(`It never became ${state}: ${JSON.stringify(changes)}`)
}

test('ready when the child says so; drained when it is told to; what it says is in its log', async () => {
  const child = supervise(
    `process.send({ type: 'ready' }); console.log('hello'); process.on('message', (m) => { console.log(m.type, m.timeoutMs); process.exit(0) })`,
  )
  const { pid } = await reach('ready')
  expect(pid).toBeGreaterThan(0)
  await child.drain(5_000)
  expect(child.status).toMatchObject({ state: 'ended', lastEnd: 'exit code 0', restarts: 0 })
  expect(child.status.pid).toBeUndefined()
  expect(readFileSync(join(folder, 'child.log'), 'utf8')).toBe('hello\ndrain 5000\n')
})

test('one that ends is started again at once, the next time after a wait, and says why it failed', async () => {
  supervise(`process.send({ type: 'failed', message: 'no database' }, () => process.exit(3))`)
  const waiting = await reach('waiting')
  expect(waiting).toMatchObject({ restarts: 2, lastEnd: 'exit code 3: no database' })
  expect(waiting.retryAt! - waiting.since).toBe(1_000)
  expect(changes.map(({ state }) => state)).toContain('starting')
  await reach('waiting', ({ restarts }) => restarts === 3)
})

test('one that takes long to fail is not started in a circle: only having been ready counts', async () => {
  const clock = manualClock()
  running = superviseProcess(
    { name: 'child', role: 'engine', command: [process.execPath, '-e', 'process.exit(3)'] },
    {
      clock,
      logs: folder,
      env: { PATH: process.env.PATH },
      onChange: (status) => {
        changes.push(status)
        if (status.state === 'starting' && status.pid !== undefined) clock.advance(60_000) // it loads for a minute
      },
    },
  )
  const { restarts, since, retryAt } = await reach('waiting')
  expect({ restarts, wait: retryAt! - since }).toEqual({ restarts: 2, wait: 1_000 })
})

test('one that is waiting for its next start ends at once when it is drained', async () => {
  const child = supervise('process.exit(1)')
  await reach('waiting')
  await child.drain(10_000)
  expect(child.status.state).toBe('ended')
})

test('one that does not leave in time is killed', async () => {
  const child = supervise(`process.send({ type: 'ready' }); process.on('message', () => undefined); setInterval(() => undefined, 1000)`)
  await reach('ready')
  const since = performance.now()
  await child.drain(100)
  expect(child.status.lastEnd).toBe('killed by SIGKILL')
  expect(performance.now() - since).toBeGreaterThan(2_000)
})

test('restarted: killed hard, and what follows is as if it had ended by itself', async () => {
  const child = supervise(`process.send({ type: 'ready' }); process.on('message', () => undefined); setInterval(() => undefined, 1000)`)
  const { pid } = await reach('ready')
  child.restart()
  const again = await reach('ready', ({ restarts }) => restarts === 1)
  expect(again).toMatchObject({ lastEnd: 'killed by SIGKILL' })
  expect(again.pid).not.toBe(pid)
  child.restart('killed: it hung')
  child.restart()
  const waiting = await reach('waiting')
  expect(waiting).toMatchObject({ restarts: 2, lastEnd: 'killed: it hung' })
  child.restart()
  expect(child.status).toEqual(waiting)
  await reach('ready', ({ restarts }) => restarts === 2)
  const gone = child.drain(100)
  child.restart('killed: it hung')
  expect(child.status.state).toBe('draining')
  await gone
  expect(child.status).toMatchObject({ state: 'ended', restarts: 2, lastEnd: 'killed by SIGKILL' })
})

test('a reason to kill it is forgotten when it ends by itself', async () => {
  const child = supervise(`process.send({ type: 'ready' }); setTimeout(() => process.exit(4), 300)`)
  await reach('ready')
  child.restart('killed: it hung')
  await reach('ready', ({ restarts }) => restarts === 1)
  expect((await reach('waiting')).lastEnd).toBe('exit code 4')
})

test('a program that is not there is tried again like one that ends', async () => {
  running = superviseProcess(
    { name: 'child', role: 'engine', command: [join(folder, 'nothing')] },
    { clock: systemClock, logs: folder, env: {}, onChange: (status) => changes.push(status) },
  )
  const { lastEnd } = await reach('waiting')
  expect(lastEnd).toMatch(/^not started: .*ENOENT/)
})

test('a log file that has grown is put aside, and one is kept', () => {
  const write = (text: string) => {
    const log = openLogFile(folder, 'x', 10)
    writeFileSync(log.fd, text)
    log.close()
  }
  write('first, long enough\n')
  write('second, long enough\n')
  write('third\n')
  expect(readFileSync(join(folder, 'x.log'), 'utf8')).toBe('third\n')
  expect(readFileSync(join(folder, 'x.log.1'), 'utf8')).toBe('second, long enough\n')
  write('fourth\n')
  expect(readFileSync(join(folder, 'x.log'), 'utf8')).toBe('third\nfourth\n')
})
