/** Open Inference Protocol in, TensorFlow Serving out: tensors become columns, and columns tensors again by the model's signature. */

import type { ForeignSource } from '../../resources/snapshot.ts'
import { type InferRequest, oipError } from '../../wire/oip/infer.ts'
import { parseTensorJson, writeTensorJson } from '../../wire/tensorflow-serving/json.ts'
import { parsePredictResponse, readTensorFlowError } from '../../wire/tensorflow-serving/rest.ts'
import { requestBody } from '../upstream/index.ts'
import { failureWords, jsonOf, textOf, withJson } from './answer-text.ts'
import { answerOip, nameOf, type OipRequest, readOip } from './oip.ts'
import type { Translator } from './protocol.ts'
import { rawStream } from './sse.ts'
import { tensorFlowPath } from './tensorflow-serving-to-tensorflow-serving.ts'
import { columnsOf, fromColumns, signatureOf } from './tensors.ts'

export const oipToTensorFlow: Translator<OipRequest> = (request, version, body) => {
  const { outputs: heads } = signatureOf(version)
  const asked = readOip(request, body)
  return {
    path: tensorFlowPath(version.source as ForeignSource, 'predict'),
    body: requestBody(writeTensorJson({ inputs: columnsOf(asked.inputs) })),
    stream: rawStream,
    rewrite(answer) {
      if (answer.status >= 400)
        return withJson(answer, JSON.stringify(oipError(failureWords(answer.status, readTensorFlowError(jsonOf(answer))))))
      const response = parsePredictResponse(parseTensorJson(textOf(answer)))
      const tensors = fromColumns('outputs' in response ? response.outputs : response.predictions, heads, 'output')
      return answerOip(answer, asked, {
        model_name: nameOf(request.model),
        model_version: version.version,
        ...(asked.id === undefined ? {} : { id: asked.id }),
        outputs: asked.outputs ? wanted(asked.outputs, tensors) : tensors,
      })
    },
  }
}

function wanted<T extends { readonly name: string }>(names: NonNullable<InferRequest['outputs']>, all: readonly T[]): T[] {
  return names.flatMap(({ name }) => all.filter((each) => each.name === name))
}
