/** What fields of forms take, as control reads it, and how their lists open. */

/** A DNS label: the name of a resource. */
export const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** "500ms", "30s", "1h30m" */
export const DURATION = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/
/** A list that opens without a movement. */
export const AT_ONCE = { transitionProps: { duration: 0 } }
