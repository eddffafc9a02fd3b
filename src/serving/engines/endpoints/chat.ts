/** POST /v1/chat/completions. */
import { randomBase62 } from '../../../kernel/ids.ts'
import {
  type ChatCompletion,
  type ChatCompletionChunk,
  type ChatRequest,
  type ChatTokenLogprob,
  type ChatToolCall,
  parseChatRequest,
  usageOf,
} from '../../../wire/openai/chat.ts'
import type { Fields } from '../../../wire/openai/request.ts'
import { sseData, type TokenCounts } from '../../../wire/openai/sse.ts'
import type { FinishReason, TokenLogprob } from '../engine.ts'
import type { Exchange } from '../exchange.ts'
import { chatGenerateRequest } from '../generate-request.ts'
import { answerId, type Choice, choicesOf, runChoices, type Service, unixSeconds } from './service.ts'

export async function answerChat(service: Service, body: Fields, exchange: Exchange): Promise<void> {
  const request = parseChatRequest(body)
  const generation = await service.engine.prepare(chatGenerateRequest(request, service.config))
  const choices = choicesOf([generation], request.n ?? 1)
  if (request.stream === true) await streamChat(service, request, choices, exchange)
  else await completeChat(service, request, choices, exchange)
}

function identity(service: Service, request: ChatRequest) {
  return { id: answerId('chatcmpl'), created: unixSeconds(), model: request.model, system_fingerprint: service.engine.fingerprint }
}

function usageFrom(counts: TokenCounts) {
  return usageOf({ prompt: counts.prompt_tokens, completion: counts.completion_tokens, cached: counts.cached_tokens })
}

function toolCallId(): string {
  return `call_${randomBase62(24)}`
}

async function completeChat(service: Service, request: ChatRequest, choices: readonly Choice[], exchange: Exchange): Promise<void> {
  const answers = choices.map(() => ({
    text: [] as string[],
    logprobs: [] as ChatTokenLogprob[],
    calls: [] as ChatToolCall[],
    reason: 'stop' as FinishReason,
  }))
  const counts = await runChoices(service, choices, exchange.signal, ({ index }, event) => {
    const answer = answers[index]!
    if (event.type === 'text') {
      answer.text.push(event.text)
      answer.logprobs.push(...event.logprobs.map(tokenLogprob))
    } else if (event.type === 'toolCall')
      answer.calls.push({ id: toolCallId(), type: 'function', function: { name: event.name, arguments: '' } })
    else if (event.type === 'toolArguments') answer.calls.at(-1)!.function.arguments += event.text
    else if (event.type === 'end') answer.reason = event.reason
  })
  const completion: ChatCompletion = {
    ...identity(service, request),
    object: 'chat.completion',
    choices: answers.map((answer, index) => {
      const text = answer.text.join('')
      return {
        index,
        message: {
          role: 'assistant',
          content: text === '' && answer.calls.length > 0 ? null : text,
          refusal: null,
          annotations: [],
          ...(answer.calls.length > 0 ? { tool_calls: answer.calls } : {}),
        },
        logprobs: request.logprobs === true ? { content: answer.logprobs, refusal: null } : null,
        finish_reason: answer.reason,
      }
    }),
    usage: usageFrom(counts),
  }
  exchange.sendJson(200, completion, counts)
}

async function streamChat(service: Service, request: ChatRequest, choices: readonly Choice[], exchange: Exchange): Promise<void> {
  const who = identity(service, request)
  const withUsage = request.stream_options?.include_usage === true
  const common = {
    id: who.id,
    object: 'chat.completion.chunk' as const,
    created: who.created,
    model: who.model,
    system_fingerprint: who.system_fingerprint,
  }
  type ChunkChoice = ChatCompletionChunk['choices'][number]
  const chunk = (index: number, delta: ChunkChoice['delta'], more: Partial<ChunkChoice> = {}) => {
    const whole: ChatCompletionChunk = {
      ...common,
      choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
      ...(withUsage ? { usage: null } : {}),
    }
    return exchange.write(sseData(whole))
  }
  // Most chunks differ in their text alone: the rest of them is made once.
  const [before, after] = sseData({
    ...common,
    choices: [{ index: -1, delta: { content: '' }, logprobs: null, finish_reason: null }],
    ...(withUsage ? { usage: null } : {}),
  }).split('""') as [string, string]
  const beginnings = choices.map(({ index }) => before.replace('"index":-1', `"index":${index}`))

  const counts = await runChoices(service, choices, exchange.signal, ({ index }, event) => {
    switch (event.type) {
      case 'begin':
        exchange.startStream()
        return chunk(index, { role: 'assistant', content: '', refusal: null })
      case 'text':
        if (event.logprobs.length === 0) return exchange.write(`${beginnings[index]}${JSON.stringify(event.text)}${after}`)
        return chunk(index, { content: event.text }, { logprobs: { content: event.logprobs.map(tokenLogprob), refusal: null } })
      case 'toolCall':
        return chunk(index, {
          tool_calls: [{ index: 0, id: toolCallId(), type: 'function', function: { name: event.name, arguments: '' } }],
        })
      case 'toolArguments':
        return chunk(index, { tool_calls: [{ index: 0, function: { arguments: event.text } }] })
      case 'end':
        return chunk(index, {}, { finish_reason: event.reason })
      default:
        return event satisfies never
    }
  })
  if (withUsage) await exchange.write(sseData({ ...common, choices: [], usage: usageFrom(counts) } satisfies ChatCompletionChunk))
  exchange.endStream(counts)
}

function tokenLogprob(one: TokenLogprob): ChatTokenLogprob {
  return {
    token: one.token,
    logprob: one.logprob,
    bytes: [...one.bytes],
    top_logprobs: one.top.map((other) => ({ token: other.token, logprob: other.logprob, bytes: [...other.bytes] })),
  }
}
