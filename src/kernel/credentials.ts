import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { systemCode } from './errors.ts'
import type { Home } from './home.ts'
import { randomBase62 } from './ids.ts'

/** What `STRATA_HOME/credentials` holds, 0600. Only the user of the home can read it; only hashes of these go into the store. */
export interface Credentials {
  /** First API key of the gateway, of consumer "default". */
  readonly apiKey: string
  /** Key of consumer "console", used by control's proxy. */
  readonly consoleKey: string
  /** Admin token of the control API; the command line uses it. */
  readonly adminToken: string
  /** Gateways present it on the snapshot feed. */
  readonly feedToken: string
  /** Base URLs of the running (or last) system, e.g. "http://127.0.0.1:7400". */
  readonly gatewayUrl?: string
  readonly consoleUrl?: string
  /** The certificate that it serves, where it has TLS: who asks it from this machine may trust exactly that one. */
  readonly tlsCertFile?: string
}

export function readCredentials(home: Home): Credentials | undefined {
  try {
    return JSON.parse(readFileSync(home.credentials, 'utf8')) as Credentials
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

export function writeCredentials(home: Home, credentials: Credentials): void {
  const aside = `${home.credentials}.${process.pid}.new`
  writeFileSync(aside, `${JSON.stringify(credentials, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(aside, home.credentials)
}

/** The home's credentials, made on first use. `apiKey` presets the first key (`STRATA_API_KEY`), also later. */
export function ensureCredentials(home: Home, apiKey?: string): Credentials {
  const before = readCredentials(home)
  const after: Credentials = before ?? {
    apiKey: apiKey ?? `sk-strata-${randomBase62(40)}`,
    consoleKey: `sk-strata-console-${randomBase62(40)}`,
    adminToken: `strata-admin-${randomBase62(40)}`,
    feedToken: randomBase62(40),
  }
  const wanted = apiKey && apiKey !== after.apiKey ? { ...after, apiKey } : after
  if (wanted !== before) writeCredentials(home, wanted)
  return wanted
}
