/** Who is asking: by bearer token (the home's admin token, or one that was made), or by the console's session cookie. */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { sha256Hex } from '../kernel/ids.ts'
import { type Identity, ROLES, type Role } from '../store/index.ts'
import type { ControlContext } from './context.ts'

export interface Caller extends Identity {
  readonly by: 'token' | 'cookie'
}

export const SESSION_DAYS = 30

/** With the port in it: cookies do not tell ports apart, and two systems on one machine must not log each other out. */
export function sessionCookie(listen: ControlContext['listen']): string {
  return `strata_session_${listen.port}`
}

export function setSessionCookie(listen: ControlContext['listen'], value: string, maxAgeSeconds: number): string {
  return `${sessionCookie(listen)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${listen.tls ? '; Secure' : ''}`
}

export function createIdentify(context: ControlContext): (headers: IncomingHttpHeaders) => Promise<Caller | undefined> {
  const admin = Buffer.from(sha256Hex(context.credentials.adminToken))
  return async (headers) => {
    const token = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    if (token !== undefined) {
      if (timingSafeEqual(Buffer.from(sha256Hex(token)), admin)) return { actor: 'admin', role: 'admin', by: 'token' }
      const found = await context.store.identity.findToken(token)
      return found && { ...found, by: 'token' }
    }
    const session = readCookie(headers.cookie, sessionCookie(context.listen))
    const found = session === undefined ? undefined : await context.store.identity.findSession(session)
    return found && { ...found, by: 'cookie' }
  }
}

export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return undefined
}

export function mayAct(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}
