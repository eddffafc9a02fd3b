import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { StrataError, systemCode } from './errors.ts'
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

/** Undefined where there are none. Throws a StrataError `credentials_damaged` where something else stands there. */
export function readCredentials(home: Home): Credentials | undefined {
  let text: string
  try {
    text = readFileSync(home.credentials, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  const read = parsed(text)
  // One written by hand, to call a system elsewhere, need not hold all of them.
  if (read && SECRETS.every((name) => ['string', 'undefined'].includes(typeof read[name]))) return read as unknown as Credentials
  throw damaged(home)
}

const damaged = (home: Home) =>
  new StrataError('credentials_damaged', `${home.credentials} does not hold what Strata wrote there: keys and tokens.`, {
    advice: 'Put a copy back (a backup has one), or move it away: the next `strata up` makes new ones.',
  })

const SECRETS = ['apiKey', 'consoleKey', 'adminToken', 'feedToken'] as const

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
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
  if (before && SECRETS.some((name) => before[name] === undefined)) throw damaged(home)
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
