/**
 * Does a model find the memory that it needs? Asked before it is taken: a system that is out of memory ends some process without a word, and not
 * always the one that asked for too much.
 */
import { totalmem } from 'node:os'
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
  return { total: Math.min(totalmem(), bound), available: process.availableMemory() }
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
