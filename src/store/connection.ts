/**
 * The one interface over PGlite and PostgreSQL. Plain SQL with $1 parameters; both speak PostgreSQL's dialect.
 *
 * What differs between the two drivers is settled here by rule: JSON goes in as text (`json`), 64-bit integers and times are kept as
 * `bigint` columns of milliseconds or counts and read with `Number` (all of ours stay below 2^53), so no driver's parsers matter.
 */
export type Row = Record<string, unknown>

export interface Queries {
  query<R extends Row = Row>(sql: string, params?: readonly unknown[]): Promise<R[]>
}

export interface Connection extends Queries {
  readonly kind: 'pglite' | 'postgres'
  /** Runs `work` in one transaction: commits when it resolves, rolls back when it throws. A commit that has been acknowledged is durable. */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>
  /** Runs several statements that have no parameters, in one transaction. */
  script(sql: string): Promise<void>
  /** Settles only when this connection must not be used any more, for instance because another control has taken the database. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

/** A parameter for a jsonb column. */
export function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
