/** TensorFlow Serving's REST API as clients speak it. As with the Open Inference Protocol the model stands in the path. */
import { messageOf } from '../../kernel/errors.ts'
import { hasTooManyValues } from '../../wire/openai/body-cost.ts'
import { parseTensorJson } from '../../wire/tensorflow-serving/json.ts'
import { type PredictRequest, parsePredictRequest, tensorFlowError } from '../../wire/tensorflow-serving/rest.ts'
import type { Dialect } from '../dialect.ts'
import { invalidRequest } from '../errors.ts'
import { beginsAsObject, tooMany } from './oip.ts'
import { type Asking, CannotAsk, type Endpoint } from './protocol.ts'

export type Verb = 'predict' | 'classify' | 'regress'

export interface TensorFlowRequest extends Asking {
  readonly protocol: 'tensorflow-serving'
  readonly verb: Verb
}

export const TENSORFLOW_SERVING: Dialect = {
  error: ({ message }, requestId) => JSON.stringify(tensorFlowError(`${message} (request id: ${requestId})`)),
  lastWord: (message) => `${JSON.stringify(tensorFlowError(message))}\n`,
}

/** `model` may name a version: "iris@v2". */
export function tensorFlowEndpoint(model: string, verb: Verb): Endpoint<TensorFlowRequest> {
  const operation = verb === 'predict' ? 'infer' : verb
  return {
    operation,
    parse: (body) =>
      beginsAsObject(body)
        ? { protocol: 'tensorflow-serving', operation, verb, model, stream: false, includeUsage: false, estimatedTokens: 0, json: {} }
        : invalidRequest(
            `The body must be a JSON object with ${verb === 'predict' ? '"instances" or "inputs"' : '"examples"'}.`,
            'invalid_json',
          ),
  }
}

/** A predict request, for a server that speaks something else. Throws a `CannotAsk` where it is none. */
export function readPredict(request: TensorFlowRequest, body: Buffer): PredictRequest {
  if (request.verb !== 'predict')
    throw new CannotAsk(
      invalidRequest(`The server of this model knows no :${request.verb}; call it with :predict.`, 'unsupported_operation'),
    )
  if (hasTooManyValues(body)) throw tooMany()
  try {
    return parsePredictRequest(parseTensorJson(body.toString('utf8')))
  } catch (error) {
    throw new CannotAsk(invalidRequest(messageOf(error), 'invalid_predict_request'))
  }
}
