/**
 * Which requests control answers at all. Pure decisions; server.ts asks them for every request.
 *
 * A page on the internet may point a name of its own at 127.0.0.1 (DNS rebinding), or make the browser of somebody who is logged in send a
 * request here (cross-site request forgery; a page on another port of this machine counts as "same site" and gets our cookie). So the Host
 * must be one of ours, and a write that a browser sends must come from our own pages.
 */
import { isIP } from 'node:net'

/** `hostname`s that are ours besides IP addresses, which no foreign page can own a name for. */
export function allowedHosts(options: { host: string; machine: string; extra?: string }): Set<string> {
  const extra = (options.extra ?? '').split(',').map((each) => each.trim().toLowerCase())
  return new Set(['localhost', options.host.toLowerCase(), options.machine.toLowerCase(), ...extra].filter(Boolean))
}

export function isHostAllowed(header: string | undefined, allowed: ReadonlySet<string>): boolean {
  if (!header) return false
  const host = /^(\[[0-9A-Fa-f:.]+\]|[^:]+)(:\d+)?$/.exec(header)?.[1]?.toLowerCase()
  if (!host) return false
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 || allowed.has(host) || host.endsWith('.localhost')
}

export interface Fetched {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  /** `Sec-Fetch-Site` */
  readonly site: string | undefined
  /** Who it is was told by a cookie, which a browser sends by itself. */
  readonly byCookie: boolean
}

/** A write that may not have been meant: from a foreign page, or from a browser that does not say from where. */
export function isForgeable({ method, host, origin, site, byCookie }: Fetched): boolean {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return false
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  if (origin !== undefined) return hostOf(origin) !== host?.toLowerCase()
  return byCookie && site === undefined
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined // "null": a sandboxed or local page
  }
}
