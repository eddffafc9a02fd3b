/**
 * OpenAI in, an OpenAI-compatible server elsewhere out. It gets the model name that it knows and the version's prompt and sampling defaults,
 * and is asked for usage, so that tokens can be settled.
 */
import type { ForeignSource } from '../../resources/snapshot.ts'
import { type RequestBody, requestBody } from '../upstream/index.ts'
import { withDefaults } from './defaults.ts'
import { OPENAI_PATHS, type OpenAIRequest } from './openai.ts'
import type { Translator } from './protocol.ts'
import { BackendStream } from './sse.ts'

export const openAIToOpenAI: Translator<OpenAIRequest> = (request, version) => ({
  path: OPENAI_PATHS[request.operation]!,
  body: bodyFor(version.source as ForeignSource, request),
  stream: () => new BackendStream(request.includeUsage),
})

function bodyFor(source: ForeignSource, request: OpenAIRequest): RequestBody {
  const sent = withDefaults(request, source)
  sent.model = source.model
  if (request.operation !== 'embedding' && request.stream)
    sent.stream_options = { ...(request.json.stream_options as object | undefined), include_usage: true }
  return requestBody(JSON.stringify(sent))
}
