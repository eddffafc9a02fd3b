/** How a program ended, in words that all who run programs share. */
import { formatLimit } from './units.ts'

/** It took more than its limit, or more than the machine has where there is none. */
export function killedForMemory(limitBytes?: number): string {
  return limitBytes === undefined ? 'killed: out of memory' : `killed: out of memory (limit ${formatLimit(limitBytes)})`
}
