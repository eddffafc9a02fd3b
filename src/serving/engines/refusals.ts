/** Refusals that all engines share, in the same words. */
import { RequestRefused } from '../../wire/openai/refusal.ts'
import type { Prompt } from './engine.ts'

export function promptTooLong(prompt: Prompt, contextSize: number, tokens: number): RequestRefused {
  const param = prompt.kind === 'chat' ? 'messages' : 'prompt'
  return new RequestRefused(
    400,
    'invalid_request_error',
    `This model's maximum context length is ${contextSize} tokens. However, your ${param} resulted in ${tokens} tokens, and an answer needs at least one more. Please shorten the ${param}.`,
    { code: 'context_length_exceeded', param },
  )
}

export function inputTooLong(param: string, contextSize: number, tokens: number): RequestRefused {
  return new RequestRefused(
    400,
    'invalid_request_error',
    `This model's maximum context length is ${contextSize} tokens. However, '${param}' has ${tokens} tokens. Please shorten it.`,
    { code: 'context_length_exceeded', param: 'input' },
  )
}

/** The model cannot do what the path asks for. `message` says what it can. */
export function unsupportedModel(message: string): RequestRefused {
  return new RequestRefused(400, 'invalid_request_error', message, { code: 'unsupported_model', param: 'model' })
}

export const NO_GENERATION = 'This model makes embeddings; it does not generate text. Use /v1/embeddings.'
export const NO_EMBEDDINGS = 'This model generates text; it has no embeddings.'
