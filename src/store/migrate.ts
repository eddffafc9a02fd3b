/** Brings a database to this program's tables, or refuses one that a newer program has made. */
import { StrataError } from '../kernel/errors.ts'
import type { Connection } from './connection.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'

/** Version of the tables in the database; 0 for a fresh one. */
export async function schemaVersion(connection: Connection): Promise<number> {
  const [table] = await connection.query<{ found: string | null }>(`select to_regclass('schema_migrations')::text as found`)
  if (!table?.found) return 0
  const [row] = await connection.query<{ version: number | null }>('select max(version)::int as version from schema_migrations')
  return row?.version ?? 0
}

/** Applies what is missing, each step in a transaction of its own. `from` is what `schemaVersion` said. */
export async function migrate(
  connection: Connection,
  from: number,
  now: number,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  refuseNewer(from, migrations)
  if (from === 0)
    await connection.script(
      'create table if not exists schema_migrations (version int primary key, name text not null, applied_at bigint not null)',
    )
  for (const { version, name, sql } of migrations) {
    if (version <= from) continue
    await connection.script(`${sql};\ninsert into schema_migrations values (${version}, '${name.replaceAll("'", "''")}', ${now});`)
  }
}

export function refuseNewer(found: number, migrations: readonly Migration[] = MIGRATIONS): void {
  const newest = migrations.at(-1)?.version ?? 0
  if (found <= newest) return
  throw new StrataError(
    'database_newer',
    `The database was made by a newer Strata (its tables are version ${found}, this program knows ${newest}).`,
    {
      advice: 'Start the newer program again, or restore a backup made before the upgrade.',
    },
  )
}
