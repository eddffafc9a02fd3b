/**
 * Children that a dead supervisor left. They drain and leave by themselves, but until then they hold ports, sockets and the database; and one
 * that hangs never notices. So the pids of all children are kept in `run/children.json`, each with its start time (a pid alone is used
 * again by others), and a new supervisor waits for them and, after that, ends them.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemCode } from '../kernel/errors.ts'
import type { Home } from '../kernel/home.ts'

interface Child {
  readonly pid: number
  readonly startedAt: string
}

const file = (home: Home) => join(home.run, 'children.json')

export function recordChildren(home: Home, pids: readonly number[]): void {
  const children: Child[] = pids.flatMap((pid) => {
    const startedAt = startOf(pid)
    return startedAt ? [{ pid, startedAt }] : []
  })
  writeFileSync(`${file(home)}.new`, JSON.stringify(children), { mode: 0o600 })
  renameSync(`${file(home)}.new`, file(home))
}

/** Waits until none of the recorded children is left. Those still there after `timeoutMs` are killed. */
export async function awaitPreviousRun(home: Home, timeoutMs: number, onWait: (pids: readonly number[]) => void): Promise<void> {
  const before = readChildren(home)
  const alive = () => before.filter((child) => startOf(child.pid) === child.startedAt).map((child) => child.pid)
  const deadline = performance.now() + timeoutMs
  let left = alive()
  if (left.length > 0) onWait(left)
  while (left.length > 0) {
    if (performance.now() > deadline) for (const pid of left) killNow(pid)
    await sleep(50)
    left = alive()
  }
}

function readChildren(home: Home): Child[] {
  try {
    return JSON.parse(readFileSync(file(home), 'utf8')) as Child[]
  } catch {
    return [] // none recorded, or a file that a crash cut: then the port check has the last word
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}

/** A text that changes when the pid is given to another process; undefined when there is none (or only a zombie). */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // proc(5): the second field may hold spaces and brackets; count from the last ")". State is field 3, start time field 22.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').at(-1)!.trim().split(' ')
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined
      return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[19]}`
    }
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() ||
      undefined
    )
  } catch {
    return undefined // no such process
  }
}
