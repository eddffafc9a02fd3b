import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../kernel/clock.ts'
import type { ProcessStatus } from '../kernel/supervision.ts'
import { enforceMemoryLimits, heldBytes, type Limited, parseHeld } from './memory-limit.ts'
import { type SupervisedProcess, superviseProcess } from './supervised-process.ts'

const MIB = 2 ** 20

describe('what a process holds', () => {
  test('is what is its own, in RAM or in swap; what it has mapped of files is not', () => {
    const status =
      'VmSize:\t 9000 kB\nVmRSS:\t 800 kB\nRssAnon:\t     100 kB\nRssFile:\t     600 kB\nRssShmem:\t      20 kB\nVmSwap:\t       3 kB\n'
    expect(parseHeld(status)).toBe(123 * 1024)
    expect(parseHeld('Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined()
  })

  test('of one that there is not is not known', () => {
    expect(heldBytes(2 ** 30)).toBeUndefined()
  })

  test.runIf(process.platform === 'linux')('a mapped file does not count, memory of its own does', () => {
    const before = heldBytes(process.pid)!
    // The program's own file is mapped.
    expect(process.memoryUsage.rss() - before).toBeGreaterThan(10 * MIB)
    const own = Buffer.alloc(100 * MIB, 1)
    expect(heldBytes(process.pid)! - before).toBeGreaterThan(90 * MIB)
    expect(own.at(-1)).toBe(1)
  })
})

describe.runIf(process.platform === 'linux')('a limit', () => {
  const EATS = `process.send({ type: 'ready' }); process.on('message', () => undefined); const kept = []; setInterval(() => kept.push(Buffer.alloc(8 * 2 ** 20, 1)), 20)`
  const IDLES = `process.send({ type: 'ready' }); process.on('message', () => undefined); setInterval(() => undefined, 1000)`
  let folder: string
  let changes: ProcessStatus[]
  const processes: Limited[] = []
  let limits: { close(): void }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'strata-memory-'))
    changes = []
    limits = enforceMemoryLimits(() => processes)
  })
  afterEach(async () => {
    limits.close()
    await Promise.all(processes.splice(0).map(({ process: each }) => each.kill()))
    rmSync(folder, { recursive: true })
  })
  const supervise = (script: string, memoryLimitBytes?: number): SupervisedProcess => {
    const started = superviseProcess(
      { name: 'child', role: 'engine', command: [process.execPath, '-e', script] },
      { clock: systemClock, logs: folder, env: { PATH: process.env.PATH }, onChange: (status) => changes.push(status) },
    )
    processes.push({ process: started, ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }) })
    return started
  }

  test('kills what holds more, which is then started again and says why; the others are left alone', async () => {
    const [eater, idler] = [supervise(EATS, 128 * MIB), supervise(IDLES, 1024 * MIB)]
    const unlimited = supervise(IDLES)
    await expect.poll(() => eater.status.restarts, { timeout: 15_000 }).toBeGreaterThan(0)
    expect(eater.status.lastEnd).toBe('killed: out of memory (limit 128 MiB)')
    expect([idler.status, unlimited.status].map(({ state, restarts }) => ({ state, restarts }))).toEqual(
      Array.from({ length: 2 }, () => ({ state: 'ready', restarts: 0 })),
    )
  })

  test('holds for one that drains too, which is not started again', async () => {
    const eater = supervise(EATS, 128 * MIB)
    await expect.poll(() => eater.status.state).toBe('ready')
    await eater.drain(60_000)
    expect(eater.status).toMatchObject({ state: 'ended', restarts: 0, lastEnd: 'killed: out of memory (limit 128 MiB)' })
  })
})
