/** An engine under the supervisor in the words of the port. */
import { z } from 'zod'
import type { EngineStatus } from '../../../kernel/supervision.ts'
import type { InstanceAddress, RunningInstance } from '../port.ts'

/** As far as it is read here: the rest is between control and the engine. */
const listening = z.object({ listen: z.object({ socketPath: z.string() }) })

/** Undefined for one that has ended and is not started again. `since` is told anew when it says that it is ready. */
export function describeEngine({ id, config, status }: EngineStatus): RunningInstance | undefined {
  const { restarts, since, lastEnd } = status
  const told = { id, config, since, restarts, ...(lastEnd === undefined ? {} : { lastEnd }) }
  const address = addressIn(config)
  const reached = {
    ...told,
    ...(address ? { address } : {}),
    ...(status.pid === undefined ? {} : { incarnation: `process ${status.pid}, run ${restarts}` }),
  }
  switch (status.state) {
    case 'starting':
    case 'ready':
      return { ...reached, state: 'running' }
    case 'draining':
      return { ...reached, state: 'ending' }
    case 'waiting':
      return { ...told, state: 'waiting' }
    case 'ended':
      return undefined
    default:
      status.state satisfies never
  }
}

/** Undefined where the text names no socket. */
function addressIn(config: string): InstanceAddress | undefined {
  try {
    return listening.parse(JSON.parse(config)).listen
  } catch {
    return undefined // then nobody can ask it, and it counts as one that does not answer
  }
}
