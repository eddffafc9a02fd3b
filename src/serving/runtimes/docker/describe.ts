/** A container in the words of the port. */
import type { RunningInstance, RunState } from '../port.ts'
import { isAlive, type OwnContainer } from './container-spec.ts'
import { lastEndOf, type Past, restartsOf } from './history.ts'
import type { InspectedContainer } from './shapes.ts'

/** What we tried for an instance and Docker refused. */
export interface Failure {
  readonly since: number
  readonly message: string
}

export function describeContainer(
  container: OwnContainer,
  inspected: InspectedContainer,
  past: Past | undefined,
  failure: Failure | undefined,
): RunningInstance {
  const { instance: id, config, address, ending } = container
  const { State } = inspected
  const lastEnd = lastEndOf(past, inspected)
  const told = { id, config, restarts: restartsOf(past, inspected), ...(lastEnd ? { lastEnd } : {}) }
  const is = (state: RunState, since: number, message?: string): RunningInstance => ({
    ...told,
    state,
    since,
    ...(address ? { address } : {}),
    ...(message ? { message } : {}),
  })
  const running = (message?: string): RunningInstance => ({
    ...is('running', Date.parse(State.StartedAt), message),
    incarnation: `${container.containerId} ${State.StartedAt}`,
  })
  if (ending) return is('ending', ending.since)
  // Newer than the list: what has ended meanwhile does not pass for the run of before with one more start.
  const state = State.Status
  if (failure && !isAlive(container)) return is('failed', failure.since, failure.message)
  switch (state) {
    case 'running':
      return running()
    case 'paused':
      return running('paused by somebody: docker unpause makes it go on')
    case 'restarting':
      return is('waiting', Date.parse(State.FinishedAt))
    case 'exited':
      return is('waiting', Date.parse(State.FinishedAt), 'stopped from outside')
    case 'created':
      return is('starting', Date.parse(inspected.Created))
    default:
      return is('ending', Date.parse(State.FinishedAt))
  }
}
