/**
 * Keeps engines to their memory limits: once a second it looks at what each holds, and one that holds more is killed. What grows faster than that is
 * stopped late, and where the system is not Linux nothing is enforced.
 *
 * What counts is memory of the process' own, in RAM or in swap (proc_pid_status(5): RssAnon, RssShmem, VmSwap), and not the resident memory as a whole:
 * pages of mapped files, as weights are, the system drops when it needs room.
 */
import { readFileSync } from 'node:fs'
import { killedForMemory } from '../kernel/endings.ts'
import type { SupervisedProcess } from './supervised-process.ts'

export interface Limited {
  readonly memoryLimitBytes?: number
  readonly process: SupervisedProcess
}

const LOOK_MS = 1_000

/** `all`: those that there are now. */
export function enforceMemoryLimits(all: () => Iterable<Limited>): { close(): void } {
  const timer = setInterval(() => {
    for (const { memoryLimitBytes, process } of all()) {
      const { pid, state } = process.status
      if (memoryLimitBytes === undefined || pid === undefined || (heldBytes(pid) ?? 0) <= memoryLimitBytes) continue
      const why = killedForMemory(memoryLimitBytes)
      if (state === 'draining') void process.kill(why)
      else process.restart(why)
    }
  }, LOOK_MS)
  return { close: () => clearInterval(timer) }
}

/** Undefined where there is no such process, or the system does not tell. */
export function heldBytes(pid: number): number | undefined {
  try {
    return parseHeld(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return undefined // it has ended, or there is no /proc
  }
}

/** Of the text of `/proc/PID/status`. Undefined for a process that has no memory any more. */
export function parseHeld(status: string): number | undefined {
  const kilobytes = [...status.matchAll(/^(?:RssAnon|RssShmem|VmSwap):\s*(\d+) kB$/gm)].map(([, number]) => Number(number))
  return kilobytes.length === 0 ? undefined : kilobytes.reduce((sum, each) => sum + each, 0) * 1024
}
