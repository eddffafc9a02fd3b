/** What the gateway refuses or could not do, in one type; each protocol writes it in its own shape (`dialect.ts`). */
import type { OpenAIErrorType } from '../wire/openai/errors.ts'

export interface GatewayError {
  readonly status: number
  readonly type: OpenAIErrorType | 'requests' | 'tokens'
  /** Stable, snake_case. */
  readonly code: string
  readonly message: string
  readonly param?: string
  readonly retryAfterMs?: number
}

export const invalidRequest = (message: string, code = 'invalid_request', param?: string, status = 400): GatewayError => ({
  status,
  type: 'invalid_request_error',
  code,
  message,
  param,
})

export const unauthenticated = (message: string, code = 'invalid_api_key'): GatewayError => ({
  status: 401,
  type: 'authentication_error',
  code,
  message,
})

export const forbidden = (message: string, code: string): GatewayError => ({ status: 403, type: 'permission_error', code, message })

export const notFound = (message: string, code: string, param?: string): GatewayError => ({
  status: 404,
  type: 'not_found_error',
  code,
  message,
  param,
})

export const unavailable = (message: string, code: string, retryAfterMs = 1_000): GatewayError => ({
  status: 503,
  type: 'service_unavailable_error',
  code,
  message,
  retryAfterMs,
})
