/**
 * A process that finds no memory ends in one of two ways, and neither says so to its parent: the system's OOM killer sends SIGKILL and counts it,
 * or an allocation fails and the runtime aborts, with its reason on stderr. Here both become words, and so does what native code complained of before
 * it gave up.
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'

/** Ends of a runtime that gives up: abort(), a trap, or an access to memory that it did not get. */
const ABORTS = new Set<string>(['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGSEGV', 'SIGBUS'])
const SAID = /^.*(?:out of memory|bad_alloc|allocation failed|cannot allocate|failed to allocate|ENOMEM|insufficient memory).*$/im
const TAIL_BYTES = 8 * 1024

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Processes that the system has ended for want of memory since the last look. */
  readonly oomKills: number
  /** The end of what it wrote. */
  readonly lastWords: string
}

/** How it ended, in words. */
export function describeEnding({ code, signal, oomKills, lastWords }: Ending): string {
  const how = signal === null ? `exit code ${code}` : `killed by ${signal}`
  if (signal === 'SIGKILL') return oomKills > 0 ? `${how}: the system was out of memory and ended it` : how
  // A shell's way to tell a signal, 128 and its number: SIGTRAP and SIGABRT.
  if (!ABORTS.has(signal ?? '') && code !== 133 && code !== 134) return how
  const said = SAID.exec(lastWords)?.[0].trim()
  if (said) return `${how}: it found no memory ("${said.slice(0, 160)}")`
  const complaint = firstComplaint(lastWords)
  return complaint === undefined ? how : `${how}: ${complaint.slice(0, 160)}`
}

/** The first error that it logged: what follows is what came of it. */
function firstComplaint(words: string): string | undefined {
  for (const line of words.split('\n')) {
    if (!line.startsWith('{') || !line.includes('"level":"error"')) continue
    try {
      return String((JSON.parse(line) as { message?: unknown }).message)
    } catch {
      // cut off, or of somebody else
    }
  }
  return undefined
}

/** Counters of the container first, where there is one: the machine's count others' processes too. */
const COUNTERS = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control', '/proc/vmstat']

/** Processes that were ended for want of memory since the last call. 0 where the system does not count them. */
export function countOomKills(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): () => number {
  const count = () => {
    for (const path of COUNTERS) {
      try {
        const found = /^oom_kill (\d+)$/m.exec(read(path))?.[1]
        if (found !== undefined) return Number(found)
      } catch {
        // another kernel, or another version of its cgroups
      }
    }
    return 0
  }
  let before = count()
  return () => {
    const now = count()
    const since = now - before
    before = now
    return since
  }
}

/** What stands in the file from `start` on, the last part of it; nothing where it cannot be read. */
export function lastWords(path: string, start: number): string {
  let file: number | undefined
  try {
    const from = Math.max(start, statSync(path).size - TAIL_BYTES)
    file = openSync(path, 'r')
    const buffer = Buffer.alloc(TAIL_BYTES)
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, TAIL_BYTES, from))
  } catch {
    return '' // no log on a disk that takes none: then its reason is lost too
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
