/** The runtimes of this machine. */
import { existsSync } from 'node:fs'
import type { Clock } from '../../kernel/clock.ts'
import type { Home } from '../../kernel/home.ts'
import type { Log } from '../../kernel/log.ts'
import { createDockerRuntime, dockerSocket } from './docker/index.ts'
import { lazyRuntime } from './lazy.ts'
import type { Runtime } from './port.ts'
import { createProcessRuntime, type ProcessRuntime } from './process/index.ts'

export interface RuntimesHere {
  readonly process: ProcessRuntime
  readonly docker: Runtime
}

/** `owner`: whose containers are ours. `network`: of containers, as Docker names it. */
export function runtimesHere(options: { home: Home; owner: string; network: string | undefined; clock: Clock; log: Log }): RuntimesHere {
  const { home, owner, network, clock, log } = options
  return {
    process: createProcessRuntime({ socketPath: home.socket('supervisor'), logs: home.logs, clock, log }),
    docker: lazyRuntime(() => createDockerRuntime({ home: owner, ...(network ? { network } : {}), clock, log }), isThere()),
  }
}

function isThere(): boolean {
  try {
    return existsSync(dockerSocket())
  } catch {
    return false // on another machine: said when it is needed
  }
}
