/**
 * Open Inference Protocol in and out: the client's bytes as they are, in both directions, but for the names in the answer, which are ours and
 * not the server's. A server without the binary extension gets JSON instead, and answers JSON, as the protocol allows.
 */
import { topLevelValue } from '../../kernel/json-text.ts'
import type { ForeignSource } from '../../resources/snapshot.ts'
import { HEADER_LENGTH_HEADER } from '../../wire/oip/binary.ts'
import { oipError, readOipError, writeInferRequest } from '../../wire/oip/infer.ts'
import { requestBody } from '../upstream/index.ts'
import { failureWords, jsonOf, withJson } from './answer-text.ts'
import { nameOf, type OipRequest, readOip } from './oip.ts'
import type { PlainBody, Translator } from './protocol.ts'
import { rawStream } from './sse.ts'

export const oipToOip: Translator<OipRequest> = (request, version, body) => {
  const source = version.source as ForeignSource
  const binary = request.headerLength !== undefined
  const asItIs = !binary || source.binary === true
  return {
    path: inferPath(source),
    body: asItIs ? body : requestBody(writeInferRequest(withoutBinary(readOip(request, body)))),
    headers: binary
      ? asItIs
        ? { 'content-type': 'application/octet-stream', [HEADER_LENGTH_HEADER]: String(request.headerLength) }
        : undefined
      : undefined,
    stream: rawStream,
    rewrite: (answer) =>
      answer.status >= 400 ? oipFailure(answer) : renamed(answer, { model_name: nameOf(request.model), model_version: version.version }),
  }
}

type Infer = ReturnType<typeof readOip>

/** The words about binary data are of no use where there is none. */
function withoutBinary({ parameters, inputs, outputs, ...rest }: Infer): Infer {
  const plain = <T extends { readonly parameters?: Readonly<Record<string, unknown>> }>(each: T): T => {
    if (!each.parameters) return each
    const { binary_data_size: _size, binary_data: _data, binary_data_output: _output, ...kept } = each.parameters
    return { ...each, parameters: kept }
  }
  return { ...plain({ ...rest, parameters }), inputs: inputs.map(plain), ...(outputs ? { outputs: outputs.map(plain) } : {}) }
}

/** The answer with the value of each top-level key replaced; nothing else of it is touched, however long it is. */
function renamed(answer: PlainBody, names: Readonly<Record<string, string>>): PlainBody {
  const bytes = typeof answer.body === 'string' ? Buffer.from(answer.body, 'latin1') : answer.body
  const said = Number(answer.headers[HEADER_LENGTH_HEADER])
  const headerLength = said >= 0 && said <= bytes.length ? said : undefined
  // As latin1 a character is a byte, so places in the text are places in the bytes.
  let text = bytes.toString('latin1', 0, headerLength)
  for (const [key, name] of Object.entries(names)) {
    const found = topLevelValue(text, key)
    if (found) text = text.slice(0, found[0]) + Buffer.from(JSON.stringify(name)).toString('latin1') + text.slice(found[1])
  }
  if (headerLength === undefined) return { ...answer, body: text }
  return {
    ...answer,
    extra: { [HEADER_LENGTH_HEADER]: String(text.length) },
    body: Buffer.concat([Buffer.from(text, 'latin1'), bytes.subarray(headerLength)]),
  }
}

/**
 * A refusal in the protocol's own shape. MLServer writes FastAPI's for what it finds invalid (422), and may write the traceback as text for what
 * breaks in a model: that is for its log and not for a client.
 */
function oipFailure(answer: PlainBody): PlainBody {
  const words = failureWords(answer.status, readOipError(jsonOf(answer)))
  return withJson(answer, JSON.stringify(oipError(words)), answer.status === 422 ? 400 : answer.status)
}

export function inferPath({ model, modelVersion }: ForeignSource): string {
  const version = modelVersion === undefined ? '' : `/versions/${encodeURIComponent(modelVersion)}`
  return `/v2/models/${encodeURIComponent(model)}${version}/infer`
}
