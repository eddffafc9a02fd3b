/** What a version, or an arm of an experiment, says where a request says nothing: its system prompt, its sampling. */
import type { CompiledArm } from '../../resources/snapshot.ts'
import type { Asking } from './protocol.ts'

export interface Defaults {
  readonly system?: string
  readonly sampling?: Readonly<Record<string, unknown>>
}

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

/** A new object: the request's own fields, and the defaults where it has none. */
export function withDefaults({ operation, json }: Pick<Asking, 'operation' | 'json'>, defaults: Defaults): Record<string, unknown> {
  const sent: Record<string, unknown> = { ...json }
  const { system, sampling } = defaults
  if (sampling && operation !== 'embedding') {
    for (const [ours, theirs] of SAMPLING_NAMES)
      if (sampling[ours] !== undefined && (sent[theirs] === undefined || sent[theirs] === null)) sent[theirs] = sampling[ours]
    const { maxTokens } = sampling
    if (maxTokens !== undefined && !sent.max_tokens && !sent.max_completion_tokens) sent.max_tokens = maxTokens
  }
  if (operation === 'chat' && system !== undefined) {
    const messages = json.messages as { role?: unknown }[]
    const brings = messages.some((message) => message?.role === 'system' || message?.role === 'developer')
    if (!brings) sent.messages = [{ role: 'system', content: system }, ...messages]
  }
  return sent
}

/** A request and its body as an arm of an experiment asks it: whatever answers, the arm's prompt and sampling come before its own. */
export function askedByArm(
  { system, sampling }: CompiledArm,
  request: Asking,
  body: Buffer,
): { readonly request: Asking; readonly sent: Buffer } {
  if (request.protocol !== 'openai' || (system === undefined && sampling === undefined)) return { request, sent: body }
  const json = withDefaults(request, { ...(system === undefined ? {} : { system }), ...(sampling ? { sampling } : {}) })
  return { request: { ...request, json }, sent: Buffer.from(JSON.stringify(json)) }
}
