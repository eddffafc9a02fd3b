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

/**
 * What is wrong with the parameters of a target, in words: one that stands there more than once (which of them counts is not for us to guess), or
 * one with a NUL in it, which no database takes.
 */
export function parameterProblem(parameters: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value !== 'string') return `The parameter ${JSON.stringify(name.slice(0, 80))} stands there more than once.`
    if (value.includes('\0')) return `The parameter ${JSON.stringify(name.slice(0, 80))} has a NUL in it.`
  }
  return undefined
}

/**
 * What is ambiguous about a request's head, in words: for one program it would mean this, for another that. `route` is the pattern that the target
 * was matched to.
 */
export function headProblem(head: {
  readonly rawHeaders: readonly string[]
  readonly url: string
  readonly httpVersion: string
  readonly route: string | undefined
  readonly apiPrefix: string
}): string | undefined {
  const count = (wanted: string) => head.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === wanted).length
  const hosts = count('host')
  if (hosts > 1 || (hosts === 0 && head.httpVersion === '1.1')) return 'There must be one Host header.'
  if (count('authorization') > 1) return 'There is more than one Authorization header.'
  if (!head.url.startsWith('/')) return 'The request target must be a path.'
  // The router decodes before it matches: what is an API to it must be one to everybody who reads the target.
  if (head.route?.startsWith(head.apiPrefix) && !head.url.startsWith(head.apiPrefix))
    return `The path to the API is written as it is, ${head.apiPrefix}, and not percent-encoded.`
  return undefined
}
