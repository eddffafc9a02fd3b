/** Tokens, console sessions and one-time login links: hashes only, a database that leaks opens nothing. */

import type { Clock } from '../kernel/clock.ts'
import { StrataError } from '../kernel/errors.ts'
import { sha256Hex } from '../kernel/ids.ts'
import type { Connection } from './connection.ts'
import { writeAudit } from './resource-rows.ts'

export const ROLES = ['viewer', 'editor', 'admin'] as const
export type Role = (typeof ROLES)[number]

export interface Identity {
  /** "token/ci", "console": who stands in the audit. */
  readonly actor: string
  readonly role: Role
}

export interface TokenInfo {
  readonly name: string
  readonly role: Role
  readonly createdAt: number
  readonly expiresAt?: number
}

export interface SessionInfo extends Identity {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** What a session is called by: enough of its hash to tell it from others, and nothing that opens anything. */
export const sessionId = (secret: string) => sha256Hex(secret).slice(0, SESSION_ID_LENGTH)
const SESSION_ID_LENGTH = 16

export interface IdentityStore {
  addToken(secret: string, token: { name: string; role: Role; expiresAt?: number }, by: string): Promise<void>
  removeToken(name: string, by: string): Promise<boolean>
  listTokens(): Promise<TokenInfo[]>
  findToken(secret: string): Promise<Identity | undefined>
  /** `name`: whom it is for; what they do then stands in the audit as "console/<name>". */
  addLoginLink(secret: string, link: { role: Role; expiresAt: number; name?: string }): Promise<void>
  /** Each link opens once: it is deleted as it is read, and the session is made in the same transaction. */
  openLoginLink(link: string, session: string, sessionExpiresAt: number): Promise<Identity | undefined>
  findSession(secret: string): Promise<Identity | undefined>
  endSession(secret: string): Promise<void>
  /** Those that open something now, the newest first. */
  listSessions(): Promise<SessionInfo[]>
  /** Somebody else's, by its id. False: there is none. */
  revokeSession(id: string, by: string): Promise<boolean>
  /** Sessions, links and tokens whose time is over. They open nothing any more; this frees their rows. */
  removeExpired(): Promise<void>
}

export function openIdentity(connection: Connection, clock: Clock): IdentityStore {
  return {
    async addToken(secret, { name, role, expiresAt }, by) {
      await connection.transaction(async (tx) => {
        const taken = await tx.query('select 1 from tokens where name = $1', [name])
        if (taken.length > 0)
          throw new StrataError('conflict', `There is a token "${name}" already.`, {
            advice: 'Choose another name, or delete that one first.',
          })
        await tx.query('insert into tokens (hash, name, role, created_at, expires_at) values ($1, $2, $3, $4, $5)', [
          sha256Hex(secret),
          name,
          role,
          clock.now(),
          expiresAt ?? null,
        ])
        const diff = [{ path: ['role'], after: role }]
        await writeAudit(tx, [{ time: clock.now(), actor: by, action: 'token', kind: 'Token', namespace: '', name, diff }])
      })
    },

    removeToken: (name, by) =>
      connection.transaction(async (tx) => {
        const gone = await tx.query('delete from tokens where name = $1 returning role', [name])
        if (gone.length === 0) return false
        const diff = [{ path: ['role'], before: gone[0]!.role }]
        await writeAudit(tx, [{ time: clock.now(), actor: by, action: 'token', kind: 'Token', namespace: '', name, diff }])
        return true
      }),

    async listTokens() {
      const rows = await connection.query('select name, role, created_at, expires_at from tokens order by name')
      return rows.map((row) => ({
        name: row.name as string,
        role: row.role as Role,
        createdAt: Number(row.created_at),
        ...(row.expires_at === null ? {} : { expiresAt: Number(row.expires_at) }),
      }))
    },

    async findToken(secret) {
      const [row] = await connection.query('select name, role from tokens where hash = $1 and (expires_at is null or expires_at > $2)', [
        sha256Hex(secret),
        clock.latest(),
      ])
      return row && { actor: `token/${row.name}`, role: row.role as Role }
    },

    async addLoginLink(secret, { role, expiresAt, name }) {
      await connection.query('insert into login_links (hash, role, expires_at, actor) values ($1, $2, $3, $4)', [
        sha256Hex(secret),
        role,
        expiresAt,
        name === undefined ? 'console' : `console/${name}`,
      ])
    },

    openLoginLink: (link, session, sessionExpiresAt) =>
      connection.transaction(async (tx) => {
        const now = clock.latest()
        const [row] = await tx.query('delete from login_links where hash = $1 returning role, expires_at, actor', [sha256Hex(link)])
        if (!row || Number(row.expires_at) <= now) return undefined
        const identity: Identity = { actor: row.actor as string, role: row.role as Role }
        await tx.query('insert into sessions (hash, actor, role, created_at, expires_at) values ($1, $2, $3, $4, $5)', [
          sha256Hex(session),
          identity.actor,
          identity.role,
          now,
          sessionExpiresAt,
        ])
        const diff = [{ path: ['role'], after: identity.role }]
        const name = sessionId(session)
        await writeAudit(tx, [{ time: now, actor: identity.actor, action: 'login', kind: 'Session', namespace: '', name, diff }])
        return identity
      }),

    async findSession(secret) {
      const [row] = await connection.query('select actor, role from sessions where hash = $1 and expires_at > $2', [
        sha256Hex(secret),
        clock.latest(),
      ])
      return row && { actor: row.actor as string, role: row.role as Role }
    },

    async endSession(secret) {
      await connection.query('delete from sessions where hash = $1', [sha256Hex(secret)])
    },

    async listSessions() {
      const rows = await connection.query(
        'select hash, actor, role, created_at, expires_at from sessions where expires_at > $1 order by created_at desc, hash',
        [clock.latest()],
      )
      return rows.map((row) => ({
        id: (row.hash as string).slice(0, SESSION_ID_LENGTH),
        actor: row.actor as string,
        role: row.role as Role,
        createdAt: Number(row.created_at),
        expiresAt: Number(row.expires_at),
      }))
    },

    revokeSession: (id, by) =>
      connection.transaction(async (tx) => {
        const gone = await tx.query(`delete from sessions where left(hash, ${SESSION_ID_LENGTH}) = $1 returning actor, role`, [id])
        if (gone.length === 0) return false
        const diff = [
          { path: ['actor'], before: gone[0]!.actor },
          { path: ['role'], before: gone[0]!.role },
        ]
        await writeAudit(tx, [{ time: clock.now(), actor: by, action: 'logout', kind: 'Session', namespace: '', name: id, diff }])
        return true
      }),

    removeExpired: () =>
      connection.transaction(async (tx) => {
        for (const table of ['sessions', 'login_links', 'tokens'])
          await tx.query(`delete from ${table} where expires_at <= $1`, [clock.latest()])
      }),
  }
}
