/**
 * Usage per minute: what the request records add up to, by gateway, route, version, consumer and outcome. A batch of records and the mark
 * up to which they were read go into one transaction, so that a restart counts nothing twice and leaves nothing out. So does what other readers
 * of the records keep.
 */
import { Sketch } from '../kernel/sketch.ts'
import type { Connection, Queries, Row } from './connection.ts'

export interface UsageKey {
  /** Milliseconds since the epoch, a whole minute. */
  readonly minute: number
  readonly gateway: string
  readonly namespace: string
  readonly route: string
  /** The version that the request was assigned to. */
  readonly version: string
  readonly consumer: string
  readonly outcome: string
  /** Of `cost`; empty without a price. */
  readonly currency: string
}

export interface UsageRow extends UsageKey {
  requests: number
  tokensIn: number
  tokensCached: number
  tokensOut: number
  cost: number
  /** Milliseconds. */
  readonly total: Sketch
  readonly firstToken: Sketch
}

/** How far a gateway's segments have been read. */
export interface RecordMark {
  readonly gateway: string
  readonly segment: string
  readonly offset: number
}

/** When an API key was last seen, milliseconds since the epoch. */
export interface KeyUse {
  readonly namespace: string
  readonly name: string
  readonly lastUsed: number
}

/** Sums without latencies, for lists. */
export interface UsageSum {
  readonly namespace: string
  readonly consumer: string
  readonly route: string
  readonly outcome: string
  readonly currency: string
  /** Begin of the step that it sums up, milliseconds since the epoch. */
  readonly at: number
  readonly requests: number
  readonly tokensIn: number
  readonly tokensCached: number
  readonly tokensOut: number
  readonly cost: number
}

export interface UsageStore {
  /**
   * Adds `rows` to what stands there, moves the mark, notes the uses of keys and puts `kept` (key → JSON text; undefined: delete) in the place of
   * what had these keys, in one transaction.
   */
  fold(rows: readonly UsageRow[], mark: RecordMark, uses?: readonly KeyUse[], kept?: ReadonlyMap<string, string | undefined>): Promise<void>
  /** What was kept under keys that begin with `prefix`. */
  kept(prefix: string): Promise<Map<string, string>>
  /** By consumer, route, outcome and currency, in steps of `stepMs`; of one consumer when that is named. */
  sums(query: { from: number; to: number; stepMs: number; namespace?: string; consumer?: string }): Promise<UsageSum[]>
  keyUses(): Promise<KeyUse[]>
  /** Uses of keys that do not exist any more. */
  forgetGoneKeys(): Promise<void>
  marks(): Promise<RecordMark[]>
  list(from: number, to: number): Promise<UsageRow[]>
  /** Adds the minutes before `before` up to hours, a day at most at a time; false when there was nothing to do. Sums and sketches lose nothing. */
  rollUp(before: number): Promise<boolean>
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const KEY = 'minute, gateway, namespace, route, version, consumer, outcome, currency'

export function openUsage(connection: Connection): UsageStore {
  return {
    fold: (rows, mark, uses = [], kept = new Map()) =>
      connection.transaction(async (tx) => {
        for (const row of rows) await addRow(tx, row)
        await tx.query(
          `insert into record_marks (gateway, segment, byte_offset) values ($1, $2, $3)
           on conflict (gateway) do update set segment = excluded.segment, byte_offset = excluded.byte_offset`,
          [mark.gateway, mark.segment, mark.offset],
        )
        for (const { namespace, name, lastUsed } of uses)
          await tx.query(
            `insert into key_uses as k (namespace, name, last_used) values ($1, $2, $3)
             on conflict (namespace, name) do update set last_used = greatest(k.last_used, excluded.last_used)`,
            [namespace, name, lastUsed],
          )
        for (const [key, value] of kept)
          if (value === undefined) await tx.query('delete from kept_folds where key = $1', [key])
          else
            await tx.query('insert into kept_folds (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value', [
              key,
              value,
            ])
      }),

    async kept(prefix) {
      const rows = await connection.query('select key, value from kept_folds where starts_with(key, $1) order by key', [prefix])
      return new Map(rows.map((row) => [row.key as string, row.value as string]))
    },

    async sums({ from, to, stepMs, namespace, consumer }) {
      const one = consumer === undefined ? '' : 'and namespace = $4 and consumer = $5'
      const rows = await connection.query(
        `select namespace, consumer, route, outcome, currency, minute / $3::bigint * $3::bigint as at, sum(requests) as requests,
           sum(tokens_in) as tokens_in, sum(tokens_cached) as tokens_cached, sum(tokens_out) as tokens_out, sum(cost) as cost
         from usage_minutes where minute >= $1 and minute < $2 ${one} group by 1, 2, 3, 4, 5, 6 order by 6, 1, 2, 3, 4, 5`,
        [from, to, stepMs, ...(consumer === undefined ? [] : [namespace ?? 'default', consumer])],
      )
      return rows.map((row) => ({
        namespace: row.namespace as string,
        consumer: row.consumer as string,
        route: row.route as string,
        outcome: row.outcome as string,
        currency: row.currency as string,
        at: Number(row.at),
        requests: Number(row.requests),
        tokensIn: Number(row.tokens_in),
        tokensCached: Number(row.tokens_cached),
        tokensOut: Number(row.tokens_out),
        cost: Number(row.cost),
      }))
    },

    async keyUses() {
      const rows = await connection.query('select namespace, name, last_used from key_uses')
      return rows.map((row) => ({ namespace: row.namespace as string, name: row.name as string, lastUsed: Number(row.last_used) }))
    },

    async forgetGoneKeys() {
      await connection.query(
        `delete from key_uses as k where not exists
           (select 1 from resources as r where r.kind = 'ApiKey' and r.namespace = k.namespace and r.name = k.name)`,
      )
    },

    async marks() {
      const rows = await connection.query('select gateway, segment, byte_offset from record_marks')
      return rows.map((row) => ({ gateway: row.gateway as string, segment: row.segment as string, offset: Number(row.byte_offset) }))
    },

    rollUp: (before) =>
      connection.transaction(async (tx) => {
        const [oldest] = await tx.query<{ minute: number | string | null }>(
          'select min(minute) as minute from usage_minutes where minute < $1 and minute % $2 <> 0',
          [before, HOUR_MS],
        )
        if (oldest?.minute === null || oldest?.minute === undefined) return false
        const from = Math.floor(Number(oldest.minute) / HOUR_MS) * HOUR_MS
        const to = Math.min(from + DAY_MS, Math.floor(before / HOUR_MS) * HOUR_MS)
        if (to <= from) return false
        const rows = await tx.query('delete from usage_minutes where minute >= $1 and minute < $2 returning *', [from, to])
        const hours = new Map<string, UsageRow>()
        for (const row of rows.map(fromRow)) addTo(hours, { ...row, minute: Math.floor(row.minute / HOUR_MS) * HOUR_MS })
        for (const row of hours.values()) await addRow(tx, row)
        return true
      }),

    async list(from, to) {
      const rows = await connection.query(`select * from usage_minutes where minute >= $1 and minute < $2 order by ${KEY}`, [from, to])
      return rows.map(fromRow)
    },
  }
}

function addTo(rows: Map<string, UsageRow>, row: UsageRow): void {
  const { minute, gateway, namespace, route, version, consumer, outcome, currency } = row
  const key = JSON.stringify([minute, gateway, namespace, route, version, consumer, outcome, currency])
  const known = rows.get(key)
  if (!known) return void rows.set(key, row)
  rows.set(key, {
    ...known,
    requests: known.requests + row.requests,
    tokensIn: known.tokensIn + row.tokensIn,
    tokensCached: known.tokensCached + row.tokensCached,
    tokensOut: known.tokensOut + row.tokensOut,
    cost: known.cost + row.cost,
    total: known.total.merge(row.total),
    firstToken: known.firstToken.merge(row.firstToken),
  })
}

async function addRow(tx: Queries, row: UsageRow): Promise<void> {
  const key = [row.minute, row.gateway, row.namespace, row.route, row.version, row.consumer, row.outcome, row.currency]
  const [before] = await tx.query(
    `select total_ms, first_token_ms from usage_minutes where minute = $1 and gateway = $2 and namespace = $3 and route = $4
     and version = $5 and consumer = $6 and outcome = $7 and currency = $8`,
    key,
  )
  const total = before ? Sketch.parse(before.total_ms as string).merge(row.total) : row.total
  const firstToken = before ? Sketch.parse(before.first_token_ms as string).merge(row.firstToken) : row.firstToken
  await tx.query(
    `insert into usage_minutes as u (${KEY}, requests, tokens_in, tokens_cached, tokens_out, cost, total_ms, first_token_ms)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
     on conflict (${KEY}) do update set requests = u.requests + excluded.requests, tokens_in = u.tokens_in + excluded.tokens_in,
       tokens_cached = u.tokens_cached + excluded.tokens_cached, tokens_out = u.tokens_out + excluded.tokens_out,
       cost = u.cost + excluded.cost, total_ms = excluded.total_ms, first_token_ms = excluded.first_token_ms`,
    [...key, row.requests, row.tokensIn, row.tokensCached, row.tokensOut, row.cost, total.serialize(), firstToken.serialize()],
  )
}

function fromRow(row: Row): UsageRow {
  return {
    minute: Number(row.minute),
    gateway: row.gateway as string,
    namespace: row.namespace as string,
    route: row.route as string,
    version: row.version as string,
    consumer: row.consumer as string,
    outcome: row.outcome as string,
    currency: row.currency as string,
    requests: Number(row.requests),
    tokensIn: Number(row.tokens_in),
    tokensCached: Number(row.tokens_cached),
    tokensOut: Number(row.tokens_out),
    cost: Number(row.cost),
    total: Sketch.parse(row.total_ms as string),
    firstToken: Sketch.parse(row.first_token_ms as string),
  }
}
