/** Numbers as people say them. */
import { constants } from 'node:os'

/** The signal that an exit code of 128 and more stands for. */
export function signalOf(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0]
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

/** "pulling 12.5 of 80.0 MB". */
export function pullingWords(current: number, total: number): string {
  return total > 0 ? `pulling ${megabytes(current)} of ${megabytes(total)} MB` : 'pulling'
}
