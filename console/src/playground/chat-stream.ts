/** One streamed chat answer through control's proxy, as the gateway sends it to any client. */
import { API } from '../api/client.ts'

export interface ChatCall {
  readonly model: string
  readonly system?: string
  readonly prompt: string
  readonly temperature?: number
  readonly maxTokens?: number
  readonly seed?: number
}

export interface Progress {
  readonly text: string
  /** Which version answered: "assistant@v1". */
  readonly version?: string
  readonly simulated: boolean
  /** Milliseconds from sending to the first token. */
  readonly firstToken?: number
  /** Milliseconds so far. */
  readonly elapsed: number
  readonly tokensIn?: number
  readonly tokensOut?: number
  readonly finish?: string
  readonly requestId?: string
}

/** The body of a call, also what "Code" shows. */
export function bodyOf(call: ChatCall) {
  return {
    model: call.model,
    messages: [...(call.system ? [{ role: 'system', content: call.system }] : []), { role: 'user', content: call.prompt }],
    ...(call.temperature === undefined ? {} : { temperature: call.temperature }),
    ...(call.maxTokens === undefined ? {} : { max_tokens: call.maxTokens }),
    ...(call.seed === undefined ? {} : { seed: call.seed }),
  }
}

interface StreamedChunk {
  error?: { message: string }
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[]
  usage?: { prompt_tokens: number; completion_tokens: number } | null
}

/** Calls `onProgress` as the answer grows; settles with the last state. Throws with the gateway's own words; an abort throws too. */
export async function streamChat(call: ChatCall, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<Progress> {
  const sent = performance.now()
  const res = await fetch(`${API}/gateway/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...bodyOf(call), stream: true, stream_options: { include_usage: true } }),
    signal,
  })
  if (!res.ok || !res.body) throw new Error(await refusal(res))
  let progress: Progress = {
    text: '',
    version: res.headers.get('x-strata-model-version') ?? undefined,
    simulated: res.headers.get('x-strata-simulated') === '1',
    requestId: res.headers.get('x-request-id') ?? undefined,
    elapsed: 0,
  }
  let whole = false
  for await (const data of events(res.body)) {
    if (data === '[DONE]') {
      whole = true
      break
    }
    const chunk = JSON.parse(data) as StreamedChunk
    if (chunk.error) throw new Error(chunk.error.message)
    const choice = chunk.choices?.[0]
    const piece = choice?.delta?.content ?? ''
    const elapsed = performance.now() - sent
    progress = {
      ...progress,
      text: progress.text + piece,
      firstToken: progress.firstToken ?? (piece ? elapsed : undefined),
      elapsed,
      finish: choice?.finish_reason ?? progress.finish,
      tokensIn: chunk.usage?.prompt_tokens ?? progress.tokensIn,
      tokensOut: chunk.usage?.completion_tokens ?? progress.tokensOut,
    }
    onProgress(progress)
  }
  if (!whole) throw new Error('The connection broke in the middle of the answer; what stands here is not whole.')
  return progress
}

async function refusal(res: Response): Promise<string> {
  try {
    const { error } = (await res.json()) as { error: { message: string } }
    return error.message
  } catch {
    return `The gateway answered ${res.status}.` // not JSON: a proxy in between
  }
}

/** The `data` of each event of an SSE body. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let held = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      held += value
      for (let end = held.indexOf('\n\n'); end !== -1; end = held.indexOf('\n\n')) {
        for (const line of held.slice(0, end).split('\n')) if (line.startsWith('data:')) yield line.slice(5).trim()
        held = held.slice(end + 2)
      }
    }
  } finally {
    // Whoever stops reading has stopped listening: the engine's slot shall be free.
    void reader.cancel().catch(() => undefined)
  }
}
