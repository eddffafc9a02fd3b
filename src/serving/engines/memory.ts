/**
 * Does a model find the memory that it needs? Asked before it is taken: a system that is out of memory ends some process without a word, and not
 * always the one that asked for too much.
 */
import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { StrataError } from '../../kernel/errors.ts'
import { formatBytes } from '../../kernel/units.ts'

/** Bytes. */
export interface MemoryNeed {
  /** Read in from a file: the system may drop it and read it again, so other files in memory make room for it. */
  readonly mapped: number
  /** Kept for as long as the engine runs. */
  readonly held: number
}

/** Bytes. */
export interface Memory {
  /** Of the machine, or of the container, where that is bounded. */
  readonly total: number
  readonly available: number
}

export function memoryHere(): Memory {
  // 0 where there is no bound, or one beyond what there is.
  const bound = process.constrainedMemory() || Number.POSITIVE_INFINITY
  const total = Math.min(totalmem(), bound)
  // Elsewhere what the system calls free leaves out what it would give up at once: only the whole is a measure.
  if (process.platform !== 'linux') return { total, available: total }
  if (bound >= totalmem()) return { total, available: freemem() }
  // A container's use counts the files that it has read, weights that were just fetched among them.
  return { total, available: Math.min(total, freemem(), process.availableMemory() + cachedFiles()) }
}

/** Bytes of files in memory that this container answers for and the system takes back when it needs room. */
export function cachedFiles(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): number {
  try {
    const groups = read('/proc/self/cgroup')
    const first = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)
    const [mount, path] = first ? ['/sys/fs/cgroup/memory', first[1]!] : ['/sys/fs/cgroup', /^0::(.*)$/m.exec(groups)?.[1] ?? '/']
    // Inside of a container its own group is where the mount begins.
    const stat = [`${mount}${path}/memory.stat`, `${mount}/memory.stat`]
      .map((each) => tryRead(read, each))
      .find((text) => text !== undefined)
    const value = (name: string) => Number(new RegExp(`^(?:total_)?${name} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0)
    return value('inactive_file') + value('active_file')
  } catch {
    return 0 // a system without groups
  }
}

function tryRead(read: (path: string) => string, path: string): string | undefined {
  try {
    return read(path)
  } catch {
    return undefined
  }
}

/** Throws in words where `need` is more than there is. `what`: the version, and what of it makes the need. */
export function requireMemory(what: string, need: MemoryNeed, advice: string, memory: Memory = memoryHere()): void {
  const all = need.mapped + need.held
  if (all <= memory.total && need.held <= memory.available) return
  const bytes = all > memory.total ? all : need.held
  throw new StrataError(
    'not_enough_memory',
    `Not enough memory: ${what} needs ${formatBytes(bytes)}, and of ${formatBytes(memory.total)} here ${formatBytes(memory.available)} are available.`,
    { advice },
  )
}
