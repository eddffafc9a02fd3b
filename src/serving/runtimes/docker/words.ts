/** Numbers as people say them. */
import { constants } from 'node:os'

/** "64 MiB", "1.5 GiB": as limits are written in manifests. */
export function formatLimit(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, 'GiB'] : [2 ** 20, 'MiB']
  return `${Number((bytes / unit).toFixed(1))} ${name}`
}

/** The signal that an exit code of 128 and more stands for. */
export function signalOf(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0]
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

/** "pulling 12.5 of 80.0 MB". */
export function pullingWords(current: number, total: number): string {
  return total > 0 ? `pulling ${megabytes(current)} of ${megabytes(total)} MB` : 'pulling'
}
