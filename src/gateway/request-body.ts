/** What is asked of a body before anybody looks at what it means. */
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { hasTooManyValues, TOO_MANY_VALUES } from '../wire/openai/body-cost.ts'
import { type GatewayError, invalidRequest } from './errors.ts'

/** Told from the head alone: a body that will not be read need not come. */
export function whyUnreadable(headers: IncomingHttpHeaders, mostBytes: number): GatewayError | undefined {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return invalidRequest(
      `Content-Encoding "${encoding.slice(0, 40)}" is not accepted; send the body as it is.`,
      'unsupported_content_encoding',
      undefined,
      415,
    )
  return Number(headers['content-length'] ?? 0) > mostBytes ? tooLarge(mostBytes) : undefined
}

export const tooLarge = (mostBytes: number) =>
  invalidRequest(`The body is larger than ${mostBytes} bytes, the limit here.`, 'request_too_large', undefined, 413)

export function parseJsonObject(body: Buffer): { readonly json: Record<string, unknown> } | GatewayError {
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
  return { json: json as Record<string, unknown> }
}
