/** What people are told when a disk takes nothing. */
import { accessSync, constants, statfsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { StrataError, systemCode } from './errors.ts'
import { formatBytes } from './units.ts'

/** The error in words, when it says that nothing can be written to the disk of `folder`; undefined for any other. */
export function diskProblem(error: unknown, folder: string): StrataError | undefined {
  switch (systemCode(error)) {
    case 'ENOSPC':
    // PostgreSQL's own (SQLSTATE, class 53: insufficient resources).
    case '53100':
      return new StrataError('disk_full', `The disk of ${folder} is full.`, { advice: FREE_SPACE, cause: error })
    case 'EDQUOT':
      return new StrataError('disk_full', `The disk quota of ${folder} is used up.`, { advice: FREE_SPACE, cause: error })
    case 'EROFS':
      return new StrataError('read_only', `The disk of ${folder} is mounted read-only.`, {
        advice: 'Mount it for writing, or set STRATA_HOME to a folder on another disk.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      return new StrataError('not_writable', `${userInfo().username} may not write to ${folder}.`, {
        advice: 'Give the folder to that user (chown), or set STRATA_HOME to another one.',
        cause: error,
      })
    default:
      return undefined
  }
}

/** With less than this left nothing new is taken: PGlite's log grows by pieces of 16 MB, and others write to that disk too. */
export const ROOM_BYTES = 24 * 1024 * 1024

const FREE_SPACE = 'Free some space; `strata weights gc` removes weights that no version uses.'

/** Throws what `diskProblem` says when `folder` cannot be written to, or has less than `bytes` left. */
export function requireRoom(folder: string, bytes: number): void {
  try {
    accessSync(folder, constants.W_OK)
  } catch (error) {
    throw diskProblem(error, folder) ?? error
  }
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  if (free >= bytes) return
  throw new StrataError('disk_full', `The disk of ${folder} is full: ${formatBytes(free)} are left, and ${formatBytes(bytes)} must be.`, {
    advice: FREE_SPACE,
  })
}
