/**
 * What autoscaling has decided, and what it decided from: every change of the number of instances of a version, and what its load was minute by minute.
 * Written by uid: a version that is made anew under an old name has no past.
 */
import { type Connection, json, type Row } from './connection.ts'

export interface ScalingDecision {
  readonly uid: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly from: number
  readonly wanted: number
  /** What the policy alone had wanted. */
  readonly asked: number
  /** "objective", "hpa", … */
  readonly policy: string
  readonly reason: string
  readonly inputs: Readonly<Record<string, number | string | boolean>>
  readonly ready: number
  readonly starting: number
}

/** One minute. Rates are a second, means of the minute. */
export interface ScalingPoint {
  readonly uid: string
  /** Milliseconds since the epoch, a whole minute. */
  readonly at: number
  readonly concurrency: number
  readonly arrivals: number
  /** The most that waited at one time. */
  readonly queued: number
  /** Instances, at its end. */
  readonly wanted: number
  readonly ready: number
  readonly starting: number
  /** Milliseconds; absent where no first token came. */
  readonly firstTokenP95Ms?: number
  readonly misses: number
}

export interface ScalingStore {
  /** One that stands there already stays. */
  addDecision(decision: ScalingDecision): Promise<void>
  /** In the place of what the minute had. */
  putPoint(point: ScalingPoint): Promise<void>
  /** In the order in which they were made: the clock may have been set back between two. */
  decisions(uid: string, from: number): Promise<ScalingDecision[]>
  /** Oldest first. */
  points(uid: string, from: number): Promise<ScalingPoint[]>
  /** The newest decision of each version, by uid. */
  lastDecisions(): Promise<Map<string, ScalingDecision>>
  forget(uid: string): Promise<void>
  /** What is too old, and what is of versions that are gone. */
  prune(now: number): Promise<void>
}

const DAY_MS = 86_400_000
const POINTS_KEPT_MS = 7 * DAY_MS
const DECISIONS_KEPT_MS = 30 * DAY_MS
const TABLES = ['scaling_decisions', 'scaling_points'] as const

export function openScaling(connection: Connection): ScalingStore {
  return {
    async addDecision({ uid, at, from, wanted, asked, policy, reason, inputs, ready, starting }) {
      await connection.query(
        `insert into scaling_decisions (uid, at, from_count, wanted, asked, policy, reason, inputs, ready, starting)
         values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10) on conflict (uid, at) do nothing`,
        [uid, at, from, wanted, asked, policy, reason, json(inputs), ready, starting],
      )
    },

    async putPoint({ uid, at, concurrency, arrivals, queued, wanted, ready, starting, firstTokenP95Ms, misses }) {
      await connection.query(
        `insert into scaling_points (uid, at, concurrency, arrivals, queued, wanted, ready, starting, first_token_p95_ms, misses)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (uid, at) do update set concurrency = excluded.concurrency, arrivals = excluded.arrivals, queued = excluded.queued,
           wanted = excluded.wanted, ready = excluded.ready, starting = excluded.starting,
           first_token_p95_ms = excluded.first_token_p95_ms, misses = excluded.misses`,
        [uid, at, concurrency, arrivals, queued, wanted, ready, starting, firstTokenP95Ms ?? null, misses],
      )
    },

    async decisions(uid, from) {
      const rows = await connection.query('select * from scaling_decisions where uid = $1 and at >= $2 order by id', [uid, from])
      return rows.map(decisionOf)
    },

    async points(uid, from) {
      const rows = await connection.query('select * from scaling_points where uid = $1 and at >= $2 order by at', [uid, from])
      return rows.map(pointOf)
    },

    async lastDecisions() {
      const rows = await connection.query('select distinct on (uid) * from scaling_decisions order by uid, id desc')
      return new Map(rows.map((row) => [row.uid as string, decisionOf(row)]))
    },

    forget: (uid) =>
      connection.transaction(async (tx) => {
        for (const table of TABLES) await tx.query(`delete from ${table} where uid = $1`, [uid])
      }),

    async prune(now) {
      await connection.query('delete from scaling_points where at < $1', [now - POINTS_KEPT_MS])
      await connection.query('delete from scaling_decisions where at < $1', [now - DECISIONS_KEPT_MS])
      for (const table of TABLES)
        await connection.query(`delete from ${table} as s where not exists (select 1 from resources as r where r.uid = s.uid)`)
    },
  }
}

function decisionOf(row: Row): ScalingDecision {
  return {
    uid: row.uid as string,
    at: Number(row.at),
    from: Number(row.from_count),
    wanted: Number(row.wanted),
    asked: Number(row.asked),
    policy: row.policy as string,
    reason: row.reason as string,
    inputs: row.inputs as ScalingDecision['inputs'],
    ready: Number(row.ready),
    starting: Number(row.starting),
  }
}

function pointOf(row: Row): ScalingPoint {
  return {
    uid: row.uid as string,
    at: Number(row.at),
    concurrency: Number(row.concurrency),
    arrivals: Number(row.arrivals),
    queued: Number(row.queued),
    wanted: Number(row.wanted),
    ready: Number(row.ready),
    starting: Number(row.starting),
    ...(row.first_token_p95_ms === null ? {} : { firstTokenP95Ms: Number(row.first_token_p95_ms) }),
    misses: Number(row.misses),
  }
}
