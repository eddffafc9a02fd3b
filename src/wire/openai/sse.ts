/** Server-sent events as OpenAI sends them, and the count of tokens that our engines add for the gateway. */

export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
} as const

export const SSE_DONE = 'data: [DONE]\n\n'

export function sseData(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

/** What an engine has really used. In a stream a comment line, which every SSE client skips; else the header `x-strata-usage`. */
export interface TokenCounts {
  prompt_tokens: number
  completion_tokens: number
  cached_tokens: number
}

export const USAGE_HEADER = 'x-strata-usage'
export const SIMULATED_HEADER = 'x-strata-simulated'
const USAGE_COMMENT = ': strata-usage '

export function usageComment(counts: TokenCounts): string {
  return `${USAGE_COMMENT}${JSON.stringify(counts)}\n\n`
}

/** The counts of a comment line, if it is one. */
export function parseUsageComment(line: string): TokenCounts | undefined {
  if (!line.startsWith(USAGE_COMMENT)) return undefined
  return JSON.parse(line.slice(USAGE_COMMENT.length)) as TokenCounts
}
