/**
 * OpenAI in, an OpenAI-compatible server elsewhere out. It gets the model name that it knows and the version's prompt and sampling defaults,
 * and is asked for usage, so that tokens can be settled.
 */
import type { ForeignSource } from '../../resources/snapshot.ts'
import { type RequestBody, requestBody } from '../upstream/index.ts'
import { OPENAI_PATHS, type OpenAIRequest } from './openai.ts'
import type { Translator } from './protocol.ts'
import { BackendStream } from './sse.ts'

const SAMPLING_NAMES = Object.entries({
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
  seed: 'seed',
  stop: 'stop',
})

export const openAIToOpenAI: Translator<OpenAIRequest> = (request, version) => ({
  path: OPENAI_PATHS[request.operation]!,
  body: bodyFor(version.source as ForeignSource, request),
  stream: () => new BackendStream(request.includeUsage),
})

function bodyFor(source: ForeignSource, request: OpenAIRequest): RequestBody {
  const { operation } = request
  const sent: Record<string, unknown> = { ...request.json, model: source.model }
  if (operation !== 'embedding') {
    for (const [ours, theirs] of SAMPLING_NAMES) {
      if (source.sampling[ours] !== undefined && (sent[theirs] === undefined || sent[theirs] === null)) sent[theirs] = source.sampling[ours]
    }
    const { maxTokens } = source.sampling
    if (maxTokens !== undefined && !sent.max_tokens && !sent.max_completion_tokens) sent.max_tokens = maxTokens
    if (request.stream) sent.stream_options = { ...(request.json.stream_options as object | undefined), include_usage: true }
  }
  if (operation === 'chat' && source.system !== undefined) {
    const messages = request.json.messages as { role?: unknown }[]
    const brings = messages.some((message) => message?.role === 'system' || message?.role === 'developer')
    if (!brings) sent.messages = [{ role: 'system', content: source.system }, ...messages]
  }
  return requestBody(JSON.stringify(sent))
}
