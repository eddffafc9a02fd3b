/**
 * Open Inference Protocol in, TorchServe out. The handler gets the inference request as its body, which is what TorchServe's envelope `kservev2` expects;
 * an answer of that envelope passes, anything else a handler returns becomes one tensor named "output".
 */

import type { ForeignSource } from '../../resources/snapshot.ts'
import { oipError, parseInferResponse, writeInferRequest } from '../../wire/oip/infer.ts'
import { readTorchServeError } from '../../wire/torchserve/rest.ts'
import { requestBody } from '../upstream/index.ts'
import { failureWords, jsonOf, withJson } from './answer-text.ts'
import { returned, tensorOf } from './handler-answer.ts'
import { answerOip, nameOf, type OipRequest, readOip } from './oip.ts'
import type { Translator } from './protocol.ts'
import { toTorchServe } from './torchserve-to-torchserve.ts'

export const oipToTorchServe: Translator<OipRequest> = (request, version, body) => {
  const asked = readOip(request, body)
  return {
    ...toTorchServe(version.source as ForeignSource),
    flows: undefined,
    body: requestBody(writeInferRequest(asked)),
    rewrite(answer) {
      if (answer.status >= 400)
        return withJson(answer, JSON.stringify(oipError(failureWords(answer.status, readTorchServeError(jsonOf(answer))?.message))))
      const value = returned(answer)
      const names = {
        model_name: nameOf(request.model),
        model_version: version.version,
        ...(asked.id === undefined ? {} : { id: asked.id }),
      }
      const isResponse = typeof value === 'object' && value !== null && Array.isArray((value as { outputs?: unknown }).outputs)
      const outputs = isResponse ? parseInferResponse({ ...value, ...names }).outputs : [tensorOf(value)]
      return answerOip(answer, asked, { ...names, outputs })
    },
  }
}
