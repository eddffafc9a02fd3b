/**
 * OpenAI in, OpenAI out. An engine of ours gets the client's bytes as they are. A server elsewhere gets the model name that it knows, the
 * version's prompt and sampling defaults, and is asked for usage, so that tokens can be settled.
 */
import { isUtf8 } from 'node:buffer'
import type { CompiledVersion } from '../../resources/snapshot.ts'
import { hasTooManyValues, TOO_MANY_VALUES } from '../../wire/openai/body-cost.ts'
import { type GatewayError, invalidRequest } from '../errors.ts'
import { type RequestBody, requestBody } from '../upstream/index.ts'

export type Operation = 'chat' | 'completion' | 'embedding'

/** What routing and limits need to know of a request; everything else is the engine's to check. */
export interface InferenceRequest {
  readonly model: string
  readonly user?: string
  readonly stream: boolean
  readonly includeUsage: boolean
  /** Tokens that it may use at most, as far as can be told without a tokenizer: bytes ÷ 4 for the prompt, and what it asks for. */
  readonly estimatedTokens: number
  readonly json: Record<string, unknown>
}

/** Output tokens reserved when a request sets no bound of its own. */
const ASSUMED_OUTPUT_TOKENS = 256

export function parseInference(body: Buffer, operation: Operation): InferenceRequest | GatewayError {
  if (body.length === 0) return invalidRequest('The body is empty; a JSON object was expected.', 'empty_body')
  const text = body.toString('utf8')
  // What cannot be decoded becomes this character, which may also have been sent.
  if (text.includes('\ufffd') && !isUtf8(body)) return invalidRequest('The body is not valid UTF-8.', 'invalid_utf8')
  if (hasTooManyValues(body)) return invalidRequest(TOO_MANY_VALUES, 'too_many_values')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return invalidRequest(`The body is not valid JSON: ${(error as Error).message.slice(0, 200)}`, 'invalid_json')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return invalidRequest('The body must be a JSON object.', 'invalid_json')
  const request = json as Record<string, unknown>
  const { model, stream, user, n } = request
  if (model === undefined || model === null) return invalidRequest('"model" is missing.', 'missing_required_parameter', 'model')
  if (typeof model !== 'string' || model === '')
    return invalidRequest('"model" must be a string that is not empty.', 'invalid_type', 'model')
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    return invalidRequest('"stream" must be true or false.', 'invalid_type', 'stream')
  if (operation === 'chat' && !Array.isArray(request.messages))
    return invalidRequest(
      request.messages === undefined ? '"messages" is missing.' : '"messages" must be an array.',
      request.messages === undefined ? 'missing_required_parameter' : 'invalid_type',
      'messages',
    )
  const bound = request.max_completion_tokens ?? request.max_tokens
  const perChoice = operation === 'embedding' ? 0 : isCount(bound) ? bound : ASSUMED_OUTPUT_TOKENS
  const options = request.stream_options as { include_usage?: unknown } | null | undefined
  return {
    model,
    user: typeof user === 'string' ? user : undefined,
    stream: stream === true,
    includeUsage: typeof options === 'object' && options !== null && options.include_usage === true,
    estimatedTokens: Math.ceil(body.length / 4) + perChoice * (isCount(n) ? n : 1),
    json: request,
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 1_000_000
}

const SAMPLING_NAMES = Object.entries({
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
  seed: 'seed',
  stop: 'stop',
})

/** The body for a version: the bytes themselves, or written anew for a server elsewhere. */
export function bodyFor(version: CompiledVersion, request: InferenceRequest, body: Buffer, operation: Operation): RequestBody {
  const { source } = version
  if (source.type === 'engine') return body
  const sent: Record<string, unknown> = { ...request.json, model: source.model }
  if (operation !== 'embedding') {
    for (const [ours, theirs] of SAMPLING_NAMES) {
      if (source.sampling[ours] !== undefined && (sent[theirs] === undefined || sent[theirs] === null)) sent[theirs] = source.sampling[ours]
    }
    const { maxTokens } = source.sampling
    if (maxTokens !== undefined && !sent.max_tokens && !sent.max_completion_tokens) sent.max_tokens = maxTokens
    if (request.stream) sent.stream_options = { ...(request.json.stream_options as object | undefined), include_usage: true }
  }
  if (operation === 'chat' && source.system !== undefined) {
    const messages = request.json.messages as { role?: unknown }[]
    const brings = messages.some((message) => message?.role === 'system' || message?.role === 'developer')
    if (!brings) sent.messages = [{ role: 'system', content: source.system }, ...messages]
  }
  return requestBody(JSON.stringify(sent))
}

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
