/** How much of what an instance printed is told at once, by every runtime. */
export const MOST_LINES = 10_000
/** Of one line; the rest of it is left out. */
export const MOST_LINE_BYTES = 16 * 1024
/** Of all lines; the oldest are left out. */
export const MOST_BYTES = 8 * 1024 * 1024
