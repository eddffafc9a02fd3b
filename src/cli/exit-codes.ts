/** What the exit code of `strata` says. Part of the interface: scripts branch on it. */
import { StrataError } from '../kernel/errors.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  refused: 4,
  notFound: 5,
  notAllowed: 6,
  rolledBack: 7,
  interrupted: 130,
} as const

export const EXIT_MEANING: Readonly<Record<number, string>> = {
  [EXIT.ok]: 'done',
  [EXIT.failed]: 'failed: the message says why',
  [EXIT.usage]: 'wrong usage: unknown command, flag or value',
  [EXIT.notRunning]: 'Strata is not running',
  [EXIT.refused]: 'refused: an invalid manifest, a conflict, something that others refer to',
  [EXIT.notFound]: 'there is no such thing',
  [EXIT.notAllowed]: 'not allowed: no token, a wrong one, or a role that may not do this',
  [EXIT.rolledBack]: 'a release that was waited for was rolled back or aborted',
  [EXIT.interrupted]: 'interrupted (Ctrl-C)',
}

const BY_CODE: Readonly<Record<string, number>> = {
  usage: EXIT.usage,
  not_running: EXIT.notRunning,
  invalid_manifest: EXIT.refused,
  invalid_request: EXIT.refused,
  invalid: EXIT.refused,
  conflict: EXIT.refused,
  wrong_phase: EXIT.refused,
  already_exists: EXIT.refused,
  referenced: EXIT.refused,
  in_use: EXIT.refused,
  immutable: EXIT.refused,
  refused: EXIT.refused,
  not_found: EXIT.notFound,
  unauthorized: EXIT.notAllowed,
  unauthenticated: EXIT.notAllowed,
  forbidden: EXIT.notAllowed,
}

/** A message that is already on the screen: only the exit code is left to say. */
export class Exit extends Error {
  readonly exitCode: number
  constructor(exitCode: number) {
    super(`exit ${exitCode}`)
    this.exitCode = exitCode
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Exit) return error.exitCode
  if (error instanceof StrataError) return BY_CODE[error.code] ?? EXIT.failed
  return EXIT.failed
}
