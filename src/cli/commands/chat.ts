/** `strata chat MODEL`: a conversation in the terminal, streamed. Ctrl-C stops the answer, then the conversation. With piped input: one question. */
import { createInterface } from 'node:readline/promises'
import { readCredentials } from '../../kernel/credentials.ts'
import { messageOf, StrataError, systemCode } from '../../kernel/errors.ts'
import { homeAt } from '../../kernel/home.ts'
import { readLines } from '../../kernel/json-lines.ts'
import { HOW_TO_START } from '../control-client.ts'
import { EXIT, Exit } from '../exit-codes.ts'
import { fetchTrusting } from '../fetch-trusting.ts'
import { palette } from '../terminal.ts'

export interface ChatFlags {
  readonly system?: string
  readonly temperature?: string
  readonly maxTokens?: string
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

interface Gateway {
  readonly url: string
  readonly key: string
  readonly certFile: string | undefined
}

interface AnswerFacts {
  readonly text: string
  readonly version: string | undefined
  readonly firstTokenMs: number | undefined
  readonly totalMs: number
  readonly tokens: number | undefined
}

export async function chat(model: string, words: readonly string[], flags: ChatFlags): Promise<void> {
  const gateway = findGateway()
  const ask = (messages: readonly Message[], signal: AbortSignal) =>
    streamAnswer(gateway, { model, messages, ...parameters(flags) }, signal, (text) => process.stdout.write(text))
  const start: Message[] = flags.system ? [{ role: 'system', content: flags.system }] : []

  const question = words.length > 0 ? words.join(' ') : process.stdin.isTTY ? undefined : await readAll(process.stdin)
  if (question === undefined) return converse(model, start, ask)
  if (!question.trim()) throw new StrataError('usage', 'There was no question on standard input.')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  try {
    await ask([...start, { role: 'user', content: question }], stop.signal)
    process.stdout.write('\n')
  } catch (error) {
    if (!stop.signal.aborted) throw error
    process.stdout.write('\n')
    throw new Exit(EXIT.interrupted)
  }
}

async function converse(
  model: string,
  start: readonly Message[],
  ask: (messages: readonly Message[], signal: AbortSignal) => Promise<AnswerFacts>,
): Promise<void> {
  const colour = palette()
  console.log(colour.dim(`${model} · /clear forgets the conversation · /quit or Ctrl-C ends it`))
  let messages = [...start]
  const terminal = createInterface({ input: process.stdin, output: process.stdout, historySize: 200 })
  let answering: AbortController | undefined
  let leaving = false
  const leave = () => {
    leaving = true
    terminal.close()
  }
  // readline holds the terminal in raw mode, so a Ctrl-C comes here and not as a signal.
  terminal.on('SIGINT', () => (answering ? answering.abort() : leave()))
  terminal.setPrompt(colour.bold('› '))
  terminal.prompt()
  for await (const line of terminal) {
    const text = line.trim()
    if (text === '/quit' || text === '/exit') break
    if (text === '/clear') messages = [...start]
    else if (text) {
      answering = new AbortController()
      const asked: Message[] = [...messages, { role: 'user', content: text }]
      try {
        const facts = await ask(asked, answering.signal)
        messages = [...asked, { role: 'assistant', content: facts.text }]
        console.log(`\n${colour.dim(describe(facts))}`)
      } catch (error) {
        if (answering.signal.aborted) console.log(colour.dim('\n(stopped)'))
        else console.log(`\n${colour.red(messageOf(error))}`)
      } finally {
        answering = undefined
      }
    }
    if (leaving) break
    terminal.prompt()
  }
  terminal.close()
  process.stdout.write('\n')
}

function describe({ version, firstTokenMs, totalMs, tokens }: AnswerFacts): string {
  const decoding = firstTokenMs === undefined ? totalMs : totalMs - firstTokenMs
  return [
    version,
    firstTokenMs === undefined ? undefined : `first token ${Math.round(firstTokenMs)} ms`,
    tokens === undefined ? undefined : `${tokens} tokens`,
    tokens !== undefined && tokens > 1 && decoding > 0 ? `${((tokens - 1) / (decoding / 1000)).toFixed(0)} tokens/s` : undefined,
  ]
    .filter(Boolean)
    .join(' · ')
}

function findGateway(): Gateway {
  const home = homeAt()
  const credentials = readCredentials(home)
  const url = process.env.STRATA_GATEWAY_URL || credentials?.gatewayUrl
  const key = process.env.STRATA_API_KEY || credentials?.apiKey
  if (!url || !key) throw new StrataError('not_running', `Strata has never run on ${home.root}.`, { advice: HOW_TO_START })
  return { url: url.replace(/\/+$/, ''), key, certFile: url === credentials?.gatewayUrl ? credentials.tlsCertFile : undefined }
}

function parameters(flags: ChatFlags): Record<string, number> {
  const numbers: [string, string | undefined][] = [
    ['temperature', flags.temperature],
    ['max_tokens', flags.maxTokens],
  ]
  return Object.fromEntries(
    numbers.flatMap(([name, text]) => {
      if (text === undefined) return []
      if (text === '' || Number.isNaN(Number(text))) throw new StrataError('usage', `--${name.replace('_', '-')} ${text} is not a number.`)
      return [[name, Number(text)]]
    }),
  )
}

async function streamAnswer(gateway: Gateway, body: object, signal: AbortSignal, onText: (text: string) => void): Promise<AnswerFacts> {
  const since = performance.now()
  let response: Response
  try {
    response = await fetchTrusting(gateway.certFile, `${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw error
    const code = systemCode((error as { cause?: unknown }).cause)
    if (code === 'ECONNREFUSED') throw new StrataError('not_running', `Strata is not running at ${gateway.url}.`, { advice: HOW_TO_START })
    throw new StrataError('unreachable', `${gateway.url} cannot be reached: ${messageOf((error as { cause?: unknown }).cause ?? error)}.`)
  }
  if (!response.ok) throw await refusal(response)

  let text = ''
  let firstTokenMs: number | undefined
  let tokens: number | undefined
  for await (const line of readLines(response.body as unknown as AsyncIterable<Uint8Array>)) {
    const data = /^data: ?(.*?)\r?$/.exec(line)?.[1]
    if (!data || data === '[DONE]') continue
    const event = JSON.parse(data) as {
      choices?: { delta?: { content?: string | null } }[]
      usage?: { completion_tokens?: number } | null
      error?: { message: string; code?: string }
    }
    if (event.error) throw new StrataError(event.error.code ?? 'failed', event.error.message)
    const piece = event.choices?.[0]?.delta?.content
    if (piece) {
      firstTokenMs ??= performance.now() - since
      text += piece
      onText(piece)
    }
    tokens = event.usage?.completion_tokens ?? tokens
  }
  return {
    text,
    version: response.headers.get('x-strata-model-version') ?? undefined,
    firstTokenMs,
    totalMs: performance.now() - since,
    tokens,
  }
}

async function refusal(response: Response): Promise<StrataError> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text) as { error: { message: string; code?: string | null } }
    const codes: Record<number, string> = { 401: 'unauthorized', 403: 'forbidden', 404: 'not_found' }
    return new StrataError(codes[response.status] ?? error.code ?? 'failed', error.message)
  } catch {
    // Not in OpenAI's form: what a server behind the gateway says is passed on as it is.
    const who = response.headers.get('x-strata-error-source') === 'upstream' ? "The model's server" : 'The gateway'
    return new StrataError('failed', `${who} answered HTTP ${response.status}, and not in OpenAI's form.`)
  }
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}
