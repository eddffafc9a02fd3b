import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Lock, takeLock } from './lock.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-lock-'))
  path = join(folder, 'one.lock')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('one holds it, another is told who; after the release it is free', () => {
  const lock = takeLock(path, { note: { since: 'noon' } }) as Lock
  expect(takeLock(path)).toEqual({ holder: { pid: process.pid, since: 'noon' } })
  lock.release()
  const next = takeLock(path)
  expect(next).toHaveProperty('release')
  ;(next as Lock).release()
})

test('a temporary one leaves nothing behind', () => {
  const lock = takeLock(path, { temporary: true }) as Lock
  expect(takeLock(path, { temporary: true })).toHaveProperty('holder')
  lock.release()
  expect(readdirSync(folder)).toEqual([])
})

test('a folder that is not there, or that one may not write to, is an error and not a holder', () => {
  expect(() => takeLock(join(folder, 'nowhere', 'one.lock'))).toThrow(/ENOENT/)
})

/** Takes and releases the temporary lock as often as it can; in between it holds a file that nobody else may hold at the same time. */
const CONTENDER = `
  import { closeSync, openSync, unlinkSync } from 'node:fs'
  import { takeLock } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
  const [path, inside] = process.argv.slice(1)
  let taken = 0
  for (const end = Date.now() + 1500; Date.now() < end; ) {
    const lock = takeLock(path, { temporary: true })
    if (!('release' in lock)) continue
    closeSync(openSync(inside, 'wx')) // throws when somebody else is inside
    unlinkSync(inside)
    lock.release()
    taken += 1
  }
  console.log(taken)
`

test('three processes that fight for a temporary one never hold it together', async () => {
  const inside = join(folder, 'inside')
  const contenders = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', CONTENDER, path, inside], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  // Each loses the processor in the middle of whatever it does, as on a machine that has other things to do.
  const stopping = setInterval(() => {
    for (const child of contenders) {
      if (child.exitCode !== null) continue
      child.kill('SIGSTOP')
      setTimeout(() => child.kill('SIGCONT'), Math.random() * 4)
    }
  }, 3)
  const ends = await Promise.all(
    contenders.map(async (child) => {
      let said = ''
      child.stdout.on('data', (part) => (said += part))
      child.stderr.on('data', (part) => (said += part))
      const [code] = await once(child, 'close')
      return { code, said }
    }),
  )
  clearInterval(stopping)
  for (const { code, said } of ends) expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^[1-9]\d*\n$/) })
  expect(existsSync(inside)).toBe(false)
})
