/** OpenAI in, an engine of ours out: the client's bytes as they are; what is in them is the engine's to judge. */
import { OPENAI_PATHS, type OpenAIRequest } from './openai.ts'
import type { Translator } from './protocol.ts'
import { EngineStream } from './sse.ts'

export const openAIToEngine: Translator<OpenAIRequest> = (request, _version, body) => ({
  path: `/v1${OPENAI_PATHS[request.operation]}`,
  body,
  stream: () => new EngineStream(),
})
