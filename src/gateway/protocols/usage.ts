/** Tokens of an answer, as its upstream says them. */
export interface Usage {
  readonly in: number
  readonly cached: number
  readonly out: number
}

interface OpenAIUsage {
  prompt_tokens?: number
  completion_tokens?: number
  cached_tokens?: number
  prompt_tokens_details?: { cached_tokens?: number } | null
}

export function usageFrom(text: string | undefined): Usage | undefined {
  if (!text) return undefined
  try {
    const usage = JSON.parse(text) as OpenAIUsage | null
    if (typeof usage?.prompt_tokens !== 'number') return undefined
    return {
      in: usage.prompt_tokens,
      cached: usage.cached_tokens ?? usage.prompt_tokens_details?.cached_tokens ?? 0,
      out: usage.completion_tokens ?? 0,
    }
  } catch {
    return undefined // an upstream's usage is a courtesy; the estimate stands in
  }
}
