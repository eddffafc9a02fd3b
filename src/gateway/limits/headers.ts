/** Limits as the client reads them. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { LimitState } from './index.ts'

/** OpenAI's names: platform.openai.com/docs/guides/rate-limits (headers). */
export function rateLimitHeaders(requests: LimitState | undefined, tokens: LimitState | undefined): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (const [sort, state] of [
    ['requests', requests],
    ['tokens', tokens],
  ] as const) {
    if (!state) continue
    headers[`x-ratelimit-limit-${sort}`] = String(state.limit)
    headers[`x-ratelimit-remaining-${sort}`] = String(state.remaining)
    headers[`x-ratelimit-reset-${sort}`] = resetText(state.resetMs)
  }
  return headers
}

/** "120ms", "1.5s", "6m0s": how OpenAI writes the time until a limit is whole again. */
export function resetText(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 100) / 10
  if (seconds < 60) return `${seconds}s`
  return `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`
}
