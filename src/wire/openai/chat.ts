/** Chat completions: platform.openai.com/docs/api-reference/chat. Requests are parsed here; answers are types. */
import { z } from 'zod'
import { invalidParameter, unsupportedParameter } from './refusal.ts'
import { type Fields, readRequest } from './request.ts'
import { samplingFields } from './sampling.ts'

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() })
const refusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const textContent = z.union([z.string(), z.array(textPart)], 'expected a string or an array of text parts')
const name = z.string().max(256).nullish()

const toolCall = z.strictObject({
  id: z.string().max(256),
  type: z.literal('function', 'only function tools are supported').default('function'),
  // The official clients add `parsed_arguments`, and `index` when they gather a stream; messages come back with them.
  function: z.strictObject({ name: z.string(), arguments: z.string(), parsed_arguments: z.unknown().optional() }),
  index: z.number().int().nullish(),
})

const message = z.discriminatedUnion(
  'role',
  [
    z.strictObject({ role: z.literal('system'), content: textContent, name }),
    z.strictObject({ role: z.literal('developer'), content: textContent, name }),
    z.strictObject({ role: z.literal('user'), content: textContent, name }),
    z.strictObject({
      role: z.literal('assistant'),
      content: z
        .union([z.string(), z.array(z.discriminatedUnion('type', [textPart, refusalPart]))], 'expected a string or an array of text parts')
        .nullish(),
      refusal: z.string().nullish(),
      name,
      tool_calls: z.array(toolCall).max(128).nullish(),
      // What answers carry, and what the official clients add to them, so that an answer can be sent back as it is.
      parsed: z.unknown().optional(),
      annotations: z.array(z.unknown()).max(0, 'annotations are not supported').nullish(),
      audio: z.null('audio is not supported').optional(),
      function_call: z.null('function_call is not supported, use tool_calls').optional(),
    }),
    z.strictObject({ role: z.literal('tool'), content: textContent, tool_call_id: z.string(), name }),
  ],
  'expected one of the roles system, developer, user, assistant, tool',
)

const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, "_" or "-"')
const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()], 'expected a JSON Schema')

const tool = z.strictObject({
  type: z.literal('function', 'only function tools are supported'),
  function: z.strictObject({
    name: toolName,
    description: z.string().max(100_000).nullish(),
    parameters: jsonSchema.nullish(),
    /** Arguments are held to the schema by grammar either way. */
    strict: z.boolean().nullish(),
  }),
})

const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.strictObject({
      type: z.literal('function', 'only function tools are supported'),
      function: z.strictObject({ name: z.string() }),
    }),
  ],
  'expected "none", "auto", "required" or { type: "function", function: { name } }',
)

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject({
        name: z.string().min(1).max(64),
        description: z.string().max(100_000).nullish(),
        schema: jsonSchema.nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
  ],
  'expected one of the types text, json_object, json_schema',
)

const schema = z.strictObject({
  ...samplingFields,
  messages: z.array(message).min(1, 'expected at least one message').max(100_000),
  max_completion_tokens: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31)
    .optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.number().int().min(0).max(20).optional(),
  response_format: responseFormat.optional(),
  tools: z.array(tool).max(128, 'at most 128 tools').optional(),
  tool_choice: toolChoice.optional(),
  /** One call an answer is made, which both values allow. */
  parallel_tool_calls: z.boolean().optional(),
})

const UNSUPPORTED = {
  audio: { advice: 'This server answers with text.' },
  function_call: { advice: "Use 'tool_choice'." },
  functions: { advice: "Use 'tools'." },
  modalities: { advice: 'This server answers with text.', harmless: [['text']] },
  prediction: { advice: 'Predicted outputs are not supported.' },
  reasoning_effort: { advice: 'The models served here have no reasoning effort to set.' },
  service_tier: { advice: 'There is one tier.', harmless: ['auto', 'default'] },
  store: { advice: 'Answers are not stored.', harmless: [false] },
  verbosity: { advice: 'The models served here have no verbosity to set.', harmless: ['medium'] },
  web_search_options: { advice: 'Web search is not supported.' },
}

export type ChatRequest = z.infer<typeof schema>
export type ChatRequestMessage = ChatRequest['messages'][number]
export type ChatTool = NonNullable<ChatRequest['tools']>[number]

export function parseChatRequest(body: Fields): ChatRequest {
  refuseOtherMedia(body.messages)
  const request = readRequest(body, schema, UNSUPPORTED)
  if (request.top_logprobs !== undefined && request.logprobs !== true)
    throw invalidParameter('top_logprobs', "'top_logprobs' needs 'logprobs' to be true.")
  if (request.stream_options !== undefined && request.stream !== true)
    throw invalidParameter('stream_options', "'stream_options' is only allowed when 'stream' is true.")
  checkTools(request)
  checkToolMessages(request.messages)
  return request
}

function checkTools(request: ChatRequest): void {
  const names = request.tools?.map((one) => one.function.name) ?? []
  const twice = names.findIndex((one, i) => names.indexOf(one) !== i)
  if (twice !== -1) throw invalidParameter(`tools[${twice}].function.name`, `The tool '${names[twice]}' is given twice.`)
  if (request.tool_choice === undefined || request.tool_choice === 'none') return
  if (names.length === 0) throw invalidParameter('tool_choice', "'tool_choice' is only allowed when 'tools' are given.")
  if (typeof request.tool_choice === 'object' && !names.includes(request.tool_choice.function.name))
    throw invalidParameter('tool_choice', `'tool_choice' names '${request.tool_choice.function.name}', which is not among 'tools'.`)
}

function checkToolMessages(messages: readonly ChatRequestMessage[]): void {
  const called = new Set<string>()
  messages.forEach((one, i) => {
    if (one.role === 'assistant') for (const call of one.tool_calls ?? []) called.add(call.id)
    if (one.role === 'tool' && !called.has(one.tool_call_id))
      throw invalidParameter(
        `messages[${i}].tool_call_id`,
        `A message of role 'tool' must answer an earlier tool call; no call has the id '${one.tool_call_id}'.`,
      )
  })
}

/** Images, audio and files get words of their own, not "expected text". */
function refuseOtherMedia(messages: unknown): void {
  if (!Array.isArray(messages)) return
  messages.forEach((one: unknown, i) => {
    const content = (one as Fields | null)?.content
    if (!Array.isArray(content)) return
    content.forEach((part: unknown, k) => {
      const type = (part as Fields | null)?.type
      if (typeof type === 'string' && ['image_url', 'input_audio', 'file'].includes(type))
        throw unsupportedParameter(`messages[${i}].content[${k}]`, `Content of type '${type}' is not supported: this model reads text.`)
    })
  })
}

export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number; audio_tokens: 0 }
  completion_tokens_details: { reasoning_tokens: 0; audio_tokens: 0; accepted_prediction_tokens: 0; rejected_prediction_tokens: 0 }
}

export function usageOf(tokens: { prompt: number; completion: number; cached: number }): Usage {
  return {
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    total_tokens: tokens.prompt + tokens.completion,
    prompt_tokens_details: { cached_tokens: tokens.cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  }
}

export interface ChatTokenLogprob {
  token: string
  logprob: number
  bytes: number[] | null
  top_logprobs: { token: string; logprob: number; bytes: number[] | null }[]
}

export type ChatFinishReason = 'stop' | 'length' | 'tool_calls'

export interface ChatToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  system_fingerprint: string
  choices: {
    index: number
    message: { role: 'assistant'; content: string | null; refusal: null; annotations: []; tool_calls?: ChatToolCall[] }
    logprobs: { content: ChatTokenLogprob[]; refusal: null } | null
    finish_reason: ChatFinishReason
  }[]
  usage: Usage
}

export interface ChatCompletionChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  system_fingerprint: string
  choices: {
    index: number
    delta: {
      role?: 'assistant'
      content?: string | null
      refusal?: null
      tool_calls?: { index: number; id?: string; type?: 'function'; function: { name?: string; arguments: string } }[]
    }
    logprobs: { content: ChatTokenLogprob[]; refusal: null } | null
    finish_reason: ChatFinishReason | null
  }[]
  usage?: Usage | null
}
