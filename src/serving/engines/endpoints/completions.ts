/** POST /v1/completions. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { usageOf } from '../../../wire/openai/chat.ts'
import {
  type Completion,
  type CompletionLogprobs,
  type CompletionRequest,
  parseCompletionRequest,
  promptsOf,
} from '../../../wire/openai/completions.ts'
import type { Fields } from '../../../wire/openai/request.ts'
import { sseData, type TokenCounts } from '../../../wire/openai/sse.ts'
import type { FinishReason, Generation, TokenLogprob } from '../engine.ts'
import type { Exchange } from '../exchange.ts'
import { completionGenerateRequest } from '../generate-request.ts'
import { answerId, type Choice, choicesOf, runChoices, type Service, unixSeconds } from './service.ts'

export async function answerCompletion(service: Service, body: Fields, exchange: Exchange): Promise<void> {
  const request = parseCompletionRequest(body)
  const generations: Generation[] = []
  // One after the other, and in between whoever else wants something: together they would hold the process for all their tokens.
  for (const prompt of promptsOf(request)) {
    if (generations.length > 0) await nextTurn()
    generations.push(await service.engine.prepare(completionGenerateRequest(request, prompt, service.config)))
  }
  const choices = choicesOf(generations, request.n ?? 1)
  const common = {
    id: answerId('cmpl'),
    object: 'text_completion' as const,
    created: unixSeconds(),
    model: request.model,
    system_fingerprint: service.engine.fingerprint,
  }
  if (request.stream === true) await streamCompletion(service, request, common, choices, exchange)
  else await completeCompletion(service, request, common, choices, exchange)
}

type Common = Pick<Completion, 'id' | 'object' | 'created' | 'model' | 'system_fingerprint'>

function usageFrom(counts: TokenCounts) {
  return usageOf({ prompt: counts.prompt_tokens, completion: counts.completion_tokens, cached: counts.cached_tokens })
}

/** Tool calls do not occur here: a plain prompt has no tools. */
function reasonOf(reason: FinishReason): 'stop' | 'length' {
  return reason === 'length' ? 'length' : 'stop'
}

/** The older form of log-probabilities, with offsets into the answer's text. */
class Offsets {
  #length = 0

  logprobs(tokens: readonly TokenLogprob[]): CompletionLogprobs {
    return {
      tokens: tokens.map(({ token }) => token),
      token_logprobs: tokens.map(({ logprob }) => logprob),
      top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map((one) => [one.token, one.logprob]))),
      text_offset: tokens.map(({ token }) => {
        const offset = this.#length
        this.#length += token.length
        return offset
      }),
    }
  }
}

async function completeCompletion(
  service: Service,
  request: CompletionRequest,
  common: Common,
  choices: readonly Choice[],
  exchange: Exchange,
): Promise<void> {
  const answers = choices.map(() => ({ text: [] as string[], logprobs: [] as TokenLogprob[], reason: 'stop' as FinishReason }))
  const counts = await runChoices(service, choices, exchange.signal, ({ index }, event) => {
    const answer = answers[index]!
    if (event.type === 'text') {
      answer.text.push(event.text)
      answer.logprobs.push(...event.logprobs)
    } else if (event.type === 'end') answer.reason = event.reason
  })
  const completion: Completion = {
    ...common,
    choices: answers.map((answer, index) => ({
      index,
      text: answer.text.join(''),
      logprobs: request.logprobs === undefined ? null : new Offsets().logprobs(answer.logprobs),
      finish_reason: reasonOf(answer.reason),
    })),
    usage: usageFrom(counts),
  }
  exchange.sendJson(200, completion, counts)
}

async function streamCompletion(
  service: Service,
  request: CompletionRequest,
  common: Common,
  choices: readonly Choice[],
  exchange: Exchange,
): Promise<void> {
  const usage = request.stream_options?.include_usage === true ? { usage: null } : {}
  const offsets = choices.map(() => new Offsets())
  const chunk = (choice: Completion['choices'][number]) =>
    exchange.write(sseData({ ...common, choices: [choice], ...usage } satisfies Completion))
  const counts = await runChoices(service, choices, exchange.signal, ({ index }, event) => {
    if (event.type === 'begin') exchange.startStream()
    else if (event.type === 'text')
      return chunk({
        index,
        text: event.text,
        logprobs: request.logprobs === undefined ? null : offsets[index]!.logprobs(event.logprobs),
        finish_reason: null,
      })
    else if (event.type === 'end') return chunk({ index, text: '', logprobs: null, finish_reason: reasonOf(event.reason) })
  })
  if (request.stream_options?.include_usage === true)
    await exchange.write(sseData({ ...common, choices: [], usage: usageFrom(counts) } satisfies Completion))
  exchange.endStream(counts)
}
