/**
 * One request and what became of it, judged as a client that trusts nothing would: is an answer that looks whole really whole, and does one
 * that is not say so? Each request has a connection of its own, so that it lands on either gateway.
 */
import { type ClientRequest, request } from 'node:http'

export interface Answer {
  readonly status: number
  /** Of the gateway's record; undefined when the connection broke before there was a head. */
  readonly id?: string
  readonly body: string
  /** The message ended as HTTP says that it ends. Otherwise the connection was torn. */
  readonly whole: boolean
  readonly began: number
  /** `performance.now()` when it was over. */
  readonly ended: number
}

export interface Question {
  readonly url: string
  readonly key: string
  readonly path?: string
  readonly body: Record<string, unknown>
  /** Called with what came so far; a client that has enough calls `leave`. */
  readonly onPart?: (body: string, leave: () => void) => void
}

/** Never rejects: a connection that breaks is an answer too. */
export function ask({ url, key, path = '/v1/chat/completions', body, onPart }: Question): Promise<Answer> {
  const began = performance.now()
  return new Promise((done) => {
    let text = ''
    const over = (status: number, id: string | undefined, whole: boolean) =>
      done({ status, id, body: text, whole, began, ended: performance.now() })
    const sent: ClientRequest = request(`${url}${path}`, {
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    })
    sent.on('response', (response) => {
      const id = response.headers['x-request-id'] as string | undefined
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        onPart?.(text, () => sent.destroy())
      })
      response.on('error', () => undefined) // torn: `close` follows and says so
      response.on('close', () => over(response.statusCode!, id, response.complete))
    })
    sent.on('error', () => over(0, undefined, false))
    sent.end(JSON.stringify(body))
  })
}

export interface Verdict {
  readonly outcome: 'ok' | 'cut' | 'refused'
  /** What is wrong with it; undefined when it is honest. */
  readonly lie?: string
}

interface Chunk {
  readonly error?: { readonly message?: string; readonly code?: string }
  readonly choices?: readonly { readonly delta?: { readonly content?: string }; readonly finish_reason?: string | null }[]
}

/** `expected`: the only whole text that this question has. */
export function judgeStream(answer: Answer, expected: string): Verdict {
  if (answer.status !== 200) return judgeRefusal(answer)
  const events = answer.body.split('\n\n')
  const last = events.pop()! // what a torn connection has left of an event
  const data = events.flatMap((event) => (event.startsWith('data: ') ? [event.slice('data: '.length)] : []))
  const chunks = data.filter((each) => each !== '[DONE]').map((each) => JSON.parse(each) as Chunk)
  const text = chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join('')
  const finished = chunks.some((chunk) => (chunk.choices?.[0]?.finish_reason ?? null) !== null)
  const done = data.includes('[DONE]')
  const error = chunks.find((chunk) => chunk.error)?.error
  if (answer.whole && last !== '') return { outcome: 'cut', lie: `ends in half an event: ${JSON.stringify(last)}` }
  if (!expected.startsWith(text)) return { outcome: 'cut', lie: `another text: ${JSON.stringify(text)}` }
  if ((finished || done) && text !== expected)
    return { outcome: 'cut', lie: `says that it is finished after ${text.length} of ${expected.length} characters` }
  if (done) return { outcome: 'ok', ...(finished ? {} : { lie: '[DONE] without a finish_reason' }) }
  if (error && !error.message) return { outcome: 'cut', lie: 'an error without words' }
  if (answer.whole && !error) return { outcome: 'cut', lie: 'ends neatly, with neither [DONE] nor an error' }
  return { outcome: 'cut' }
}

export function judgePlain(answer: Answer, expected: string): Verdict {
  if (answer.status !== 200) return judgeRefusal(answer)
  if (!answer.whole) return { outcome: 'cut' }
  const { choices } = JSON.parse(answer.body) as { choices: { message: { content: string } }[] }
  const text = choices[0]!.message.content
  return { outcome: 'ok', ...(text === expected ? {} : { lie: `another text: ${JSON.stringify(text)}` }) }
}

function judgeRefusal({ status, body, whole }: Answer): Verdict {
  if (status === 0 || !whole) return { outcome: 'cut' }
  const { error } = JSON.parse(body) as Chunk
  return { outcome: 'refused', ...(error?.message && error.code ? {} : { lie: `${status} without words: ${body}` }) }
}
