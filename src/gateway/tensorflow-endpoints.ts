/**
 * The paths of TensorFlow Serving's REST API, and TorchServe's one for predictions. `/v1/models/NAME` is OpenAI's too: which of the two is meant is
 * told by the model's task (`models.ts`).
 */
import { tensorFlowDtype } from '../wire/tensorflow-serving/rest.ts'
import { answerError, answerJson } from './answers.ts'
import type { GatewayContext } from './context.ts'
import type { Exchange } from './downstream/exchange.ts'
import { invalidRequest, notFound } from './errors.ts'
import { choiceFor, isReady, versionsBehind } from './model-questions.ts'
import type { At } from './oip-endpoints.ts'
import { nameOf } from './protocols/oip.ts'
import { TENSORFLOW_SERVING, tensorFlowEndpoint, type Verb } from './protocols/tensorflow-serving.ts'
import { TORCHSERVE, torchServeEndpoint } from './protocols/torchserve.ts'
import type { Choice } from './routing.ts'
import type { Tables } from './snapshot/tables.ts'

const ASK = /^\/v1\/models\/(.+?)(?:\/(?:versions|labels)\/([^/]+))?:(predict|classify|regress)$/
const READ = /^\/v1\/models\/(.+?)(?:\/(?:versions|labels)\/([^/]+))?(\/metadata)?$/
const PREDICTIONS = /^\/predictions\/([^/]+)(?:\/([^/]+))?$/

/** What is asked of a model; undefined for a path that is neither server's. A label names a version here, as a version does. */
export function tensorFlowAt(exchange: Exchange): At | undefined {
  const { path } = exchange
  if (path.startsWith('/v1/models/')) {
    const [, model, version, verb] = ASK.exec(path) ?? []
    if (model !== undefined) {
      exchange.dialect = TENSORFLOW_SERVING
      return at(model, version, (named) => ({ ask: tensorFlowEndpoint(named, verb as Verb) }))
    }
    const [, read, of, metadata] = READ.exec(path) ?? []
    // The bare name alone may be OpenAI's.
    if (read === undefined || (of === undefined && metadata === undefined)) return undefined
    exchange.dialect = TENSORFLOW_SERVING
    return at(read, of, (named) => ({
      read: (context, asked) => {
        const found = choiceFor(context, asked, named)
        if (found) (metadata ? serveMetadata : serveStatus)(context, asked, found.tables, found.choice)
      },
    }))
  }
  const [, model, version] = PREDICTIONS.exec(path) ?? []
  if (model === undefined) return undefined
  exchange.dialect = TORCHSERVE
  return at(model, version, (named) => ({ ask: torchServeEndpoint(named) }))
}

function at(model: string, version: string | undefined, make: (named: string) => At): At {
  try {
    return make(decodeURIComponent(model) + (version === undefined ? '' : `@${decodeURIComponent(version)}`))
  } catch {
    return { read: (_, asked) => answerError(asked, invalidRequest('The path is not properly percent-encoded.', 'invalid_path')) }
  }
}

/** The versions behind the model's route, under our names for them. */
export function serveStatus(context: GatewayContext, exchange: Exchange, tables: Tables, choice: Choice): void {
  answerJson(exchange, 200, {
    model_version_status: versionsBehind(tables, choice).map((version) => ({
      version: version.version,
      state: isReady(context, tables, version) ? 'AVAILABLE' : 'START',
      status: { error_code: 'OK', error_message: '' },
    })),
  })
}

function serveMetadata(_: GatewayContext, exchange: Exchange, _tables: Tables, { assigned, route }: Choice): void {
  const { source, version } = assigned
  const signature = source.type === 'engine' ? undefined : source.signature
  if (!signature) return answerError(exchange, notFound('What goes in and out of this model is not known (yet).', 'signature_unknown'))
  const tensors = (heads: typeof signature.inputs) =>
    Object.fromEntries(
      heads.map(({ name, datatype, shape }) => [
        name,
        {
          dtype: tensorFlowDtype(datatype),
          tensor_shape: { dim: shape.map((size) => ({ size: String(size), name: '' })), unknown_rank: false },
          name,
        },
      ]),
    )
  answerJson(exchange, 200, {
    model_spec: { name: nameOf(route.models[0] ?? ''), signature_name: '', version },
    metadata: {
      signature_def: {
        signature_def: {
          serving_default: {
            inputs: tensors(signature.inputs),
            outputs: tensors(signature.outputs),
            method_name: 'tensorflow/serving/predict',
          },
        },
      },
    },
  })
}
