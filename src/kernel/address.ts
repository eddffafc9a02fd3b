import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where a server listens: a Unix socket, or a TCP host and port. */
export type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number }

export function formatAddress(address: Address): string {
  return 'socketPath' in address ? `unix:${address.socketPath}` : `${address.host}:${address.port}`
}

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the closing zero included. */
const LONGEST_SOCKET_PATH = 103

/**
 * The path of a private socket in `folder`. A folder too deep for `sun_path` gets a stand-in under the system's temporary folder,
 * derived from the path and the user, 0700, so that every process of one home finds the same place.
 */
export function socketPath(folder: string, name: string): string {
  const direct = join(folder, `${name}.sock`)
  if (Buffer.byteLength(direct) <= LONGEST_SOCKET_PATH) return direct
  const uid = process.getuid?.() ?? 0
  const stand = join(tmpdir(), `strata-${uid}-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`)
  mkdirSync(stand, { recursive: true, mode: 0o700 })
  return join(stand, `${name}.sock`)
}
