/** Times of a trace: what a person, a program or a data set writes for one, and whether all of them together can be meant. */
import { StrataError } from '../../kernel/errors.ts'
import { counted } from '../autoscaling/policy.ts'
import type { Row } from './requests.ts'

export interface Time {
  readonly kind: 'seconds' | 'milliseconds' | 'date'
  readonly ms: number
}

/** Longer than any trace that is meant, and every two seconds of it are simulated. */
const MOST_DAYS = 31
const DAY_MS = 86_400_000
/** As seconds: the year 5138. */
const TOO_LATE_S = 1e11
const TOO_LATE_MS = 1e14

/** Milliseconds of a number (in `unitMs`) or a date; UTC where no zone is written. Or what is wrong with it. */
export function timeOf(value: unknown, unitMs: 1 | 1000): Time | string {
  if (value === undefined || value === null || value === '') return 'no time'
  if (typeof value === 'number' || (typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value))) {
    const ms = Number(value) * unitMs
    return Number.isFinite(ms) ? { kind: unitMs === 1 ? 'milliseconds' : 'seconds', ms } : `${shown(value)} is no time`
  }
  const date = typeof value === 'string' ? /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/.exec(value) : undefined
  const ms = date ? Date.parse(`${date[1]}T${date[2]}${date[4] ?? 'Z'}`) + Number(date[3] ?? 0) * 1000 : Number.NaN
  return Number.isFinite(ms) ? { kind: 'date', ms } : `${shown(value)} is no time`
}

const shown = (value: unknown) => JSON.stringify(value).slice(0, 40)

/**
 * Whether the numbers, taken for seconds, were milliseconds since 1970 all along.
 *
 * @throws StrataError `invalid` where only some were, or they are still less.
 */
export function inMilliseconds(rows: readonly Row[], lines: readonly number[], name: string): boolean {
  const seconds = ([at]: Row) => at / 1000
  const isTooLate = (row: Row) => Math.abs(seconds(row)) > TOO_LATE_S
  const first = rows.findIndex(isTooLate)
  if (first === -1) return false
  if (rows.every((row) => isTooLate(row) && Math.abs(seconds(row)) < TOO_LATE_MS)) return true
  throw new StrataError('invalid', `${name}, line ${lines[first]}: a time of ${seconds(rows[first]!)} is no seconds. Milliseconds?`, {
    advice: 'Write all times as seconds, as milliseconds since 1970, or as dates.',
  })
}

/** @throws StrataError `invalid` that names the lines between which it is too long. */
export function refuseLongSpan(rows: readonly Row[], lines: readonly number[], name: string): void {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const [at] of rows) {
    first = Math.min(first, at)
    last = Math.max(last, at)
  }
  if (!(last - first > MOST_DAYS * DAY_MS)) return
  const order = rows.map((_, i) => i).sort((a, b) => rows[a]![0] - rows[b]![0])
  let [before, after] = [order[0]!, order.at(-1)!]
  let widest = 0
  for (let i = 1; i < order.length; i++) {
    const gap = rows[order[i]!]![0] - rows[order[i - 1]!]![0]
    if (gap <= widest) continue
    widest = gap
    ;[before, after] = [order[i - 1]!, order[i]!]
  }
  const place = (row: number) => `line ${lines[row]} (${written(rows[row]![0])})`
  throw new StrataError(
    'invalid',
    `${name}: from the first request to the last are ${days(last - first)}, and ${MOST_DAYS} are the most; the greatest gap, of ${days(widest)}, is between ${place(before)} and ${place(after)}.`,
    { advice: 'Is one of these times wrong? A trace that is really so long wants to be cut.' },
  )
}

const days = (ms: number) => counted(Math.round(ms / DAY_MS), 'day')

/** Small numbers are seconds of a clock of their own. */
function written(ms: number): string {
  return Math.abs(ms) < 30 * 365 * DAY_MS || Math.abs(ms) > 8.64e15 ? `${ms / 1000} s` : new Date(ms).toISOString()
}
