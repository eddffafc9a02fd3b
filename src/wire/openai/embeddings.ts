/** Embeddings: platform.openai.com/docs/api-reference/embeddings. */
import { z } from 'zod'
import { type Fields, readRequest } from './request.ts'

const MOST_INPUTS = 2048
const tokens = z.array(z.number().int().min(0)).min(1)
const text = z.string().min(1, 'an input must not be empty')

const schema = z.strictObject({
  model: z.string().min(1).max(512),
  input: z.union(
    [text, tokens.max(1_000_000), z.array(text).min(1).max(MOST_INPUTS), z.array(tokens).min(1).max(MOST_INPUTS)],
    `expected a string, an array of at most ${MOST_INPUTS} strings, of tokens, or of arrays of tokens`,
  ),
  dimensions: z.number().int().min(1).optional(),
  encoding_format: z.enum(['float', 'base64']).optional(),
  // Cannot change an answer: accepted and not used.
  user: z.string().max(4_096).optional(),
})

export type EmbeddingRequest = z.infer<typeof schema>

export function parseEmbeddingRequest(body: Fields): EmbeddingRequest {
  return readRequest(body, schema, {})
}

export function inputsOf(request: EmbeddingRequest): (string | number[])[] {
  const { input } = request
  if (typeof input === 'string') return [input]
  return typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[])
}

export interface EmbeddingList {
  object: 'list'
  data: { object: 'embedding'; index: number; embedding: number[] | string }[]
  model: string
  usage: { prompt_tokens: number; total_tokens: number }
}

/** OpenAI's base64: 32-bit floats, little endian. */
export function encodeEmbedding(vector: readonly number[], format: 'float' | 'base64'): number[] | string {
  if (format === 'float') return [...vector]
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, i) => {
    bytes.writeFloatLE(value, i * 4)
  })
  return bytes.toString('base64')
}
