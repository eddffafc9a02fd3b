/**
 * So many streamed answers at the same time, and how fast they were written. The client only keeps what arrives and when; it is read when
 * all is over, so that the two cores belong to the server.
 */
import { Agent, request } from 'node:http'

export interface Ask {
  readonly prompt: readonly number[]
  readonly maxTokens: number
  /** Tokens that may not come: those that end an answer. */
  readonly never: readonly number[]
}

export interface Speed {
  /** Tokens a second of all answers together, while all of them were being written. */
  readonly decode: number
  /** Prompt and answer tokens over the whole time. */
  readonly total: number
  /** Seconds until each answer had its first token: the median. */
  readonly firstToken: number
}

interface Arrival {
  readonly at: number
  readonly bytes: Buffer
}

interface Answer {
  /** Milliseconds at which its pieces of text came. */
  readonly pieces: readonly number[]
  readonly tokens: number
}

/** llama-server closes an idle connection when it likes: each request has one of its own. */
const agent = new Agent({ keepAlive: false })

export async function measure(port: number, asks: readonly Ask[]): Promise<Speed> {
  const started = performance.now()
  const arrivals = await Promise.all(asks.map((ask) => send(port, ask)))
  const answers = arrivals.map((arrival, i) => read(arrival, asks[i]!))
  const ended = Math.max(...answers.map(({ pieces }) => pieces.at(-1)!))
  const from = Math.max(...answers.map(({ pieces }) => pieces[0]!))
  const to = Math.min(...answers.map(({ pieces }) => pieces.at(-1)!))
  if (to <= from) throw new Error('One answer was over before another began: ask for longer ones.')
  // A piece is a token but where a character took several.
  const decoded = answers.reduce(
    (sum, { pieces, tokens }) => sum + pieces.filter((at) => at > from && at <= to).length * (tokens / pieces.length),
    0,
  )
  const tokens = answers.reduce((sum, answer, i) => sum + answer.tokens + asks[i]!.prompt.length, 0)
  return {
    decode: (decoded / (to - from)) * 1000,
    total: (tokens / (ended - started)) * 1000,
    firstToken: (answers.map(({ pieces }) => pieces[0]! - started).toSorted((a, b) => a - b)[answers.length >> 1]! as number) / 1000,
  }
}

function send(port: number, { prompt, maxTokens, never }: Ask): Promise<Arrival[]> {
  const body = JSON.stringify({
    model: 'bench',
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    logit_bias: Object.fromEntries(never.map((token) => [token, -100])),
    stream: true,
    stream_options: { include_usage: true },
  })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const asking = request({ port, host: '127.0.0.1', method: 'POST', path: '/v1/completions', agent, headers })
    asking.on('response', (response) => {
      const arrivals: Arrival[] = []
      response.on('data', (bytes: Buffer) => arrivals.push({ at: performance.now(), bytes }))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) return resolve(arrivals)
        reject(new Error(`Answered ${response.statusCode}: ${Buffer.concat(arrivals.map(({ bytes }) => bytes))}`))
      })
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

interface Chunk {
  readonly choices: readonly { readonly text: string }[]
  readonly usage?: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly prompt_tokens_details: { readonly cached_tokens: number }
  } | null
  readonly error?: unknown
}

function read(arrivals: readonly Arrival[], { prompt, maxTokens }: Ask): Answer {
  const pieces: number[] = []
  let usage: Chunk['usage']
  let text = ''
  for (const { at, bytes } of arrivals) {
    text += bytes.toString('latin1')
    const events = text.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      if (!event.startsWith('data: {')) continue
      const chunk = JSON.parse(event.slice('data: '.length)) as Chunk
      if (chunk.error) throw new Error(`An answer broke off: ${event}`)
      if (chunk.choices[0]?.text) pieces.push(at)
      usage = chunk.usage ?? usage
    }
  }
  if (usage?.prompt_tokens !== prompt.length || usage.completion_tokens !== maxTokens || usage.prompt_tokens_details.cached_tokens !== 0)
    throw new Error(`Asked for ${prompt.length} + ${maxTokens} tokens, none of them cached, but got ${JSON.stringify(usage)}.`)
  return { pieces, tokens: maxTokens }
}
