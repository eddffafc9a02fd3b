/** TorchServe's inference API as clients speak it: any body to a handler, any answer back, whole or in pieces as the handler yields them. */
import type { Dialect } from '../dialect.ts'
import type { Asking, Endpoint } from './protocol.ts'

export interface TorchServeRequest extends Asking {
  readonly protocol: 'torchserve'
  /** What the handler gets is told by it: JSON, a form, an image. */
  readonly contentType: string
}

/** Named as TorchServe names such errors, for clients that look at the type. */
const TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequestException',
  401: 'InvalidKeyException',
  403: 'InvalidKeyException',
  404: 'ModelNotFoundException',
  405: 'MethodNotAllowedException',
  503: 'ServiceUnavailableException',
}

export const TORCHSERVE: Dialect = {
  error: ({ status, message }, requestId) =>
    JSON.stringify({ code: status, type: TYPES[status] ?? 'InternalServerException', message: `${message} (request id: ${requestId})` }),
  // A stream of TorchServe has no events: it is broken off.
  lastWord: () => '',
}

/** `model` may name a version: "iris@v2". */
export function torchServeEndpoint(model: string): Endpoint<TorchServeRequest> {
  return {
    operation: 'infer',
    parse: (_, headers) => ({
      protocol: 'torchserve',
      operation: 'infer',
      model,
      stream: false,
      includeUsage: false,
      estimatedTokens: 0,
      json: {},
      contentType: headers['content-type'] ?? 'application/octet-stream',
    }),
  }
}
