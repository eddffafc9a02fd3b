/** Who changed what, when. Rows are written with the change itself, in its transaction. */
import type { Connection } from './connection.ts'
import type { AuditRow } from './resource-rows.ts'
import { writeAudit } from './resource-rows.ts'

export interface AuditEntry extends AuditRow {
  readonly id: number
}

export interface AuditFilter {
  readonly kind?: string
  readonly actor?: string
  readonly action?: string
  readonly namespace?: string
  readonly name?: string
  /** Only rows older than this id, to page back. */
  readonly before?: number
  /** At most this many, newest first. */
  readonly limit: number
}

export interface AuditLog {
  list(filter: AuditFilter): Promise<AuditEntry[]>
  /** For what is not a resource: tokens, logins. */
  note(row: AuditRow): Promise<void>
}

export function openAudit(connection: Connection): AuditLog {
  return {
    async list({ kind, actor, action, namespace, name, before, limit }) {
      const rows = await connection.query(
        `select * from audit where ($1::text is null or kind = $1) and ($2::text is null or namespace = $2)
         and ($3::text is null or name = $3) and ($4::text is null or actor = $4) and ($5::text is null or action = $5)
         and ($6::bigint is null or id < $6) order by id desc limit $7`,
        [kind ?? null, namespace ?? null, name ?? null, actor ?? null, action ?? null, before ?? null, limit],
      )
      return rows.map((row) => ({ ...row, id: Number(row.id), time: Number(row.time) }) as AuditEntry)
    },
    note: (row) => connection.transaction((tx) => writeAudit(tx, [row])),
  }
}
