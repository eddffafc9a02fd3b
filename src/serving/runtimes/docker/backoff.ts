/** What failed is tried again after a second, then two, four, … up to a minute. */
const FIRST_MS = 1_000
const LONGEST_MS = 60_000

/** `failures`: in a row, the last one counted. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20))
}
