/** Limits as the client reads them. */
import type { HeaderList } from '../downstream/exchange.ts'
import type { LimitState } from './index.ts'

/** OpenAI's names: platform.openai.com/docs/guides/rate-limits (headers). */
export function rateLimitHeaders(requests: LimitState | undefined, tokens: LimitState | undefined): HeaderList {
  const headers: string[] = []
  if (requests)
    headers.push(
      'x-ratelimit-limit-requests',
      String(requests.limit),
      'x-ratelimit-remaining-requests',
      String(requests.remaining),
      'x-ratelimit-reset-requests',
      resetText(requests.resetMs),
    )
  if (tokens)
    headers.push(
      'x-ratelimit-limit-tokens',
      String(tokens.limit),
      'x-ratelimit-remaining-tokens',
      String(tokens.remaining),
      'x-ratelimit-reset-tokens',
      resetText(tokens.resetMs),
    )
  return headers
}

/** "120ms", "1.5s", "6m0s": how OpenAI writes the time until a limit is whole again. */
export function resetText(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 100) / 10
  if (seconds < 60) return `${seconds}s`
  return `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`
}
