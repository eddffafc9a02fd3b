/** Requests to replay, in columns: a day of them is hundreds of thousands. */
export interface Requests {
  readonly length: number
  /** Milliseconds from the start, growing. */
  readonly at: Float64Array
  readonly tokensIn: Int32Array
  /** At least 1. */
  readonly tokensOut: Int32Array
}

/** [milliseconds, tokens of the prompt, tokens of the answer] */
export type Row = readonly [at: number, tokensIn: number, tokensOut: number]

/** Sorts by time and begins with 0. */
export function requestsOf(rows: readonly Row[]): Requests {
  const sorted = rows.toSorted(([a], [b]) => a - b)
  const first = sorted[0]?.[0] ?? 0
  return {
    length: sorted.length,
    at: Float64Array.from(sorted, ([at]) => at - first),
    tokensIn: Int32Array.from(sorted, ([, tokensIn]) => Math.max(0, Math.round(tokensIn))),
    tokensOut: Int32Array.from(sorted, ([, , tokensOut]) => Math.max(1, Math.round(tokensOut))),
  }
}

export function meanOf(column: Int32Array): number {
  let sum = 0
  for (const value of column) sum += value
  return column.length === 0 ? 0 : sum / column.length
}

/** Milliseconds from the first to the last. */
export const durationOf = ({ at, length }: Requests): number => (length === 0 ? 0 : at[length - 1]!)
