/** What of the processor others had meanwhile, from the kernel's own account: rounds beside a busy neighbour say nothing about the peers. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

export interface Watch {
  /** Between 0 and 1, of all cores, since the watch began. */
  share(): number
}

/** `own`: the processes that are measured. This one is ours as well. */
export function watchNeighbours(own: readonly number[]): Watch {
  const started = performance.now()
  const before = others(own)
  return {
    share: () => Math.max(0, (others(own) - before) / ((performance.now() - started) * availableParallelism())),
  }
}

/** Hundredths of a second, on every Linux that Node runs on. */
const TICK_MS = 10

/** Milliseconds of processor time that all but our own have used; what the host took away from this machine counts too. */
function others(own: readonly number[]): number {
  const cores = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!
  const [user, nice, system, , , irq, softirq, steal] = cores.trim().split(/\s+/).slice(1).map(Number)
  const busy = user! + nice! + system! + irq! + softirq! + steal!
  return (busy - [process.pid, ...own].reduce((sum, pid) => sum + ticks(pid), 0)) * TICK_MS
}

/** With those of threads that have ended: an evaluation starts some of its own. */
function ticks(pid: number): number {
  const [, afterName] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ') as [string, string]
  const fields = afterName.split(' ')
  return Number(fields[11]) + Number(fields[12])
}
