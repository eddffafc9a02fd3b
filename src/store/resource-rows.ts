/** Resources as rows and back. */
import { KINDS, type Kind, type Resource } from '../resources/index.ts'
import { API_VERSION } from '../resources/scalars.ts'
import type { Queries, Row } from './connection.ts'
import type { Difference } from './difference.ts'

/** Rows that one statement carries. */
const BATCH = 500

export async function readAll(connection: Queries): Promise<Resource[]> {
  const rows = await connection.query('select * from resources order by resource_version')
  return rows.filter((row) => (row.kind as string) in KINDS).map(fromRow)
}

function fromRow(row: Row): Resource {
  const kind = row.kind as Kind
  // An older program wrote it: fields that have come since get their defaults. What no longer parses is kept as it is; its owner sees it.
  const spec = KINDS[kind].spec.safeParse(row.spec)
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name: row.name as string,
      namespace: row.namespace as string,
      ...(row.labels ? { labels: row.labels as Record<string, string> } : {}),
      ...(row.annotations ? { annotations: row.annotations as Record<string, string> } : {}),
      uid: row.uid as string,
      generation: Number(row.generation),
      resourceVersion: String(row.resource_version),
      creationTimestamp: new Date(Number(row.created_at)).toISOString(),
    },
    spec: (spec.success ? spec.data : row.spec) as Resource['spec'],
    ...(row.status ? { status: row.status as Resource['status'] } : {}),
  }
}

/** Takes `count` fresh resource versions, ascending. */
export async function takeVersions(tx: Queries, count: number): Promise<string[]> {
  const rows = await tx.query<{ v: string | number }>(`select nextval('resource_version_seq') as v from generate_series(1, $1::int)`, [
    count,
  ])
  return rows
    .map(({ v }) => Number(v))
    .sort((a, b) => a - b)
    .map(String)
}

export async function writeAll(tx: Queries, resources: readonly Resource[], now: number): Promise<void> {
  for (let i = 0; i < resources.length; i += BATCH) {
    const rows = resources.slice(i, i + BATCH).map(({ kind, metadata, spec, status }) => ({
      kind,
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      generation: metadata.generation,
      resource_version: Number(metadata.resourceVersion),
      labels: metadata.labels ?? null,
      annotations: metadata.annotations ?? null,
      spec,
      status: status ?? null,
      created_at: Date.parse(metadata.creationTimestamp!),
      updated_at: now,
    }))
    await tx.query(
      `insert into resources
       select * from jsonb_to_recordset($1::jsonb) as r(kind text, namespace text, name text, uid text, generation bigint,
         resource_version bigint, labels jsonb, annotations jsonb, spec jsonb, status jsonb, created_at bigint, updated_at bigint)
       on conflict (kind, namespace, name) do update set generation = excluded.generation, resource_version = excluded.resource_version,
         labels = excluded.labels, annotations = excluded.annotations, spec = excluded.spec, status = excluded.status,
         updated_at = excluded.updated_at`,
      [JSON.stringify(rows)],
    )
  }
}

export interface AuditRow {
  readonly time: number
  readonly actor: string
  /** "create", "change", "delete", "token", "login", "logout", or what else a person has wanted of a resource: "pause", "promote". */
  readonly action: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly diff: readonly Difference[]
}

export async function writeAudit(tx: Queries, rows: readonly AuditRow[]): Promise<void> {
  for (let i = 0; i < rows.length; i += BATCH) {
    await tx.query(
      `insert into audit (time, actor, action, kind, namespace, name, diff)
       select * from jsonb_to_recordset($1::jsonb) as r(time bigint, actor text, action text, kind text, namespace text, name text, diff jsonb)`,
      [JSON.stringify(rows.slice(i, i + BATCH))],
    )
  }
}
