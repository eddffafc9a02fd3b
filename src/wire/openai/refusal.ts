import { type OpenAIErrorBody, type OpenAIErrorType, openAIError } from './errors.ts'

/** A request that is answered with an error of OpenAI's shape. Thrown at the border, before anything has been sent. */
export class RequestRefused extends Error {
  readonly status: number
  readonly body: OpenAIErrorBody
  /** Seconds after which the client may try again. */
  readonly retryAfter: number | undefined

  constructor(
    status: number,
    type: OpenAIErrorType,
    message: string,
    options: { code?: string; param?: string; retryAfter?: number } = {},
  ) {
    super(message)
    this.name = 'RequestRefused'
    this.status = status
    this.body = openAIError(type, message, options.code ?? null, options.param ?? null)
    this.retryAfter = options.retryAfter
  }
}

/** 400 for a parameter that is known and has a wrong value or type. */
export function invalidParameter(param: string, message: string, code = 'invalid_value'): RequestRefused {
  return new RequestRefused(400, 'invalid_request_error', message, { code, param })
}

/** 400 for a parameter, or a value of one, that OpenAI has and we have not. */
export function unsupportedParameter(param: string, message: string): RequestRefused {
  return new RequestRefused(400, 'invalid_request_error', message, { code: 'unsupported_parameter', param })
}
