/**
 * The Open Inference Protocol v2 as clients speak it. The model stands in the path, so a body is not even read on its way to a server that
 * speaks the same; what is in it is that server's to judge.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { messageOf } from '../../kernel/errors.ts'
import { HEADER_LENGTH_HEADER, parseHeaderLength, readBinary, wantsBinary, writeBinary } from '../../wire/oip/binary.ts'
import { type InferRequest, type InferResponse, oipError, parseInferRequest, writeInferResponse } from '../../wire/oip/infer.ts'
import { hasTooManyValues } from '../../wire/openai/body-cost.ts'
import { parseTensorJson } from '../../wire/tensorflow-serving/json.ts'
import type { Dialect } from '../dialect.ts'
import { type GatewayError, invalidRequest } from '../errors.ts'
import { withJson } from './answer-text.ts'
import { type Asking, CannotAsk, type Endpoint, type PlainBody } from './protocol.ts'

export interface OipRequest extends Asking {
  readonly protocol: 'oip'
  /** Bytes of JSON, where tensors follow behind it (the binary extension). */
  readonly headerLength?: number
}

export const OIP: Dialect = {
  error: ({ message }, requestId) => JSON.stringify(oipError(`${message} (request id: ${requestId})`)),
  lastWord: (message) => `data: ${JSON.stringify(oipError(message))}\n\n`,
}

/** `model` may name a version: "iris@v2". */
export function oipEndpoint(model: string): Endpoint<OipRequest> {
  return {
    operation: 'infer',
    parse(body, headers) {
      const headerLength = headerLengthOf(headers, body.length)
      if (typeof headerLength === 'object') return headerLength
      if (!beginsAsObject(body)) return invalidRequest('The body must be a JSON object with "inputs".', 'invalid_json')
      return { protocol: 'oip', operation: 'infer', model, stream: false, includeUsage: false, estimatedTokens: 0, json: {}, headerLength }
    },
  }
}

function headerLengthOf(headers: IncomingHttpHeaders, bytes: number): number | undefined | GatewayError {
  const text = headers[HEADER_LENGTH_HEADER]
  if (typeof text !== 'string') return undefined
  try {
    const length = parseHeaderLength(text)
    if (length <= bytes) return length
    return invalidRequest(`Inference-Header-Content-Length says ${length} bytes, and the body has ${bytes}.`, 'invalid_header')
  } catch (error) {
    return invalidRequest(`${messageOf(error)}`, 'invalid_header')
  }
}

/** An answer of ours to an inference request: outputs that it wants in binary are, the rest is JSON. */
export function answerOip(answer: PlainBody, asked: InferRequest, response: InferResponse): PlainBody {
  const binary = ({ name }: { readonly name: string }) => wantsBinary(asked, name)
  if (!response.outputs.some(binary)) return withJson(answer, writeInferResponse(response))
  const { outputs, ...header } = response
  const { body, headerLength } = writeBinary(header, 'outputs', outputs, binary)
  return {
    status: answer.status,
    headers: answer.headers,
    contentType: 'application/octet-stream',
    extra: { [HEADER_LENGTH_HEADER]: String(headerLength) },
    body,
  }
}

/** What a client called the model, without the version that it may have pinned. */
export const nameOf = (model: string) => model.replace(/(?<=.)@[^@]*$/, '')

/** Whether the first byte that is no blank opens an object: all that can be seen for nothing. */
export function beginsAsObject(body: Buffer): boolean {
  let at = 0
  while (at < body.length && (body[at] === 32 || (body[at]! >= 9 && body[at]! <= 13))) at += 1
  return body[at] === 0x7b
}

/** What is written anew for another protocol holds the gateway up, and everybody who waits behind it. */
const MOST_ELEMENTS = 1_000_000

/** Of a body that is too large to be translated. */
export function tooMany(): CannotAsk {
  return new CannotAsk(
    invalidRequest(
      'The body has too many values to be translated for the server of this model, which speaks another protocol: at most a million numbers, or two hundred thousand texts. Send fewer at a time, or ask the model in the protocol of its server.',
      'too_many_values',
      undefined,
      413,
    ),
  )
}

/** The request with its tensors, for a server that speaks something else. Throws a `CannotAsk` where it is none. */
export function readOip(request: OipRequest, body: Buffer): InferRequest {
  if (request.headerLength === undefined && hasTooManyValues(body)) throw tooMany()
  try {
    if (request.headerLength === undefined) return parseInferRequest(parseTensorJson(body.toString('utf8')))
    const { header, tensors } = readBinary(body, request.headerLength)
    if (tensors.reduce((sum, { data }) => sum + data.length, 0) > MOST_ELEMENTS) throw tooMany()
    return parseInferRequest(header, tensors)
  } catch (error) {
    if (error instanceof CannotAsk) throw error
    throw new CannotAsk(invalidRequest(messageOf(error), 'invalid_infer_request'))
  }
}
