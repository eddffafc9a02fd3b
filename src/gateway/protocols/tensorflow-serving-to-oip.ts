/** TensorFlow Serving's :predict in, Open Inference Protocol out: rows or columns become tensors by the model's signature, and back. */
import { messageOf } from '../../kernel/errors.ts'
import type { ForeignSource } from '../../resources/snapshot.ts'
import { parseInferResponse, readOipError, writeInferRequest } from '../../wire/oip/infer.ts'
import { parseTensorJson, writeTensorJson } from '../../wire/tensorflow-serving/json.ts'
import { tensorFlowError } from '../../wire/tensorflow-serving/rest.ts'
import { invalidRequest } from '../errors.ts'
import { requestBody } from '../upstream/index.ts'
import { failureWords, jsonOf, textOf, withJson } from './answer-text.ts'
import { inferPath } from './oip-to-oip.ts'
import { CannotAsk, type Translator } from './protocol.ts'
import { rawStream } from './sse.ts'
import { readPredict, type TensorFlowRequest } from './tensorflow-serving.ts'
import { predictionsOf, signatureOf, tensorsOf } from './tensors.ts'

export const tensorFlowToOip: Translator<TensorFlowRequest> = (request, version, body) => {
  const asked = readPredict(request, body)
  const { inputs: heads } = signatureOf(version)
  return {
    path: inferPath(version.source as ForeignSource),
    body: requestBody(writeInferRequest({ inputs: refusing(() => tensorsOf(asked, heads)) })),
    stream: rawStream,
    rewrite(answer) {
      if (answer.status >= 400)
        return withJson(
          answer,
          JSON.stringify(tensorFlowError(failureWords(answer.status, readOipError(jsonOf(answer))))),
          answer.status === 422 ? 400 : answer.status,
        )
      const { outputs } = parseInferResponse(parseTensorJson(textOf(answer)))
      return withJson(answer, writeTensorJson(predictionsOf(asked, outputs)))
    },
  }
}

function refusing<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new CannotAsk(invalidRequest(messageOf(error), 'invalid_predict_request'))
  }
}
