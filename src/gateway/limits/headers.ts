/** Limits as the client reads them. */
import { digits } from '../../kernel/digits.ts'
import type { HeaderLines } from '../downstream/answer-head.ts'
import type { LimitState } from './index.ts'

/** OpenAI's names: platform.openai.com/docs/guides/rate-limits (headers). */
export function rateLimitHeaders(requests: LimitState | undefined, tokens: LimitState | undefined): HeaderLines {
  return (requests ? linesOf('requests', requests) : '') + (tokens ? linesOf('tokens', tokens) : '')
}

function linesOf(sort: 'requests' | 'tokens', { limit, remaining, resetMs }: LimitState): HeaderLines {
  return (
    `x-ratelimit-limit-${sort}: ${digits(limit)}\r\nx-ratelimit-remaining-${sort}: ${digits(remaining)}\r\n` +
    `x-ratelimit-reset-${sort}: ${resetText(resetMs)}\r\n`
  )
}

/** "120ms", "1.5s", "6m0s": how OpenAI writes the time until a limit is whole again. */
export function resetText(ms: number): string {
  if (ms < 1000) return `${digits(Math.ceil(ms))}ms`
  const seconds = Math.ceil(ms / 100) / 10
  if (seconds < 60) return `${digits(seconds)}s`
  const whole = Math.ceil(seconds)
  return `${Math.floor(whole / 60)}m${whole % 60}s`
}
