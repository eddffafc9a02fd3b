/** Which client's protocol can be answered by which upstream: one translation a pair, and no pair that makes no sense. */
import type { Protocol } from '../../resources/backend.ts'
import type { CompiledVersion } from '../../resources/snapshot.ts'
import { invalidRequest } from '../errors.ts'
import { oipToOip } from './oip-to-oip.ts'
import { oipToTensorFlow } from './oip-to-tensorflow-serving.ts'
import { oipToTorchServe } from './oip-to-torchserve.ts'
import { openAIToEngine } from './openai-to-engine.ts'
import { openAIToOpenAI } from './openai-to-openai.ts'
import { type Asking, CannotAsk, type Translation, type Translator } from './protocol.ts'
import { tensorFlowToOip } from './tensorflow-serving-to-oip.ts'
import { tensorFlowToTensorFlow } from './tensorflow-serving-to-tensorflow-serving.ts'
import { tensorFlowToTorchServe } from './tensorflow-serving-to-torchserve.ts'
import { torchServeToTorchServe } from './torchserve-to-torchserve.ts'

type Upstream = 'engine' | Protocol

export const TRANSLATORS: Readonly<Record<string, Readonly<Partial<Record<Upstream, Translator<never>>>>>> = {
  openai: { engine: openAIToEngine, openai: openAIToOpenAI },
  oip: { oip: oipToOip, 'tensorflow-serving': oipToTensorFlow, torchserve: oipToTorchServe },
  'tensorflow-serving': { 'tensorflow-serving': tensorFlowToTensorFlow, oip: tensorFlowToOip, torchserve: tensorFlowToTorchServe },
  torchserve: { torchserve: torchServeToTorchServe },
}

/** Throws a `CannotAsk` where there is no way. */
export function translate(request: Asking, version: CompiledVersion, body: Buffer): Translation {
  const { source } = version
  const upstream = source.type === 'engine' ? 'engine' : source.protocol
  const translator = TRANSLATORS[request.protocol]?.[upstream] as Translator<Asking> | undefined
  if (translator) return translator(request, version, body)
  throw new CannotAsk(
    invalidRequest(
      `The model "${version.model}" is not made for this; its server speaks another protocol. ${adviceFor(upstream)}`,
      'unsupported_operation',
      'model',
    ),
  )
}

function adviceFor(upstream: Upstream): string {
  switch (upstream) {
    case 'engine':
    case 'openai':
      return 'Call it at /v1/chat/completions.'
    case 'oip':
      return 'Call it at /v2/models/NAME/infer.'
    case 'tensorflow-serving':
      return 'Call it at /v1/models/NAME:predict.'
    case 'torchserve':
      return 'Call it at /predictions/NAME.'
    default:
      return upstream satisfies never
  }
}
