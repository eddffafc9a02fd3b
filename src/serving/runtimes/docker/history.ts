/**
 * How often a container was started and how it last ended, from Docker's events: its own state forgets the end with the next start, and its
 * count of restarts with each start that was not its own.
 */
import { killedForMemory } from '../../../kernel/endings.ts'
import type { ContainerEvent, InspectedContainer } from './shapes.ts'
import { signalOf } from './words.ts'

/** "oom" may come a little after the end that it explains. */
const OOM_LATE_MS = 3_000
const KILLED = 137

export interface Past {
  readonly starts: number
  readonly lastEnd?: { readonly at: number; readonly exitCode: number; readonly outOfMemory: boolean }
  /** Memory ran out in the run that goes on. Only a killed main process makes it the end's reason. */
  readonly outOfMemory: boolean
}

const NO_PAST: Past = { starts: 0, outOfMemory: false }

/** `at`: milliseconds since the epoch. */
export function notePast(past: Past = NO_PAST, { Action, Actor, timeNano }: ContainerEvent): Past {
  const at = timeNano / 1e6
  switch (Action) {
    case 'start':
      return { ...past, starts: past.starts + 1, outOfMemory: false }
    case 'oom': {
      const end = past.lastEnd
      if (end && end.exitCode === KILLED && at - end.at < OOM_LATE_MS) return { ...past, lastEnd: { ...end, outOfMemory: true } }
      return { ...past, outOfMemory: true }
    }
    case 'die': {
      const exitCode = Number(Actor.Attributes.exitCode ?? 0)
      return { ...past, outOfMemory: false, lastEnd: { at, exitCode, outOfMemory: past.outOfMemory && exitCode === KILLED } }
    }
    default:
      return past
  }
}

export function restartsOf(past: Past | undefined, { RestartCount }: InspectedContainer): number {
  return Math.max(RestartCount, (past?.starts ?? 0) - 1)
}

/** "exit code 1", "killed: out of memory (limit 64 MiB)"; undefined where it has not ended, or nobody knows any more how. */
export function lastEndOf(past: Past | undefined, { State, HostConfig }: InspectedContainer): string | undefined {
  const ended = State.Status === 'restarting' || State.Status === 'exited' || State.Status === 'dead'
  const end = ended ? { exitCode: State.ExitCode, outOfMemory: State.OOMKilled || past?.lastEnd?.outOfMemory === true } : past?.lastEnd
  if (!end) return undefined
  if (end.outOfMemory) return killedForMemory(HostConfig.Memory > 0 ? HostConfig.Memory : undefined)
  const signal = signalOf(end.exitCode)
  return signal ? `exit code ${end.exitCode} (${signal})` : `exit code ${end.exitCode}`
}
