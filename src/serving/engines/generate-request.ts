/** From OpenAI's parameters to what an engine is asked, the version's own sampling and system prompt filled in where the request says nothing. */
import type { ChatRequest } from '../../wire/openai/chat.ts'
import type { CompletionRequest } from '../../wire/openai/completions.ts'
import { invalidParameter } from '../../wire/openai/refusal.ts'
import type { EngineConfig } from './config.ts'
import type { GenerateRequest, Prompt, Sampling, Tool } from './engine.ts'
import { readSchema, SchemaBudget } from './json-schema/read.ts'
import { ANY_OBJECT, type Schema } from './json-schema/schema.ts'

type Defaults = Pick<EngineConfig, 'sampling' | 'prompt'>

export function chatGenerateRequest(request: ChatRequest, defaults: Defaults): GenerateRequest {
  const budget = new SchemaBudget()
  const tools = readTools(request, budget)
  const { system } = defaults.prompt
  const bringsOwn = request.messages.some(({ role }) => role === 'system' || role === 'developer')
  return {
    ...shared(request, defaults),
    prompt: {
      kind: 'chat',
      messages: system === undefined || bringsOwn ? request.messages : [{ role: 'system', content: system }, ...request.messages],
      tools,
      toolChoice: readToolChoice(request, tools),
    },
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? defaults.sampling.maxTokens,
    topLogprobs: request.logprobs === true ? (request.top_logprobs ?? 0) : undefined,
    format: readFormat(request.response_format, budget),
  }
}

export function completionGenerateRequest(
  request: CompletionRequest,
  prompt: string | readonly number[],
  defaults: Defaults,
): GenerateRequest {
  const read: Prompt = typeof prompt === 'string' ? { kind: 'text', text: prompt } : { kind: 'tokens', tokens: prompt }
  return {
    ...shared(request, defaults),
    prompt: read,
    // The older interface's own default is 16 tokens.
    maxTokens: request.max_tokens ?? defaults.sampling.maxTokens ?? 16,
    topLogprobs: request.logprobs,
    format: undefined,
  }
}

function shared(request: ChatRequest | CompletionRequest, { sampling }: Defaults): { sampling: Sampling; stop: readonly string[] } {
  const stop = request.stop ?? sampling.stop ?? []
  return {
    sampling: {
      temperature: request.temperature ?? sampling.temperature ?? 1,
      topP: request.top_p ?? sampling.topP ?? 1,
      topK: Math.max(0, request.top_k ?? sampling.topK ?? 0),
      minP: request.min_p ?? sampling.minP ?? 0,
      frequencyPenalty: request.frequency_penalty ?? sampling.frequencyPenalty ?? 0,
      presencePenalty: request.presence_penalty ?? sampling.presencePenalty ?? 0,
      seed: request.seed ?? sampling.seed,
      logitBias: new Map(Object.entries(request.logit_bias ?? {}).map(([token, bias]) => [Number(token), bias])),
    },
    stop: typeof stop === 'string' ? [stop] : stop,
  }
}

function readTools(request: ChatRequest, budget: SchemaBudget): Tool[] {
  return (request.tools ?? []).map((definition, i) => {
    const { name, parameters } = definition.function
    const param = `tools[${i}].function.parameters`
    const schema = parameters === undefined || parameters === null ? ANY_OBJECT : readSchema(parameters, param, budget)
    return { name, definition, parameters: argumentsSchema(schema, param) }
  })
}

/** Arguments are always an object. */
function argumentsSchema(schema: Schema, param: string): Schema {
  if (schema.kind === 'any') return ANY_OBJECT
  const described = schema.kind === 'reference' ? schema.target : schema
  if (described?.kind !== 'object') throw invalidParameter(param, `'${param}' must describe an object.`, 'invalid_schema')
  return schema
}

function readToolChoice(request: ChatRequest, tools: readonly Tool[]) {
  if (tools.length === 0) return 'none'
  const choice = request.tool_choice ?? 'auto'
  return typeof choice === 'object' ? { name: choice.function.name } : choice
}

function readFormat(format: ChatRequest['response_format'], budget: SchemaBudget): Schema | undefined {
  switch (format?.type) {
    case undefined:
    case 'text':
      return undefined
    case 'json_object':
      return ANY_OBJECT
    case 'json_schema': {
      const { schema } = format.json_schema
      return schema === undefined || schema === null ? ANY_OBJECT : readSchema(schema, 'response_format.json_schema.schema', budget)
    }
    default:
      return format satisfies undefined
  }
}
