/** OpenAI's error shape (platform.openai.com/docs/guides/error-codes). `code` is what programs branch on. */
export interface OpenAIErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null }
}

export type OpenAIErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'rate_limit_error'
  | 'server_error'
  | 'service_unavailable_error'

export function openAIError(
  type: OpenAIErrorType,
  message: string,
  code: string | null = null,
  param: string | null = null,
): OpenAIErrorBody {
  return { error: { message, type, param, code } }
}

/** An error inside a stream whose head has already gone out: one `data:` event in OpenAI's shape. The stream ends after it, without `[DONE]`. */
export function openAIErrorEvent(body: OpenAIErrorBody): string {
  return `data: ${JSON.stringify(body)}\n\n`
}
