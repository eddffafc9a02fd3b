/** Completions, the older interface: platform.openai.com/docs/api-reference/completions. */
import { z } from 'zod'
import type { Usage } from './chat.ts'
import { invalidParameter } from './refusal.ts'
import { type Fields, readRequest } from './request.ts'
import { MOST_CHOICES, samplingFields } from './sampling.ts'

const tokens = z.array(z.number().int().min(0)).min(1)

const schema = z.strictObject({
  ...samplingFields,
  prompt: z
    .union(
      [z.string(), tokens, z.array(z.string()).min(1).max(MOST_CHOICES), z.array(tokens).min(1).max(MOST_CHOICES)],
      'expected a string, an array of strings, of tokens, or of arrays of tokens',
    )
    .default(''),
  best_of: z.number().int().min(1).max(MOST_CHOICES).optional(),
  logprobs: z.number().int().min(0).max(5).optional(),
})

const UNSUPPORTED = {
  echo: { advice: 'The prompt is not sent back.', harmless: [false] },
  suffix: { advice: 'Insertion is not supported.', harmless: [''] },
}

export type CompletionRequest = z.infer<typeof schema>

export function parseCompletionRequest(body: Fields): CompletionRequest {
  const request = readRequest(body, schema, UNSUPPORTED)
  if (request.best_of !== undefined && request.best_of !== (request.n ?? 1))
    throw invalidParameter('best_of', "'best_of' other than 'n' is not supported.", 'unsupported_value')
  if (request.stream_options !== undefined && request.stream !== true)
    throw invalidParameter('stream_options', "'stream_options' is only allowed when 'stream' is true.")
  if (promptsOf(request).length * (request.n ?? 1) > MOST_CHOICES)
    throw invalidParameter('n', `'n' times the number of prompts must not exceed ${MOST_CHOICES}.`)
  return request
}

/** The prompts of a request, each a text or tokens. */
export function promptsOf(request: CompletionRequest): (string | number[])[] {
  const { prompt } = request
  if (typeof prompt === 'string') return [prompt]
  return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as (string | number[])[])
}

export interface CompletionLogprobs {
  tokens: string[]
  token_logprobs: number[]
  top_logprobs: Record<string, number>[]
  text_offset: number[]
}

/** An answer, and with `finish_reason` null a chunk of one: OpenAI gives both the same shape. */
export interface Completion {
  id: string
  object: 'text_completion'
  created: number
  model: string
  system_fingerprint: string
  choices: { index: number; text: string; logprobs: CompletionLogprobs | null; finish_reason: 'stop' | 'length' | null }[]
  usage?: Usage | null
}
