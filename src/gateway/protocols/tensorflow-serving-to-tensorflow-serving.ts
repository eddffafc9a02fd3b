/** TensorFlow Serving in and out: the bytes as they are, in both directions. */
import type { BackendSource } from '../backends.ts'
import type { Translator } from './protocol.ts'
import { rawStream } from './sse.ts'
import type { TensorFlowRequest, Verb } from './tensorflow-serving.ts'

export const tensorFlowToTensorFlow: Translator<TensorFlowRequest> = ({ verb }, version, body) => ({
  path: tensorFlowPath(version.source as BackendSource, verb),
  body,
  stream: rawStream,
})

export function tensorFlowPath({ model, modelVersion, label }: BackendSource, verb: Verb): string {
  const which =
    modelVersion !== undefined
      ? `/versions/${encodeURIComponent(modelVersion)}`
      : label !== undefined
        ? `/labels/${encodeURIComponent(label)}`
        : ''
  return `/v1/models/${encodeURIComponent(model)}${which}:${verb}`
}
