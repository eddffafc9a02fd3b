/**
 * TensorFlow Serving's :predict in, TorchServe out. The handler gets `{"instances": […]}`, which is what TorchServe's envelopes `json` and `kserve` expect;
 * an answer with predictions passes, anything else a handler returns are the predictions.
 */

import type { ForeignSource } from '../../resources/snapshot.ts'
import { writeTensorJson } from '../../wire/tensorflow-serving/json.ts'
import { tensorFlowError } from '../../wire/tensorflow-serving/rest.ts'
import { readTorchServeError } from '../../wire/torchserve/rest.ts'
import { invalidRequest } from '../errors.ts'
import { failureWords, jsonOf, withJson } from './answer-text.ts'
import { returned } from './handler-answer.ts'
import { CannotAsk, type Translator } from './protocol.ts'
import { readPredict, type TensorFlowRequest } from './tensorflow-serving.ts'
import { toTorchServe } from './torchserve-to-torchserve.ts'

export const tensorFlowToTorchServe: Translator<TensorFlowRequest> = (request, version, body) => {
  if ('inputs' in readPredict(request, body))
    throw new CannotAsk(invalidRequest('The server of this model takes rows: send "instances" and not "inputs".', 'unsupported_operation'))
  return {
    ...toTorchServe(version.source as ForeignSource),
    flows: undefined,
    body,
    rewrite(answer) {
      if (answer.status >= 400)
        return withJson(answer, JSON.stringify(tensorFlowError(failureWords(answer.status, readTorchServeError(jsonOf(answer))?.message))))
      const value = returned(answer)
      const said = typeof value === 'object' && value !== null && Object.hasOwn(value, 'predictions')
      return withJson(answer, writeTensorJson(said ? value : { predictions: Array.isArray(value) ? value : [value] }))
    },
  }
}
