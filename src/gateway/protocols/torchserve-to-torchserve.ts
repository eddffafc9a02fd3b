/** TorchServe in and out: the bytes as they are, in both directions, and pieces of a stream as they come. */

import type { ForeignSource } from '../../resources/snapshot.ts'
import { isRetryable, readTorchServeError } from '../../wire/torchserve/rest.ts'
import type { FailureClass } from '../failures.ts'
import type { Translation, Translator } from './protocol.ts'
import { rawStream } from './sse.ts'
import type { TorchServeRequest } from './torchserve.ts'

export const torchServeToTorchServe: Translator<TorchServeRequest> = ({ contentType }, version, body) => ({
  ...toTorchServe(version.source as ForeignSource),
  body,
  headers: { 'content-type': contentType },
})

/** What all that goes to TorchServe has in common. */
export function toTorchServe({ model, modelVersion }: ForeignSource): Omit<Translation, 'body'> {
  return {
    path: `/predictions/${encodeURIComponent(model)}${modelVersion === undefined ? '' : `/${encodeURIComponent(modelVersion)}`}`,
    stream: rawStream,
    // It says no type of what handlers return.
    contentType: 'text/plain; charset=utf-8',
    flows: (headers) => headers.ts_stream_next === 'true',
    judge: torchServeFailure,
  }
}

/**
 * What a refusal means. TorchServe says 400 to a key that is wrong, and that is ours and never the client's; 503 both where the queue is full
 * and where a handler has thrown; and 500 "Worker died." of a worker that is started again at once.
 */
export function torchServeFailure(status: number, text: string): FailureClass | undefined {
  let error: ReturnType<typeof readTorchServeError>
  try {
    error = readTorchServeError(JSON.parse(text))
  } catch {
    error = undefined // a handler's own words
  }
  if (error?.type === 'InvalidKeyException' || error?.type === 'TokenAuthorizationException') return 'unavailable'
  if (status < 500) return undefined
  return error && isRetryable(status, error.type, error.message) ? 'unavailable' : 'upstream_error'
}
