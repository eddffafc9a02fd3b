/** Nobody answers where control should: because nothing runs, or because control alone is away and the rest goes on? The supervisor knows. */
import { StrataError } from '../kernel/errors.ts'
import type { Home } from '../kernel/home.ts'
import type { ProcessStatus } from '../kernel/supervision.ts'
import { connectSupervisor } from '../serving/runtimes/process/supervisor-client.ts'

/** Undefined where no system runs on `home`. */
export async function controlAway(home: Home, url: string): Promise<StrataError | undefined> {
  const supervisor = connectSupervisor(home.socket('supervisor'))
  try {
    const processes = await supervisor.processes()
    return processes && awayInWords(processes, url)
  } catch {
    return undefined // it hangs, or speaks another language: then nothing can be said of the rest
  } finally {
    await supervisor.close()
  }
}

export function awayInWords(processes: readonly ProcessStatus[], url: string): StrataError {
  const control = processes.find(({ role }) => role === 'control')
  const ended = control?.lastEnd === undefined ? '' : ` (${control.lastEnd})`
  const gateways = processes.filter(({ role }) => role === 'gateway')
  const ready = gateways.filter(({ state }) => state === 'ready').length
  return new StrataError(
    'control_away',
    `Control does not answer at ${url}${ended}. ${ready} of ${gateways.length} gateways are ready and go on without it; nothing can be changed.`,
    { advice: 'It is started again by itself; `strata logs --process control` tells more.' },
  )
}
