/** OpenAI's API as clients speak it: what is read of a request, and how errors look. */
import { type OpenAIErrorType, openAIError, openAIErrorEvent } from '../../wire/openai/errors.ts'
import type { Dialect } from '../dialect.ts'
import { type GatewayError, invalidRequest } from '../errors.ts'
import { parseJsonObject } from '../request-body.ts'
import type { Asking, Endpoint, Operation } from './protocol.ts'

export interface OpenAIRequest extends Asking {
  readonly protocol: 'openai'
}

export const OPENAI: Dialect = {
  error: ({ type, message, code, param }, requestId) =>
    JSON.stringify(openAIError(type as OpenAIErrorType, `${message} (request id: ${requestId})`, code, param ?? null)),
  lastWord: (message, code, type = 'server_error') => openAIErrorEvent(openAIError(type as OpenAIErrorType, message, code)),
}

const endpoint = (operation: Operation): Endpoint<OpenAIRequest> => ({ operation, parse: (body) => parseOpenAI(body, operation) })

export const OPENAI_ENDPOINTS: ReadonlyMap<string, Endpoint<OpenAIRequest>> = new Map([
  ['/v1/chat/completions', endpoint('chat')],
  ['/v1/completions', endpoint('completion')],
  ['/v1/embeddings', endpoint('embedding')],
])

/** Where each is below an upstream's base path. */
export const OPENAI_PATHS: Readonly<Record<string, string>> = {
  chat: '/chat/completions',
  completion: '/completions',
  embedding: '/embeddings',
}

/** Output tokens reserved when a request sets no bound of its own. */
const ASSUMED_OUTPUT_TOKENS = 256

export function parseOpenAI(body: Buffer, operation: Operation): OpenAIRequest | GatewayError {
  const parsed = parseJsonObject(body)
  if ('status' in parsed) return parsed
  const request = parsed.json
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
    protocol: 'openai',
    operation,
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
