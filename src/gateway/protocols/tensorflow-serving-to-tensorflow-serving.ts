/** TensorFlow Serving in and out: the bytes as they are, in both directions. */
import type { ForeignSource } from '../../resources/snapshot.ts'
import type { Translator } from './protocol.ts'
import { rawStream } from './sse.ts'
import type { TensorFlowRequest, Verb } from './tensorflow-serving.ts'

export const tensorFlowToTensorFlow: Translator<TensorFlowRequest> = ({ verb }, version, body) => ({
  path: tensorFlowPath(version.source as ForeignSource, verb),
  body,
  stream: rawStream,
})

export function tensorFlowPath({ model, modelVersion, label }: ForeignSource, verb: Verb): string {
  const which =
    modelVersion !== undefined
      ? `/versions/${encodeURIComponent(modelVersion)}`
      : label !== undefined
        ? `/labels/${encodeURIComponent(label)}`
        : ''
  return `/v1/models/${encodeURIComponent(model)}${which}:${verb}`
}
