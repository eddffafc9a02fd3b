/** A process' log file. The child writes to it through an inherited descriptor, so nothing it says is lost when the supervisor is. */
import { closeSync, openSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../kernel/errors.ts'

const ROTATE_ABOVE_BYTES = 10_000_000

export interface LogFile {
  readonly fd: number
  readonly path: string
  /** Bytes that stood in it before. */
  readonly size: number
  close(): void
}

/** Opens `<folder>/<name>.log` for appending; one that has grown above 10 MB becomes `<name>.log.1` first (one is kept). */
export function openLogFile(folder: string, name: string, rotateAbove = ROTATE_ABOVE_BYTES): LogFile {
  const path = join(folder, `${name}.log`)
  if (sizeOf(path) > rotateAbove) renameSync(path, `${path}.1`)
  const size = sizeOf(path)
  const fd = openSync(path, 'a', 0o600)
  return { fd, path, size, close: () => closeSync(fd) }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}
